//! Usage rows: how a finished nameplate or mailbox is summed up, and where the rows go.

use std::rc::Rc;

use super::Raised;
use crate::flows::mailbox::database::{DbError, Row, Store, Value};

/// One finished nameplate or mailbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// When the first side came, rounded down if times are blurred.
    pub started: f64,
    /// Seconds until the second side came, if one did.
    pub waiting: Option<f64>,
    /// Seconds until it was deleted.
    pub total: f64,
    /// `lonely`, `happy`, `errory`, `scary`, `pruney` or `crowded`.
    pub result: &'static str,
}

fn times(mut added: Vec<f64>, deleted: f64, blur: Option<i64>) -> Result<Summary, Raised> {
    added.sort_by(f64::total_cmp);
    // The first element is taken before anybody asks whether there is one.
    let first = *added.first().ok_or_else(|| Raised::new("IndexError", "list index out of range"))?;
    Ok(Summary {
        started: blurred(first, blur),
        waiting: added.get(1).map(|second| second - first),
        total: deleted - first,
        result: if added.len() == 1 { "lonely" } else { "happy" },
    })
}

/// A time rounded down to a multiple of the blur interval.
pub(super) fn blurred(time: f64, blur: Option<i64>) -> f64 {
    match blur {
        Some(blur) if blur != 0 => blur as f64 * (time / blur as f64).floor(),
        _ => time,
    }
}

/// Sums up a nameplate by the times at which its sides claimed it.
///
/// # Errors
/// `IndexError` when there are no sides.
pub fn summarize_nameplate(added: &[f64], deleted: f64, pruned: bool, blur: Option<i64>) -> Result<Summary, Raised> {
    let mut summary = times(added.to_vec(), deleted, blur)?;
    if pruned {
        summary.result = "pruney";
    }
    if added.len() > 2 {
        summary.result = "crowded";
    }
    Ok(summary)
}

/// Sums up a mailbox by its sides: when each came, and in which mood it closed. Moods are free text, three of
/// them count.
///
/// # Errors
/// `IndexError` when there are no sides.
pub fn summarize_mailbox(
    sides: &[(f64, Option<&str>)],
    deleted: f64,
    pruned: bool,
    blur: Option<i64>,
) -> Result<Summary, Raised> {
    let mut summary = times(sides.iter().map(|side| side.0).collect(), deleted, blur)?;
    for mood in ["lonely", "errory", "scary"] {
        if sides.iter().any(|side| side.1 == Some(mood)) {
            summary.result = mood;
        }
    }
    if pruned {
        summary.result = "pruney";
    }
    if sides.len() > 2 {
        summary.result = "crowded";
    }
    Ok(summary)
}

/// The connection and the schema that hold the usage tables.
pub(super) struct UsageStore {
    store: Rc<Store>,
    blur: Option<i64>,
    client_versions: String,
    nameplates: String,
    mailboxes: String,
    clear_current: String,
    insert_current: String,
}

impl UsageStore {
    pub(super) fn new(store: Rc<Store>, schema: &str, blur: Option<i64>) -> UsageStore {
        UsageStore {
            store,
            blur,
            client_versions: format!(
                "INSERT INTO {schema}.client_versions (app_id, side, connect_time, implementation, version) VALUES (?,?,?,?,?)"
            ),
            nameplates: format!(
                "INSERT INTO {schema}.nameplates (app_id, started, total_time, waiting_time, result) VALUES (?,?,?,?,?)"
            ),
            mailboxes: format!(
                "INSERT INTO {schema}.mailboxes (app_id, for_nameplate, started, total_time, waiting_time, result) VALUES (?,?,?,?,?,?)"
            ),
            clear_current: format!("DELETE FROM {schema}.current"),
            insert_current: format!(
                "INSERT INTO {schema}.current (rebooted, updated, blur_time, connections_websocket) VALUES (?,?,?,?)"
            ),
        }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// A client has bound. `side` and the two parts of the version are stored as the client sent them.
    pub(super) fn client_version(&self, app: &str, side: Value, when: f64, parts: [Value; 2]) -> Result<(), DbError> {
        let [implementation, version] = parts;
        let row = [app.into(), side, blurred(when, self.blur).into(), implementation, version];
        self.store.write(&self.client_versions, &row).map(drop)
    }

    /// A nameplate was deleted; `sides` are rows of (added).
    pub(super) fn nameplate(&self, app: &str, sides: &[Row], when: f64, pruned: bool) -> Result<(), Raised> {
        let added: Vec<_> = sides.iter().map(|row| row[0].number().unwrap_or(0.0)).collect();
        let s = summarize_nameplate(&added, when, pruned, self.blur)?;
        let row = [app.into(), s.started.into(), s.total.into(), s.waiting.into(), s.result.into()];
        Ok(self.store.write(&self.nameplates, &row).map(drop)?)
    }

    /// A mailbox was deleted; `sides` are rows of (added, mood).
    pub(super) fn mailbox(
        &self,
        app: &str,
        for_nameplate: &Value,
        sides: &[Row],
        when: f64,
        pruned: bool,
    ) -> Result<(), Raised> {
        let sides: Vec<_> = sides.iter().map(|row| (row[0].number().unwrap_or(0.0), row[1].text())).collect();
        let s = summarize_mailbox(&sides, when, pruned, self.blur)?;
        let row =
            [app.into(), for_nameplate.clone(), s.started.into(), s.total.into(), s.waiting.into(), s.result.into()];
        Ok(self.store.write(&self.mailboxes, &row).map(drop)?)
    }

    /// Replaces the status row.
    pub(super) fn current(&self, rebooted: f64, now: f64, connections: usize) -> Result<(), DbError> {
        self.store.write(&self.clear_current, &[])?;
        let connections = i64::try_from(connections).unwrap_or(i64::MAX);
        let row = [rebooted.into(), now.into(), self.blur.into(), connections.into()];
        self.store.write(&self.insert_current, &row).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: the result of a nameplate follows the number of its sides, then pruning, then crowding.
    #[test]
    fn nameplate_results() {
        let result = |added: &[f64], pruned| summarize_nameplate(added, 9.0, pruned, None).unwrap().result;
        assert_eq!(result(&[1.0], false), "lonely");
        assert_eq!(result(&[1.0, 2.0], false), "happy");
        assert_eq!(result(&[1.0, 2.0], true), "pruney");
        assert_eq!(result(&[1.0, 2.0, 3.0], true), "crowded");
    }

    /// Claim: moods override the number of sides in the order lonely, errory, scary; pruning and crowding override moods.
    #[test]
    fn mailbox_results() {
        let result =
            |sides: &[(f64, Option<&str>)], pruned| summarize_mailbox(sides, 9.0, pruned, None).unwrap().result;
        assert_eq!(result(&[(1.0, None)], false), "lonely");
        assert_eq!(result(&[(1.0, Some("happy")), (2.0, Some("odd"))], false), "happy");
        assert_eq!(result(&[(1.0, Some("happy")), (2.0, Some("lonely"))], false), "lonely");
        assert_eq!(result(&[(1.0, Some("scary")), (2.0, Some("errory"))], false), "scary");
        assert_eq!(result(&[(1.0, Some("scary"))], true), "pruney");
        assert_eq!(result(&[(1.0, Some("scary")), (2.0, None), (3.0, None)], true), "crowded");
    }

    /// Claim: times come from the two earliest sides, and only the start is blurred.
    #[test]
    fn times_and_blur() {
        let summary = summarize_nameplate(&[75.5, 70.0], 100.0, false, Some(60)).unwrap();
        assert_eq!(summary, Summary { started: 60.0, waiting: Some(5.5), total: 30.0, result: "happy" });
    }

    /// Claim: no sides at all is an IndexError, for both kinds.
    #[test]
    fn zero_sides_raise() {
        assert_eq!(summarize_nameplate(&[], 1.0, true, None).unwrap_err().name, "IndexError");
        assert_eq!(summarize_mailbox(&[], 1.0, true, None).unwrap_err().name, "IndexError");
    }
}
