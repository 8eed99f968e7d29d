//! Trace kinds of the disk. Events carry names, offsets and lengths, never content.

use crate::trace::Kind;

pub(super) static OPEN: Kind = Kind::new("open", 'O', "a file is opened", &["create"]);
pub(super) static WRITE: Kind = Kind::new("write", 'w', "bytes are written to a file", &["offset", "bytes", "asked"]);
pub(super) static SET_LEN: Kind = Kind::new("set-len", 'l', "a file gets another size", &["size"]);
pub(super) static SYNC: Kind = Kind::new("sync", 'S', "a file is synced", &["failed"]);
pub(super) static SYNC_DIR: Kind = Kind::new("sync-dir", 'D', "a directory is synced", &["failed"]);
pub(super) static NAMES: Kind = Kind::new("names", 'N', "an entry of a directory changes", &[]);
pub(super) static FAULT: Kind = Kind::new("disk-fault", 'f', "something goes wrong on a disk", &[]);
pub(super) static POWER_CUT: Kind = Kind::new("power-cut", 'P', "the power goes off, and this is left", &["pending"]);

/// Every trace kind of the disk.
pub static KINDS: &[&Kind] = &[&OPEN, &WRITE, &SET_LEN, &SYNC, &SYNC_DIR, &NAMES, &FAULT, &POWER_CUT];
