//! What a server's disk begins with, and what a server does before it serves.

use super::stage::{self, STAGE, SYNC_STAGE};
use super::{Fail, Store, single};
use crate::disk::{Calm, Disk, DiskSetup, OpenMode};
use crate::flows::sync::format::{GENERATION_BYTES, Header, HeaderFile, Minor, crc32};
use crate::flows::sync::variants::{Recovery, Rules};
use crate::world::World;

/// When the mailboxes were made, and what their first uidvalidity is: a day before runs begin.
const MADE_AT: u32 = 1_577_750_400;

/// Puts empty mailboxes and the directories of a store on a server's disk.
pub fn install(world: &World, server: &str, rules: &Rules, mailboxes: &[String]) {
    let mut disk = Disk::new(DiskSetup::default());
    for dir in ["spool", "sync", STAGE, SYNC_STAGE] {
        disk.create_dir(dir).unwrap_or_else(|error| panic!("{dir}: {error}"));
    }
    let minor = rules.minor();
    for (number, mailbox) in mailboxes.iter().enumerate() {
        let names = HeaderFile {
            quota_root: "user.a".to_owned(),
            unique_id: format!("{number:016x}"),
            flags: Vec::new(),
            acl: "a\tlrswipkxtecdan\t".to_owned(),
        };
        let mut header = Header::new(minor, MADE_AT);
        if minor == Minor::V12 {
            header.v12.header_file_crc = crc32(&names.encode());
        }
        let paths = super::Paths::of(mailbox);
        disk.create_dir(paths.dir()).unwrap_or_else(|error| panic!("{mailbox}: {error}"));
        let cache = vec![0; GENERATION_BYTES];
        for (path, bytes) in
            [(paths.index(), header.encode()), (paths.cache(), cache), (paths.header(), names.encode())]
        {
            let file = disk.open(&path, OpenMode::CreateNew).unwrap_or_else(|error| panic!("{path}: {error}"));
            disk.write_at(&mut Calm, &file, 0, &bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
    }
    world.disks().install(server, &disk);
}

/// What a server does before it serves.
///
/// # Errors
/// What the disk says; the server does not start then.
pub fn boot(store: &Store, mailboxes: &[String]) -> Result<(), Fail> {
    if store.rules().recovery != Recovery::Complete {
        return Ok(());
    }
    stage::clean(store)?;
    for mailbox in mailboxes {
        single::recover(store, mailbox)?;
    }
    Ok(())
}
