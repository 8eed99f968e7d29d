//! The backup job: now and then it copies the database, as one statement, into a file with a number, and makes it durable.
//! What a merge has deleted can be brought back from the newest copy that still has it, under its old key.

use std::rc::Rc;
use std::time::Duration;

use super::files;
use super::orm::{Orm, OrmError, OrmResult, Value};
use super::protocol::Reply;
use super::server::Machine;
use super::trace;
use crate::disk::sqlite::Volume;
use crate::disk::{DiskError, OpenMode};
use crate::world::Node;

/// How long until the job tries again.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The file of a backup.
#[must_use]
pub fn file_of(number: u64) -> String {
    format!("backup-{number}.sqlite")
}

/// Makes backups until the node goes down.
pub async fn run(node: Node, machine: Rc<Machine>, every: Duration) {
    let volume = Volume::of_node(&node.disk().blocking());
    loop {
        node.sleep(every).await;
        // A number is never used again: what a crash leaves behind stays there under its own.
        let number = machine.backups.get() + 1;
        machine.backups.set(number);
        let began = machine.watch.backup_begins();
        let copied = files::open(&volume, machine.journal).and_then(|database| {
            database.execute("VACUUM INTO ?", [file_of(number)])?;
            Ok(())
        });
        if copied.is_ok() && keep(&node, &file_of(number)).await.is_ok() {
            node.event(&trace::BACKUP, &file_of(number), [number, 0, 0]);
            machine.watch.backup_made(&node, number, began);
        } else {
            node.sleep(AGAIN_AFTER).await;
        }
    }
}

/// Makes a file durable, and its name.
async fn keep(node: &Node, path: &str) -> Result<(), DiskError> {
    let file = node.disk().open(path, OpenMode::Write).await?;
    file.sync_all().await?;
    node.disk().sync_dir("/").await
}

/// Brings a tag back from a backup: the row under its old key, and its join rows for the events there still are.
///
/// # Errors
/// Those of SQLite.
pub async fn restore(orm: &Orm, tag: &str, number: u64) -> OrmResult<Reply> {
    orm.execute("ATTACH ? AS \"old\"", &[Value::Text(file_of(number))]).await?;
    let restored = orm
        .exclusive(async || {
            let sql = "INSERT OR IGNORE INTO \"tag\" SELECT * FROM \"old\".\"tag\" WHERE \"name\" = ?";
            orm.execute(sql, &[tag.into()]).await?;
            let sql = "INSERT OR IGNORE INTO \"event_tags\" SELECT \"j\".* FROM \"old\".\"event_tags\" AS \"j\" \
                       INNER JOIN \"old\".\"tag\" AS \"t\" ON \"t\".\"id\" = \"j\".\"tag_id\" WHERE \"t\".\"name\" = ? \
                       AND \"j\".\"event_id\" IN (SELECT \"id\" FROM \"main\".\"event\")";
            orm.execute(sql, &[tag.into()]).await?;
            Ok::<_, OrmError>(Reply::redirect("/workshops/admin"))
        })
        .await;
    orm.execute("DETACH \"old\"", &[]).await?;
    restored
}
