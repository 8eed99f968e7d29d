//! [`Database`] for `rusqlite::Connection`, with SQLite's prepared-statement cache.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, Statement, params_from_iter};

use super::{Changed, Database, DbError, DbErrorKind, Row, Value};

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Integer(n) => ValueRef::Integer(*n),
            Value::Real(x) => ValueRef::Real(*x),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

impl Database for Connection {
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Changed, DbError> {
        let mut statement = self.prepare_cached(sql)?;
        let rows = statement.execute(params_from_iter(parameters))?;
        Ok(Changed { rows, last_id: self.last_insert_rowid() })
    }

    fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, DbError> {
        let mut statement = self.prepare_cached(sql)?;
        Ok(all_rows(&mut statement, parameters)?)
    }

    fn script(&self, sql: &str) -> Result<(), DbError> {
        Ok(self.execute_batch(sql)?)
    }

    fn in_transaction(&self) -> bool {
        !self.is_autocommit()
    }
}

fn all_rows(statement: &mut Statement<'_>, parameters: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(parameters))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let mut cells = Row::with_capacity(columns);
        for column in 0..columns {
            cells.push(value(row.get_ref(column)?));
        }
        all.push(cells);
    }
    Ok(all)
}

fn value(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Integer(n),
        ValueRef::Real(x) => Value::Real(x),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> DbError {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => DbErrorKind::Constraint,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DbErrorKind::Busy,
            Some(ErrorCode::SystemIoFailure) => DbErrorKind::Io,
            Some(ErrorCode::DiskFull) => DbErrorKind::Full,
            _ => DbErrorKind::Other,
        };
        DbError { kind, message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: a violated foreign key is told apart from other errors and leaves the transaction open, with
    /// the earlier statements of the transaction in it.
    #[test]
    fn constraint_violation_keeps_the_transaction() {
        let db: &dyn Database = &Connection::open_in_memory().unwrap();
        db.script(
            "PRAGMA foreign_keys = ON; CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a(id));",
        )
        .unwrap();
        db.execute("INSERT INTO a VALUES (1)", &[]).unwrap();
        db.execute("INSERT INTO b VALUES (1)", &[]).unwrap();
        db.execute("BEGIN", &[]).unwrap();
        db.execute("INSERT INTO a VALUES (?)", &[Value::Integer(2)]).unwrap();
        let error = db.execute("DELETE FROM a WHERE id = 1", &[]).unwrap_err();
        assert_eq!(error.kind, DbErrorKind::Constraint, "{error}");
        assert!(db.in_transaction());
        assert_eq!(db.query("SELECT id FROM a ORDER BY id", &[]).unwrap(), [[Value::Integer(1)], [Value::Integer(2)]]);
    }

    /// Claim: columns keep what SQLite's affinity made of a value: a whole number in a text column is text,
    /// a fractional time in an integer column stays fractional.
    #[test]
    fn values_pass_through_affinity() {
        let db: &dyn Database = &Connection::open_in_memory().unwrap();
        db.script("CREATE TABLE t (a VARCHAR, b INTEGER, c VARCHAR)").unwrap();
        db.execute("INSERT INTO t VALUES (?, ?, ?)", &[Value::Integer(3), Value::Real(1.5), Value::Null]).unwrap();
        assert_eq!(
            db.query("SELECT a, b, c FROM t", &[]).unwrap(),
            [[Value::from("3"), Value::Real(1.5), Value::Null]]
        );
    }
}
