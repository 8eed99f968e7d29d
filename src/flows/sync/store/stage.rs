//! Files of messages that have no number yet. They are hard-linked into mailboxes, so a stage file that is left behind
//! after a crash is a mailbox's file under a second name.

use super::{Fail, Store, io};
use crate::disk::BlockingFile;
use crate::flows::sync::variants::{Recovery, StageFiles};

/// Where a sync server's processes stage.
pub const SYNC_STAGE: &str = "sync.";
/// Where deliveries stage.
pub const STAGE: &str = "stage.";

/// The stage of one process.
pub struct Stage {
    store: Store,
    dir: String,
    files: Vec<String>,
    made: u32,
}

impl Stage {
    /// The stage of a sync server's process.
    pub fn open(store: &Store, pid: u32) -> Result<Stage, Fail> {
        let dir = format!("{SYNC_STAGE}/{pid}");
        io::directory(&store.disk, &dir)?;
        Ok(Stage { store: store.clone(), dir, files: Vec::new(), made: 0 })
    }

    /// The name of the next file.
    fn next_path(&mut self) -> String {
        self.made += 1;
        let path = format!("{}/{}.", self.dir, self.made);
        self.files.push(path.clone());
        path
    }

    /// Stages a message.
    pub fn put(&mut self, bytes: &[u8]) -> Result<String, Fail> {
        let path = self.next_path();
        let file = self.open_file(&path)?;
        io::write_all(&file, 0, bytes)?;
        file.sync_all()?;
        Ok(path)
    }

    /// Stages a second name for a message that is in a mailbox.
    pub fn link(&mut self, from: &str) -> Result<String, Fail> {
        let path = self.next_path();
        io::link_over(&self.store.disk, from, &path)?;
        Ok(path)
    }

    fn open_file(&self, path: &str) -> Result<BlockingFile, Fail> {
        if self.store.rules().stage == StageFiles::UnlinkFirst {
            io::remove(&self.store.disk, path)?;
        }
        Ok(io::create(&self.store.disk, path)?)
    }

    /// The process frees its list of messages.
    pub fn clear(&mut self) {
        for path in std::mem::take(&mut self.files) {
            // What cannot be removed is left behind, as after a crash.
            let _ = io::remove(&self.store.disk, &path);
        }
    }
}

/// Stages a delivery's message.
pub fn deliver(store: &Store, number: usize, bytes: &[u8]) -> Result<String, Fail> {
    let path = format!("{STAGE}/{}-{number}", store.host.next_delivery());
    io::remove(&store.disk, &path)?;
    io::write_synced(&store.disk, &path, bytes)?;
    Ok(path)
}

/// Everything staged is removed: nobody can need it any more.
pub fn clean(store: &Store) -> Result<(), Fail> {
    debug_assert!(store.rules().recovery == Recovery::Complete);
    for dir in [STAGE, SYNC_STAGE] {
        for name in store.disk.read_dir(dir)? {
            let path = format!("{dir}/{name}");
            match store.disk.read_dir(&path) {
                Ok(files) => {
                    for file in files {
                        io::remove(&store.disk, &format!("{path}/{file}"))?;
                    }
                }
                Err(_) => io::remove(&store.disk, &path)?,
            }
        }
    }
    Ok(())
}
