//! What a restart after a crash finds.

use super::{require, rows};
use crate::check::Outcome;
use crate::flows::mailbox::model::{ChannelRows, UsageRows};
use crate::flows::mailbox::server::TickReport;

/// `restart-is-clean`: whether opening the databases (and the repair) succeeded, the rows before the first tick,
/// and that tick, if no new fault has hit either.
#[must_use]
pub fn restart_is_clean(opened: Result<(), &str>, found: &ChannelRows, first_tick: Option<&TickReport>) -> Outcome {
    if let Err(error) = opened {
        return Outcome::violated("databases do not open after a crash", error);
    }
    let structure = rows::worst([
        rows::references_hold(found),
        rows::mailbox_has_a_side(found),
        rows::nameplate_has_a_side(found),
        rows::names_and_sides_are_unique(found),
        rows::message_has_its_mailbox(found),
        rows::nameplate_stays_in_its_app(found),
    ]);
    if let Outcome::Violated(violation) = structure {
        return Outcome::violated(format!("after a crash: {}", violation.cause), violation.detail);
    }
    let error = first_tick.and_then(|tick| tick.prune_errors.first().or(tick.status_error.as_ref()));
    match require(error.is_none(), "first tick after a crash fails", || format!("{error:?}")) {
        Ok(()) => Outcome::Held,
        Err(violated) => violated,
    }
}

/// Committed rows of both databases.
pub type Committed<'a> = (&'a ChannelRows, &'a UsageRows);

/// `usage-and-deletion-together`: committed rows before the event in which the process died, and after it, before
/// anything else has run. A row that is gone needs its usage row, and a usage row the deletion.
#[must_use]
pub fn usage_and_deletion_together(before: Committed<'_>, after: Committed<'_>) -> Outcome {
    let gone = before.0.mailboxes.iter().filter(|m| after.0.mailbox(&m.id).is_none()).count();
    let told = after.1.mailboxes.len().saturating_sub(before.1.mailboxes.len());
    let result = agree("mailbox", gone, told).and_then(|()| {
        let gone = before.0.nameplates.iter().filter(|n| !after.0.nameplates.iter().any(|x| x.id == n.id)).count();
        agree("nameplate", gone, after.1.nameplates.len().saturating_sub(before.1.nameplates.len()))
    });
    result.err().unwrap_or(Outcome::Held)
}

fn agree(what: &str, gone: usize, told: usize) -> Result<(), Outcome> {
    let detail = || format!("{gone} deleted, {told} usage rows");
    require(told >= gone, &format!("crash keeps a {what}'s deletion, loses its usage row"), detail)?;
    require(told <= gone, &format!("crash keeps a {what}'s usage row, loses its deletion"), detail)
}

#[cfg(test)]
mod tests {
    use super::super::cause;
    use super::*;
    use crate::flows::mailbox::model::{MailboxRow, NameplateRow, UsageRow};
    use crate::flows::mailbox::server::Raised;

    fn mailbox() -> ChannelRows {
        let row = MailboxRow { app: "app".into(), id: "m".into(), updated: 0.0, for_nameplate: false };
        ChannelRows { mailboxes: vec![row], ..ChannelRows::default() }
    }

    /// Claim: a database that does not open, damaged structure and a failing tick are told apart.
    #[test]
    fn unclean_restart_fires() {
        let empty = ChannelRows::default();
        let mut tick = TickReport::default();
        assert_eq!(restart_is_clean(Ok(()), &empty, Some(&tick)), Outcome::Held);
        assert_eq!(cause(&restart_is_clean(Err("corrupt"), &empty, None)), "databases do not open after a crash");
        assert_eq!(cause(&restart_is_clean(Ok(()), &mailbox(), None)), "after a crash: mailbox without sides");
        tick.prune_errors.push(Raised::new("IndexError", ""));
        assert_eq!(cause(&restart_is_clean(Ok(()), &empty, Some(&tick))), "first tick after a crash fails");
    }

    /// Claim: either half alone is a violation, for mailboxes and for nameplates; both or neither hold.
    #[test]
    fn halves_fire() {
        let row = || UsageRow { app: "app".into(), started: 0.0, waiting: None, total: 0.0, result: "lonely".into() };
        let (none, some) = (ChannelRows::default(), mailbox());
        let (quiet, told) = (UsageRows::default(), UsageRows { mailboxes: vec![row()], ..UsageRows::default() });
        let check = |after| usage_and_deletion_together((&some, &quiet), after);
        assert_eq!(check((&some, &quiet)), Outcome::Held);
        assert_eq!(check((&none, &told)), Outcome::Held);
        assert_eq!(cause(&check((&none, &quiet))), "crash keeps a mailbox's deletion, loses its usage row");
        assert_eq!(cause(&check((&some, &told))), "crash keeps a mailbox's usage row, loses its deletion");
        let name = NameplateRow { id: 1, app: "app".into(), name: "4".into(), mailbox: "m".into() };
        let named = ChannelRows { nameplates: vec![name], ..ChannelRows::default() };
        let lost = usage_and_deletion_together((&named, &quiet), (&none, &quiet));
        assert_eq!(cause(&lost), "crash keeps a nameplate's deletion, loses its usage row");
    }
}
