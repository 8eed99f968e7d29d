//! What a statement that changes rows does, in a few words: for the trace. It reads the server's own SQL, no more.

use super::Value;

/// A statement that changes rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change<'a> {
    /// `insert`, `update` or `delete`.
    pub verb: &'static str,
    /// The table, without its schema.
    pub table: &'a str,
    /// The mailbox or nameplate it is about, if the statement says so.
    pub key: Option<&'a Value>,
}

impl<'a> Change<'a> {
    /// What a statement changes; `None` for one that changes no rows.
    #[must_use]
    pub fn of(sql: &'a str, parameters: &'a [Value]) -> Option<Change<'a>> {
        const VERBS: [(&str, &str); 3] =
            [("INSERT INTO ", "insert"), ("UPDATE ", "update"), ("DELETE FROM ", "delete")];
        let (rest, verb) = VERBS.iter().find_map(|(words, verb)| Some((sql.strip_prefix(words)?, *verb)))?;
        let name = rest.split([' ', '(']).next().unwrap_or(rest);
        let table = name.rsplit('.').next().unwrap_or(name);
        let column = match table {
            "mailboxes" | "nameplates" => "id",
            "nameplate_sides" => "nameplates_id",
            _ => "mailbox_id",
        };
        let place = if verb == "insert" { place_in_list(rest, column) } else { place_in_terms(rest, column) };
        Some(Change { verb, table, key: place.and_then(|place| parameters.get(place)) })
    }

    /// The row or mailbox it is about, as names of events carry it: a mailbox's id, a nameplate's row number behind
    /// the name of its table, or the table.
    #[must_use]
    pub fn subject(&self) -> String {
        match self.key {
            Some(Value::Text(id)) => id.clone(),
            Some(Value::Integer(row)) => format!("nameplates:{row}"),
            _ => self.table.to_owned(),
        }
    }
}

/// The place of a column in `(a, b, …)`.
fn place_in_list(sql: &str, column: &str) -> Option<usize> {
    let (_, list) = sql.split_once('(')?;
    let (list, _) = list.split_once(')')?;
    list.split(',').position(|name| name.trim() == column)
}

/// Which of the parameters stands behind `column=`.
fn place_in_terms(sql: &str, column: &str) -> Option<usize> {
    let mut terms = sql.split('?');
    terms.position(|term| {
        term.strip_suffix('=')
            .and_then(|term| term.strip_suffix(column))
            .is_some_and(|before| before.ends_with([' ', ',', '.']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: verb, table and object of every form of statement the server has are found; a SELECT changes nothing.
    #[test]
    fn statements_are_understood() {
        let (x, y, n) = (Value::from("x"), Value::from("y"), Value::from(3_i64));
        let words = |sql: &str, parameters: &[Value]| {
            Change::of(sql, parameters).map(|change| format!("{} {} {}", change.verb, change.table, change.subject()))
        };
        let both = [x.clone(), y.clone()];
        let cases = [
            ("INSERT INTO mailboxes (app_id, id, updated) VALUES (?,?,?)", &both[..], "insert mailboxes y"),
            ("INSERT INTO usage.mailboxes (app_id, started) VALUES (?,?)", &both[..], "insert mailboxes mailboxes"),
            (
                "UPDATE mailboxes SET updated=? WHERE app_id=? AND id=?",
                &[n.clone(), y, x.clone()],
                "update mailboxes x",
            ),
            ("UPDATE mailbox_sides SET mood=NULL WHERE mailbox_id=? AND side=?", &both[..], "update mailbox_sides x"),
            ("DELETE FROM nameplate_sides WHERE nameplates_id=?", &[n], "delete nameplate_sides nameplates:3"),
            ("DELETE FROM nameplate_sides WHERE side=?", &[x], "delete nameplate_sides nameplate_sides"),
        ];
        for (sql, parameters, expected) in cases {
            assert_eq!(words(sql, parameters).as_deref(), Some(expected), "{sql}");
        }
        assert_eq!(words("SELECT id FROM mailboxes WHERE id=?", &both), None);
        assert_eq!(words("COMMIT", &[]), None);
    }
}
