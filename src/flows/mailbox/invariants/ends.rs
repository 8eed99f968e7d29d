//! What a pair of clients gets in the end, and what is left of it.

use super::{each, require};
use crate::check::Outcome;
use crate::flows::mailbox::model::{ChannelRows, ClientEnd, ClientLog};

/// `peer-heard-once-in-order`: `log` is a client that drops duplicates of (side, phase), `peer` the other one.
#[must_use]
pub fn peer_heard_once_in_order(log: &ClientLog, peer: &ClientLog) -> Outcome {
    let heard: Vec<_> = log.seen.iter().filter(|(side, _)| *side == peer.side).map(|(_, phase)| phase).collect();
    if heard.is_empty() && peer.sent.is_empty() {
        return Outcome::Idle;
    }
    let detail = || format!("side {} heard {heard:?} of {:?}", log.side, peer.sent);
    let prefix = heard.iter().copied().eq(peer.sent.iter().take(heard.len()));
    let result = require(prefix, "peer heard out of order or twice", detail).and_then(|()| {
        // Who finished with its peer finished must have heard everything.
        let both = log.end == ClientEnd::Finished && peer.end == ClientEnd::Finished;
        require(!both || heard.len() == peer.sent.len(), "peer not heard to the end", detail)
    });
    result.err().unwrap_or(Outcome::Held)
}

/// `nobody-waits-for-ever`
#[must_use]
pub fn nobody_waits_for_ever(clients: &[ClientLog]) -> Outcome {
    each(clients, |client| {
        require(client.end != ClientEnd::Waiting, "client waits for ever", || format!("side {}", client.side))
    })
}

/// `finished-pair-leaves-nothing`: a mailbox all of whose clients have finished, and the name they met under.
#[must_use]
pub fn finished_pair_leaves_nothing(app: &str, name: &str, mailbox: &str, rows: &ChannelRows) -> Outcome {
    let nameplate = rows.nameplates.iter().any(|n| n.app == app && n.name == name && n.mailbox == mailbox);
    let sides = rows.sides_of_mailbox(mailbox).next().is_some();
    let messages = rows.messages.iter().any(|x| x.app == app && x.mailbox == mailbox);
    let detail = || format!("nameplate {name}, mailbox {mailbox} of {app}");
    let result = require(!nameplate, "finished pair leaves its nameplate", detail)
        .and_then(|()| require(rows.mailbox(mailbox).is_none() && !sides, "finished pair leaves its mailbox", detail))
        .and_then(|()| require(!messages, "finished pair leaves messages", detail));
    result.err().unwrap_or(Outcome::Held)
}

/// `everything-expires`: rows after everybody has been away for expiry, a period and the slack.
#[must_use]
pub fn everything_expires(rows: &ChannelRows) -> Outcome {
    let left = |what: &str, n: usize| {
        require(n == 0, &format!("{what} left for ever"), || format!("{n} rows when nobody has been there for long"))
    };
    let result = left("messages", rows.messages.len())
        .and_then(|()| left("nameplates", rows.nameplates.len() + rows.nameplate_sides.len()))
        .and_then(|()| left("mailboxes", rows.mailboxes.len() + rows.mailbox_sides.len()));
    result.err().unwrap_or(Outcome::Held)
}

#[cfg(test)]
mod tests {
    use super::super::cause;
    use super::*;
    use crate::flows::mailbox::model::{MailboxRow, MailboxSideRow, MessageRow, NameplateRow, NameplateSideRow};

    fn client(side: &str, sent: &[&str], seen: &[&str], end: ClientEnd) -> ClientLog {
        ClientLog {
            side: side.into(),
            sent: sent.iter().map(|phase| (*phase).into()).collect(),
            seen: seen.iter().map(|phase| ("b".into(), (*phase).into())).collect(),
            end,
        }
    }

    /// Claim: gaps, disorder and doubles are violations, and so is a rest when both have finished.
    #[test]
    fn mishearing_fires() {
        let b = client("b", &["0", "1"], &[], ClientEnd::Finished);
        let check = |seen: &[&str], end| cause(&peer_heard_once_in_order(&client("a", &[], seen, end), &b)).to_owned();
        assert_eq!(check(&["0"], ClientEnd::Waiting), "held");
        assert_eq!(check(&["0", "1"], ClientEnd::Finished), "held");
        assert_eq!(check(&["1"], ClientEnd::Waiting), "peer heard out of order or twice");
        assert_eq!(check(&["0", "0"], ClientEnd::Waiting), "peer heard out of order or twice");
        assert_eq!(check(&["0"], ClientEnd::Finished), "peer not heard to the end");
        let silent = client("b", &[], &[], ClientEnd::Waiting);
        assert_eq!(peer_heard_once_in_order(&silent, &silent), Outcome::Idle);
    }

    /// Claim: a client without an end is a violation.
    #[test]
    fn waiting_fires() {
        let ended = |end| client("a", &[], &[], end);
        assert_eq!(nobody_waits_for_ever(&[]), Outcome::Idle);
        assert_eq!(nobody_waits_for_ever(&[ended(ClientEnd::Finished), ended(ClientEnd::Refused)]), Outcome::Held);
        assert_eq!(cause(&nobody_waits_for_ever(&[ended(ClientEnd::Waiting)])), "client waits for ever");
    }

    /// Claim: whatever is left of a pair, and whatever is left for ever, is a violation, table by table.
    #[test]
    fn leftovers_fire() {
        type Left = fn(&mut ChannelRows);
        let cases: [(Left, &str, &str); 5] = [
            (
                |r| r.nameplates.push(NameplateRow { id: 1, app: "app".into(), name: "4".into(), mailbox: "m".into() }),
                "finished pair leaves its nameplate",
                "nameplates left for ever",
            ),
            (
                |r| {
                    let side = NameplateSideRow { nameplate: 1, claimed: false, side: "a".into(), added: 0.0 };
                    r.nameplate_sides.push(side);
                },
                "held",
                "nameplates left for ever",
            ),
            (
                |r| {
                    let row = MailboxRow { app: "app".into(), id: "m".into(), updated: 0.0, for_nameplate: true };
                    r.mailboxes.push(row);
                },
                "finished pair leaves its mailbox",
                "mailboxes left for ever",
            ),
            (
                |r| {
                    let (mailbox, side) = ("m".into(), "a".into());
                    r.mailbox_sides.push(MailboxSideRow { mailbox, side, opened: true, added: 0.0, mood: None });
                },
                "finished pair leaves its mailbox",
                "mailboxes left for ever",
            ),
            (
                |r| {
                    let (app, mailbox, side) = ("app".into(), "m".into(), "a".into());
                    let (phase, body) = ("0".into(), "x".into());
                    r.messages.push(MessageRow { app, mailbox, side, phase, body, server_rx: 0.0 });
                },
                "finished pair leaves messages",
                "messages left for ever",
            ),
        ];
        let mut none = ChannelRows::default();
        assert_eq!(finished_pair_leaves_nothing("app", "4", "m", &none), Outcome::Held);
        assert_eq!(everything_expires(&none), Outcome::Held);
        for (leave, pair, ever) in cases {
            none = ChannelRows::default();
            leave(&mut none);
            assert_eq!(cause(&finished_pair_leaves_nothing("app", "4", "m", &none)), pair);
            assert_eq!(cause(&everything_expires(&none)), ever);
        }
    }
}
