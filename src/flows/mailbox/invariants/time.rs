//! Pruning and expiry.

use std::collections::BTreeMap;

use super::{each, require};
use crate::check::Outcome;
use crate::flows::mailbox::model::{ChannelRows, MailboxRow, TickRecord, UsageRows};
use crate::flows::mailbox::server::{EXPIRY_S, PERIOD_S, RETRY_S};

/// How late a tick, and what it does, may be, in seconds: latencies of the disk, and one retry after a failure.
pub const SLACK_S: f64 = RETRY_S + 5.0;

/// `status-row-is-fresh`: `up_since` is when the server started.
#[must_use]
pub fn status_row_is_fresh(now: f64, up_since: f64, usage: &UsageRows) -> Outcome {
    let updated = usage.current.iter().map(|row| row.updated).fold(up_since, f64::max);
    match require(now - updated <= PERIOD_S + SLACK_S, "status row is stale", || {
        format!("last written by the timer at {updated}, now {now}")
    }) {
        Ok(()) => Outcome::Held,
        Err(violated) => violated,
    }
}

/// `idle-mailbox-expires`: `active` is when a mailbox last had a listener, or a command that was not refused.
/// A mailbox it does not know counts from its own clock.
#[must_use]
pub fn idle_mailbox_expires(now: f64, rows: &ChannelRows, active: &BTreeMap<String, f64>) -> Outcome {
    each(&rows.mailboxes, |m| {
        let since = active.get(&m.id).copied().unwrap_or(m.updated);
        require(now - since <= EXPIRY_S + PERIOD_S + SLACK_S, "idle mailbox does not expire", || {
            format!("mailbox {} of {} idle since {since}, now {now}", m.id, m.app)
        })
    })
}

/// `tick-spares-the-living`
#[must_use]
pub fn tick_spares_the_living(tick: &TickRecord) -> Outcome {
    let deleted = tick.before.mailboxes.iter().filter(|m| tick.after.mailbox(&m.id).is_none());
    each(deleted, |m: &&MailboxRow| {
        require(!tick.listened.contains(&m.id), "tick deletes a mailbox with a listener", || {
            format!("mailbox {}", m.id)
        })?;
        require(m.updated <= tick.at - EXPIRY_S, "tick deletes a young mailbox", || {
            format!("mailbox {} was touched at {}, tick at {}", m.id, m.updated, tick.at)
        })
    })
}

/// `faulty-mailbox-is-isolated`: each error may keep one expired mailbox, not more. A disk or a lock that fails may
/// also keep a tick from finding out what there is to prune: then it prunes nothing.
#[must_use]
pub fn faulty_mailbox_is_isolated(tick: &TickRecord) -> Outcome {
    let expired: Vec<_> = tick
        .before
        .mailboxes
        .iter()
        .filter(|m| m.updated <= tick.at - EXPIRY_S && !tick.listened.contains(&m.id))
        .collect();
    if expired.is_empty() {
        return Outcome::Idle;
    }
    let left: Vec<_> = expired.iter().filter(|m| tick.after.mailbox(&m.id).is_some()).map(|m| &m.id).collect();
    if tick.excused && tick.errors > 0 && left.len() == expired.len() {
        return Outcome::Idle;
    }
    let cause = match tick.errors {
        0 => "expired mailboxes left behind without an error",
        _ => "other mailboxes left behind with a faulty one",
    };
    match require(left.len() <= tick.errors, cause, || format!("{} errors, left: {left:?}", tick.errors)) {
        Ok(()) => Outcome::Held,
        Err(violated) => violated,
    }
}

/// `allocated-name-is-short`: `taken` are the app's names just before.
#[must_use]
pub fn allocated_name_is_short(name: &str, taken: &[String]) -> Outcome {
    let result = require(!taken.iter().any(|t| t == name), "allocated name was taken", || name.to_owned());
    let result = result.and_then(|()| {
        let digits = name.chars().count();
        // All shorter numbers must be taken: nine of one digit, ninety of two, nine hundred of three.
        let shorter = (1..digits.min(4))
            .map(|n| 10_usize.pow(n as u32 - 1)..10_usize.pow(n as u32))
            .find_map(|mut numbers| numbers.find(|n| !taken.contains(&n.to_string())));
        require(shorter.is_none(), "allocated name is too long", || format!("{name}, while {shorter:?} is free"))
    });
    result.err().unwrap_or(Outcome::Held)
}

/// `refusal-changes-nothing`: committed rows before and after a command that was answered with an error.
#[must_use]
pub fn refusal_changes_nothing(before: &ChannelRows, after: &ChannelRows) -> Outcome {
    let without_times = |rows: &ChannelRows| {
        let mut rows = rows.clone();
        rows.mailboxes.iter_mut().for_each(|m| m.updated = 0.0);
        rows
    };
    if before == after {
        Outcome::Held
    } else if without_times(before) == without_times(after) {
        Outcome::violated("refused command refreshes a mailbox", "its expiry time has changed")
    } else {
        Outcome::violated("refused command changes rows", "rows differ before and after")
    }
}

#[cfg(test)]
mod tests {
    use super::super::cause;
    use super::*;
    use crate::flows::mailbox::model::CurrentRow;

    fn rows(mailboxes: &[(&str, f64)]) -> ChannelRows {
        let row = |(id, updated): &(&str, f64)| MailboxRow {
            app: "app".into(),
            id: (*id).into(),
            updated: *updated,
            for_nameplate: false,
        };
        ChannelRows { mailboxes: mailboxes.iter().map(row).collect(), ..ChannelRows::default() }
    }

    /// Claim: the status row may be a period and the slack old, counted from the start if it is older.
    #[test]
    fn stale_status_fires() {
        let usage = |updated| UsageRows {
            current: vec![CurrentRow { rebooted: 0.0, updated, connections: 0 }],
            ..UsageRows::default()
        };
        assert_eq!(status_row_is_fresh(1300.0, 0.0, &usage(1000.0)), Outcome::Held);
        assert_eq!(status_row_is_fresh(1300.0, 1200.0, &usage(10.0)), Outcome::Held);
        assert_eq!(cause(&status_row_is_fresh(1400.0, 0.0, &usage(1000.0))), "status row is stale");
        assert_eq!(cause(&status_row_is_fresh(400.0, 0.0, &UsageRows::default())), "status row is stale");
    }

    /// Claim: idleness counts from the last activity, not from a clock that refused commands may have refreshed.
    #[test]
    fn idle_mailbox_fires() {
        let active = BTreeMap::from([("m".to_owned(), 100.0)]);
        let mailbox = rows(&[("m", 5000.0)]);
        assert_eq!(idle_mailbox_expires(1000.0, &mailbox, &active), Outcome::Held);
        assert_eq!(cause(&idle_mailbox_expires(1100.0, &mailbox, &active)), "idle mailbox does not expire");
        assert_eq!(idle_mailbox_expires(1100.0, &rows(&[]), &active), Outcome::Idle);
        assert_eq!(cause(&idle_mailbox_expires(6000.0, &mailbox, &BTreeMap::new())), "idle mailbox does not expire");
    }

    /// Claim: deleting what is listened to, or young, is a violation; deleting what is old is not.
    #[test]
    fn killing_tick_fires() {
        let mut tick =
            TickRecord { at: 1000.0, before: rows(&[("old", 340.0), ("new", 341.0)]), ..TickRecord::default() };
        tick.after = rows(&[("new", 341.0)]);
        assert_eq!(tick_spares_the_living(&tick), Outcome::Held);
        tick.listened = vec!["old".into()];
        assert_eq!(cause(&tick_spares_the_living(&tick)), "tick deletes a mailbox with a listener");
        tick.after = rows(&[("old", 340.0)]);
        assert_eq!(cause(&tick_spares_the_living(&tick)), "tick deletes a young mailbox");
        tick.after = tick.before.clone();
        assert_eq!(tick_spares_the_living(&tick), Outcome::Idle);
    }

    /// Claim: one error excuses one mailbox that is left, and no error excuses none.
    #[test]
    fn starving_tick_fires() {
        let mut tick = TickRecord { at: 1000.0, before: rows(&[("a", 1.0), ("b", 2.0)]), ..TickRecord::default() };
        tick.after = rows(&[("a", 1.0)]);
        assert_eq!(cause(&faulty_mailbox_is_isolated(&tick)), "expired mailboxes left behind without an error");
        tick.errors = 1;
        assert_eq!(faulty_mailbox_is_isolated(&tick), Outcome::Held);
        tick.after = tick.before.clone();
        assert_eq!(cause(&faulty_mailbox_is_isolated(&tick)), "other mailboxes left behind with a faulty one");
        tick.excused = true;
        assert_eq!(faulty_mailbox_is_isolated(&tick), Outcome::Idle);
        tick.before = rows(&[("a", 1.0), ("b", 2.0), ("c", 3.0)]);
        assert_eq!(cause(&faulty_mailbox_is_isolated(&tick)), "other mailboxes left behind with a faulty one");
        tick.at = 2.0;
        assert_eq!(faulty_mailbox_is_isolated(&tick), Outcome::Idle);
    }

    /// Claim: a taken name and one longer than needed are violations.
    #[test]
    fn long_name_fires() {
        let taken = |n: u32| (1..n).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(allocated_name_is_short("9", &taken(9)), Outcome::Held);
        assert_eq!(allocated_name_is_short("10", &taken(10)), Outcome::Held);
        assert_eq!(allocated_name_is_short("123456", &taken(1000)), Outcome::Held);
        assert_eq!(cause(&allocated_name_is_short("10", &taken(9))), "allocated name is too long");
        assert_eq!(cause(&allocated_name_is_short("1000", &taken(999))), "allocated name is too long");
        assert_eq!(cause(&allocated_name_is_short("1", &taken(9))), "allocated name was taken");
    }

    /// Claim: a refusal that refreshes a clock is told apart from one that changes rows.
    #[test]
    fn meddling_refusal_fires() {
        let before = rows(&[("m", 1.0)]);
        assert_eq!(refusal_changes_nothing(&before, &before), Outcome::Held);
        assert_eq!(
            cause(&refusal_changes_nothing(&before, &rows(&[("m", 2.0)]))),
            "refused command refreshes a mailbox"
        );
        assert_eq!(cause(&refusal_changes_nothing(&before, &rows(&[]))), "refused command changes rows");
    }
}
