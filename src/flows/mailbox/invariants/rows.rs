//! The structure of the channel database.

use super::{each, require};
use crate::check::Outcome;
use crate::flows::mailbox::model::ChannelRows;

/// `no-open-transaction`: asks the server's own connections (channel, usage). What is open between two events is
/// published by whoever commits next.
#[must_use]
pub fn no_open_transaction(open: (bool, bool)) -> Outcome {
    match open {
        (false, false) => Outcome::Held,
        (true, _) => Outcome::violated("channel transaction left open", "somebody else's commit will publish it"),
        (false, true) => Outcome::violated("usage transaction left open", "somebody else's commit will publish it"),
    }
}

/// `references-hold`: what SQLite's own check of foreign keys would say.
#[must_use]
pub fn references_hold(rows: &ChannelRows) -> Outcome {
    let nameplates = each(&rows.nameplates, |n| {
        require(rows.mailbox(&n.mailbox).is_some(), "nameplate without mailbox", || {
            format!("nameplate {} of {} refers to mailbox {}", n.name, n.app, n.mailbox)
        })
    });
    let sides = each(&rows.mailbox_sides, |s| {
        require(rows.mailbox(&s.mailbox).is_some(), "side without mailbox", || {
            format!("side {} refers to mailbox {}", s.side, s.mailbox)
        })
    });
    let claims = each(&rows.nameplate_sides, |s| {
        require(rows.nameplates.iter().any(|n| n.id == s.nameplate), "side without nameplate", || {
            format!("side {} refers to nameplates:{}", s.side, s.nameplate)
        })
    });
    worst([nameplates, sides, claims])
}

/// `mailbox-has-a-side`
#[must_use]
pub fn mailbox_has_a_side(rows: &ChannelRows) -> Outcome {
    each(&rows.mailboxes, |m| {
        require(rows.sides_of_mailbox(&m.id).next().is_some(), "mailbox without sides", || {
            format!("mailbox {} of {}, last touched at {}", m.id, m.app, m.updated)
        })
    })
}

/// `nameplate-has-a-side`
#[must_use]
pub fn nameplate_has_a_side(rows: &ChannelRows) -> Outcome {
    each(&rows.nameplates, |n| {
        require(rows.sides_of_nameplate(n.id).next().is_some(), "nameplate without sides", || {
            format!("nameplate {} of {} (nameplates:{})", n.name, n.app, n.id)
        })
    })
}

/// `names-and-sides-are-unique`
#[must_use]
pub fn names_and_sides_are_unique(rows: &ChannelRows) -> Outcome {
    let names = rows.nameplates.iter().map(|n| ("name twice", n.app.clone(), n.name.clone()));
    let claims = rows.nameplate_sides.iter().map(|s| ("claim twice", s.nameplate.to_string(), s.side.clone()));
    let sides = rows.mailbox_sides.iter().map(|s| ("side twice", s.mailbox.clone(), s.side.clone()));
    let mut keys: Vec<_> = names.chain(claims).chain(sides).collect();
    keys.sort();
    if keys.is_empty() {
        return Outcome::Idle;
    }
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Outcome::violated(pair[0].0, format!("{} in {}", pair[0].2, pair[0].1)),
        None => Outcome::Held,
    }
}

/// `message-has-its-mailbox`
#[must_use]
pub fn message_has_its_mailbox(rows: &ChannelRows) -> Outcome {
    each(&rows.messages, |x| {
        let mailbox = rows.mailbox(&x.mailbox);
        require(mailbox.is_some_and(|m| m.app == x.app), "orphan message", || {
            format!("message {} of side {} in mailbox {} of {}", x.phase, x.side, x.mailbox, x.app)
        })
    })
}

/// `nameplate-stays-in-its-app`
#[must_use]
pub fn nameplate_stays_in_its_app(rows: &ChannelRows) -> Outcome {
    each(&rows.nameplates, |n| {
        let other = rows.mailbox(&n.mailbox).filter(|m| m.app != n.app);
        require(other.is_none(), "nameplate and mailbox in different apps", || {
            format!("nameplate {} of {}, mailbox {}", n.name, n.app, n.mailbox)
        })
    })
}

/// `mailbox-has-an-open-side`: of mailboxes that have sides at all.
#[must_use]
pub fn mailbox_has_an_open_side(rows: &ChannelRows) -> Outcome {
    let with_sides = rows.mailboxes.iter().filter(|m| rows.sides_of_mailbox(&m.id).next().is_some());
    each(with_sides, |m| {
        require(rows.sides_of_mailbox(&m.id).any(|s| s.opened), "closed mailbox still there", || {
            format!("mailbox {} of {}", m.id, m.app)
        })
    })
}

/// `nameplate-has-a-claim`: of nameplates that have sides at all.
#[must_use]
pub fn nameplate_has_a_claim(rows: &ChannelRows) -> Outcome {
    let with_sides = rows.nameplates.iter().filter(|n| rows.sides_of_nameplate(n.id).next().is_some());
    each(with_sides, |n| {
        require(rows.sides_of_nameplate(n.id).any(|s| s.claimed), "released nameplate still there", || {
            format!("nameplate {} of {}", n.name, n.app)
        })
    })
}

/// `claimer-is-in-the-mailbox`
#[must_use]
pub fn claimer_is_in_the_mailbox(rows: &ChannelRows) -> Outcome {
    each(&rows.nameplate_sides, |claim| {
        let nameplate = rows.nameplates.iter().find(|n| n.id == claim.nameplate);
        let inside = nameplate.is_none_or(|n| rows.sides_of_mailbox(&n.mailbox).any(|s| s.side == claim.side));
        require(inside, "claimer is no side of the mailbox", || {
            format!("side {} of nameplates:{}", claim.side, claim.nameplate)
        })
    })
}

/// A violation if there is one; idle only if all are.
pub(super) fn worst(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    outcomes.into_iter().fold(Outcome::Idle, |worst, outcome| match (&worst, &outcome) {
        (Outcome::Violated(_), _) | (_, Outcome::Idle) => worst,
        _ => outcome,
    })
}

#[cfg(test)]
mod tests {
    use super::super::cause;
    use super::*;
    use crate::flows::mailbox::model::{MailboxRow, MailboxSideRow, MessageRow, NameplateRow, NameplateSideRow};

    /// One nameplate with its mailbox, one side, one message.
    fn sound() -> ChannelRows {
        ChannelRows {
            nameplates: vec![NameplateRow { id: 1, app: "app".into(), name: "4".into(), mailbox: "m".into() }],
            nameplate_sides: vec![NameplateSideRow { nameplate: 1, claimed: true, side: "a".into(), added: 0.0 }],
            mailboxes: vec![MailboxRow { app: "app".into(), id: "m".into(), updated: 0.0, for_nameplate: true }],
            mailbox_sides: vec![MailboxSideRow {
                mailbox: "m".into(),
                opened: true,
                side: "a".into(),
                added: 0.0,
                mood: None,
            }],
            messages: vec![MessageRow {
                app: "app".into(),
                mailbox: "m".into(),
                side: "a".into(),
                phase: "0".into(),
                body: "x".into(),
                server_rx: 0.0,
            }],
        }
    }

    type Check = fn(&ChannelRows) -> Outcome;
    type Damage = fn(&mut ChannelRows);

    /// Claim: every check holds on sound rows, is idle on empty ones, and fires on the damage it is about.
    #[test]
    fn each_check_fires() {
        let cases: [(Check, Damage, &str); 12] = [
            (references_hold, |r| r.mailboxes.clear(), "nameplate without mailbox"),
            (references_hold, |r| r.mailbox_sides[0].mailbox = "n".into(), "side without mailbox"),
            (references_hold, |r| r.nameplate_sides[0].nameplate = 2, "side without nameplate"),
            (mailbox_has_a_side, |r| r.mailbox_sides.clear(), "mailbox without sides"),
            (nameplate_has_a_side, |r| r.nameplate_sides.clear(), "nameplate without sides"),
            (names_and_sides_are_unique, |r| r.mailbox_sides.push(r.mailbox_sides[0].clone()), "side twice"),
            (message_has_its_mailbox, |r| r.messages[0].app = "other".into(), "orphan message"),
            (message_has_its_mailbox, |r| r.mailboxes.clear(), "orphan message"),
            (
                nameplate_stays_in_its_app,
                |r| r.mailboxes[0].app = "other".into(),
                "nameplate and mailbox in different apps",
            ),
            (mailbox_has_an_open_side, |r| r.mailbox_sides[0].opened = false, "closed mailbox still there"),
            (nameplate_has_a_claim, |r| r.nameplate_sides[0].claimed = false, "released nameplate still there"),
            (claimer_is_in_the_mailbox, |r| r.mailbox_sides[0].side = "b".into(), "claimer is no side of the mailbox"),
        ];
        for (check, damage, expected) in cases {
            let mut rows = sound();
            assert_eq!(cause(&check(&rows)), "held", "{expected}");
            assert_eq!(cause(&check(&ChannelRows::default())), "idle", "{expected}");
            damage(&mut rows);
            assert_eq!(cause(&check(&rows)), expected);
        }
    }

    /// Claim: names may repeat in another app, claims in another nameplate, but not in the same one.
    #[test]
    fn uniqueness_is_per_app_and_nameplate() {
        let mut rows = sound();
        rows.nameplates.push(NameplateRow { id: 2, app: "other".into(), ..rows.nameplates[0].clone() });
        rows.nameplate_sides.push(NameplateSideRow { nameplate: 2, ..rows.nameplate_sides[0].clone() });
        assert_eq!(names_and_sides_are_unique(&rows), Outcome::Held);
        rows.nameplates[1].app = "app".into();
        assert_eq!(cause(&names_and_sides_are_unique(&rows)), "name twice");
        rows.nameplates[1].name = "5".into();
        rows.nameplate_sides[1].nameplate = 1;
        assert_eq!(cause(&names_and_sides_are_unique(&rows)), "claim twice");
    }

    /// Claim: an open transaction on either connection is a violation.
    #[test]
    fn open_transactions_fire() {
        assert_eq!(no_open_transaction((false, false)), Outcome::Held);
        assert_eq!(cause(&no_open_transaction((true, true))), "channel transaction left open");
        assert_eq!(cause(&no_open_transaction((false, true))), "usage transaction left open");
    }
}
