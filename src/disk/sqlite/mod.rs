//! Real SQLite on the simulated disk.
//!
//! A [`Volume`] is a disk as SQLite sees it: a VFS of its own, registered while the volume lives, which does
//! what SQLite's unix VFS does, syncs of directories included. Locks answer `BUSY` at once; who wants to wait
//! waits in virtual time, for [`Volume::released`]. SQLite has one random generator per process, so nothing
//! of it may be seen: traces and choices carry a file's role, offsets and lengths, never SQLite's bytes or
//! the names it makes up.
//!
//! | file | what is there |
//! |---|---|
//! | `volume` | [`Volume`], [`Database`]: registration, opening, what dies with a node |
//! | `backend` | where the bytes are: a node's disk, or a fork for observers |
//! | `vfs`, `methods` | the C callbacks: of the file system, of a file |
//! | `handle` | what an open file does, in Rust |
//! | `locks`, `shm` | the five lock levels; shared memory of the write-ahead log |
//! | `observer` | committed state, seen from outside |

mod backend;
mod handle;
mod locks;
mod methods;
mod observer;
mod shm;
#[cfg(test)]
mod tests;
mod vfs;
mod volume;

pub use observer::Observer;
/// The binding that is compiled in, for flows in other crates.
pub use rusqlite;
pub use volume::{Database, Released, Volume};
