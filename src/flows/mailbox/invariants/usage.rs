//! The accounting in the usage database.

use super::{each, require};
use crate::check::Outcome;
use crate::flows::mailbox::model::{ChannelRows, Created, UsageRow, UsageRows};
use crate::flows::mailbox::server::Summary;

/// `one-usage-row-each`, in its counting form: per app, made = live + accounted for.
#[must_use]
pub fn one_usage_row_each(created: &Created, rows: &ChannelRows, usage: &UsageRows) -> Outcome {
    each(&created.per_app, |(app, (mailboxes, nameplates))| {
        let live = rows.mailboxes.iter().filter(|m| m.app == **app).count();
        let told = usage.mailboxes.iter().filter(|u| u.app == **app).count();
        balanced("mailbox", app, *mailboxes, live, told)?;
        let live = rows.nameplates.iter().filter(|n| n.app == **app).count();
        let told = usage.nameplates.iter().filter(|u| u.app == **app).count();
        balanced("nameplate", app, *nameplates, live, told)
    })
}

fn balanced(what: &str, app: &str, created: u64, live: usize, told: usize) -> Result<(), Outcome> {
    let ended = live as u64 + told as u64;
    let detail = || format!("app {app}: {created} made, {live} live, {told} usage rows");
    require(ended >= created, &format!("{what} without a usage row"), detail)?;
    require(ended <= created, &format!("{what} with two usage rows"), detail)
}

/// `usage-row-tells-the-truth`: `expected` is computed from the sides just before the deletion.
#[must_use]
pub fn usage_row_tells_the_truth(expected: &Summary, row: &UsageRow) -> Outcome {
    let same = |a: f64, b: f64| (a - b).abs() < 1e-6;
    let waiting = match (expected.waiting, row.waiting) {
        (Some(a), Some(b)) => same(a, b),
        (a, b) => a == b,
    };
    let result = require(expected.result == row.result, "usage row with a wrong result", || {
        format!("it says {}, should be {}", row.result, expected.result)
    })
    .and_then(|()| {
        let times = same(expected.started, row.started) && same(expected.total, row.total) && waiting;
        require(times, "usage row with wrong times", || format!("it says {row:?}, should be {expected:?}"))
    });
    result.err().unwrap_or(Outcome::Held)
}

/// `usage-times-make-sense`
#[must_use]
pub fn usage_times_make_sense(usage: &UsageRows, blur: Option<i64>) -> Outcome {
    each(usage.mailboxes.iter().chain(&usage.nameplates), |row| {
        let blur = blur.map_or(0.0, |blur| blur as f64);
        require(blur == 0.0 || row.started % blur == 0.0, "start is not blurred", || format!("{row:?}"))?;
        let waiting = row.waiting.unwrap_or(0.0);
        require(waiting >= 0.0 && row.total >= waiting, "negative time in a usage row", || format!("{row:?}"))
    })
}

/// `repeated-close-adds-no-usage`: the number of mailbox usage rows before and after a close of a mailbox that had
/// been deleted and not been made again.
#[must_use]
pub fn repeated_close_adds_no_usage(before: usize, after: usize) -> Outcome {
    if before == after {
        return Outcome::Held;
    }
    Outcome::violated("repeated close makes a ghost", format!("{before} usage rows before, {after} after"))
}

#[cfg(test)]
mod tests {
    use super::super::cause;
    use super::*;
    use crate::flows::mailbox::model::{Effect, MailboxRow};

    fn row(waiting: Option<f64>, total: f64, result: &str) -> UsageRow {
        UsageRow { app: "app".into(), started: 120.0, waiting, total, result: result.into() }
    }

    fn usage(mailboxes: Vec<UsageRow>) -> UsageRows {
        UsageRows { mailboxes, ..UsageRows::default() }
    }

    /// Claim: a missing usage row and a second one are told apart, for mailboxes and for nameplates.
    #[test]
    fn unbalanced_accounts_fire() {
        let mut created = Created::default();
        assert_eq!(one_usage_row_each(&created, &ChannelRows::default(), &usage(vec![])), Outcome::Idle);
        created.count(&Effect::MailboxCreated { app: "app".into(), mailbox: "m".into() });
        let mut rows = ChannelRows::default();
        assert_eq!(cause(&one_usage_row_each(&created, &rows, &usage(vec![]))), "mailbox without a usage row");
        rows.mailboxes.push(MailboxRow { app: "app".into(), id: "m".into(), updated: 0.0, for_nameplate: true });
        assert_eq!(one_usage_row_each(&created, &rows, &usage(vec![])), Outcome::Held);
        let told = usage(vec![row(None, 1.0, "lonely")]);
        assert_eq!(cause(&one_usage_row_each(&created, &rows, &told)), "mailbox with two usage rows");
        let nameplate =
            Effect::NameplateCreated { app: "app".into(), name: "4".into(), nameplate: 1, mailbox: "m".into() };
        created.count(&nameplate);
        assert_eq!(cause(&one_usage_row_each(&created, &rows, &usage(vec![]))), "nameplate without a usage row");
    }

    /// Claim: a wrong result and wrong times are violations.
    #[test]
    fn untrue_row_fires() {
        let expected = Summary { started: 120.0, waiting: Some(1.0), total: 3.0, result: "happy" };
        assert_eq!(usage_row_tells_the_truth(&expected, &row(Some(1.0), 3.0, "happy")), Outcome::Held);
        let wrong = usage_row_tells_the_truth(&expected, &row(Some(1.0), 3.0, "lonely"));
        assert_eq!(cause(&wrong), "usage row with a wrong result");
        let wrong = usage_row_tells_the_truth(&expected, &row(None, 3.0, "happy"));
        assert_eq!(cause(&wrong), "usage row with wrong times");
    }

    /// Claim: unblurred starts and negative times are violations.
    #[test]
    fn senseless_times_fire() {
        assert_eq!(usage_times_make_sense(&usage(vec![]), None), Outcome::Idle);
        let sound = usage(vec![row(Some(1.0), 1.0, "happy")]);
        assert_eq!(usage_times_make_sense(&sound, Some(60)), Outcome::Held);
        assert_eq!(cause(&usage_times_make_sense(&sound, Some(90))), "start is not blurred");
        let late = usage(vec![row(Some(2.0), 1.0, "happy")]);
        assert_eq!(cause(&usage_times_make_sense(&late, None)), "negative time in a usage row");
        let backwards = usage(vec![row(None, -1.0, "lonely")]);
        assert_eq!(cause(&usage_times_make_sense(&backwards, None)), "negative time in a usage row");
    }

    /// Claim: a usage row more after a repeated close is a violation.
    #[test]
    fn ghost_fires() {
        assert_eq!(repeated_close_adds_no_usage(1, 1), Outcome::Held);
        assert_eq!(cause(&repeated_close_adds_no_usage(1, 2)), "repeated close makes a ghost");
    }
}
