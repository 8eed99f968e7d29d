//! The backup job: now and then it copies the database into a file with a number, and makes it durable: as one statement, or
//! as somebody would who takes a database for a file. What a merge has deleted can be brought back from the newest copy that
//! still has it, under its old key.

use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;

use super::files;
use super::orm::{Orm, OrmError, OrmResult, Value};
use super::protocol::Reply;
use super::server::Machine;
use super::trace;
use super::website::{retried, write_all};
use crate::disk::sqlite::Volume;
use crate::disk::{DiskError, OpenMode};
use crate::world::Node;

/// How long until the job tries again.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How much of a file is copied at a time.
const PIECE: usize = 4_096;

/// How a copy is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Copying {
    /// By a statement, which reads within one transaction.
    #[default]
    Statement,
    /// Piece by piece, as a file, whoever commits meanwhile.
    File,
}

/// The file of a backup.
#[must_use]
pub fn file_of(number: u64) -> String {
    format!("backup-{number}.sqlite")
}

/// Makes backups until the node goes down.
pub async fn run(node: Node, machine: Rc<Machine>, every: Duration) {
    let volume = Volume::of_node(&node.disk().blocking());
    loop {
        // Asked for or not: it copies.
        let _ = node.timeout(every, machine.backup_now.rung()).await;
        // A number is never used again: what a crash leaves behind stays there under its own.
        let number = machine.backups.get() + 1;
        machine.backups.set(number);
        let began = machine.watch.backup_begins();
        let is_copied = match machine.copying {
            Copying::Statement => vacuumed(&volume, &machine, &file_of(number)).is_ok(),
            Copying::File => copied(&node, &file_of(number)).await.is_ok(),
        };
        if is_copied && keep(&node, &file_of(number)).await.is_ok() {
            node.event(&trace::BACKUP, &file_of(number), [number, 0, 0]);
            let stamp = machine.records.backup_finished(number, node.now());
            node.note(&trace::BACKUP, "finished", format_args!("{stamp}"));
            machine.watch.backup_made(&node, number, began);
        } else {
            node.sleep(AGAIN_AFTER).await;
        }
    }
}

fn vacuumed(volume: &Volume, machine: &Machine, to: &str) -> OrmResult<()> {
    let database = files::open(volume, machine.journal)?;
    database.execute("VACUUM INTO ?", [to])?;
    Ok(())
}

async fn copied(node: &Node, to: &str) -> Result<(), DiskError> {
    let from = node.disk().open(files::FILE, OpenMode::Read).await?;
    let to = node.disk().open(to, OpenMode::Create).await?;
    let mut done = 0;
    loop {
        let piece = retried(|| from.read_at(done, PIECE)).await?;
        if piece.is_empty() {
            return Ok(());
        }
        write_all(&to, done, &piece).await?;
        done += piece.len() as u64;
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
    orm.execute("ATTACH ? AS old", &[Value::Text(file_of(number))]).await?;
    let restored = orm
        .exclusive(async || {
            let sql = "INSERT OR IGNORE INTO tag SELECT * FROM old.tag WHERE name = ?";
            orm.execute(sql, &[tag.into()]).await?;
            let sql = "INSERT OR IGNORE INTO event_tags SELECT j.* FROM old.event_tags AS j \
                       INNER JOIN old.tag AS t ON t.id = j.tag_id WHERE t.name = ? \
                       AND j.event_id IN (SELECT id FROM main.event)";
            orm.execute(sql, &[tag.into()]).await?;
            Ok::<_, OrmError>(Reply::redirect("/workshops/admin"))
        })
        .await;
    orm.execute("DETACH old", &[]).await?;
    restored
}
