//! The simulated disk.
//!
//! Files and names are apart, and each has three states: what is durable, what everybody sees, and the
//! operations in between. What a crash does to them, and what can go wrong before one, is tabled in the
//! files below; every answer comes from outside, so a run can be drawn, replayed and enumerated.
//!
//! | file | what is there |
//! |---|---|
//! | `disk`, `setup` | the disk of one node; what kind of disk it is |
//! | `namespace`, `io`, `sync` | its operations: names; reading and writing; what makes things durable |
//! | `image`, `inode`, `directory`, `pending` | content; one file; one directory; what is not durable yet |
//! | `profile` | what a file system promises across a power cut |
//! | `crash` | a killed process, a power cut, a lost disk |
//! | `cut`, `cut_domain`, `sampler`, `cut_words`, `tear`, `apply` | the outcome of a power cut: what is possible, the choice of one, how it is drawn, its notation, torn writes, what is left |
//! | `faults`, `fault_domains`, `setup_domains`, `chance` | the sites with their rates; their values; who answers |
//! | `media`, `atlas`, `contract` | broken promises, the record of damage, what a system claims to survive |
//! | `node` | the disk inside a run: node by node, in virtual time, with the run's choices |
//! | `sqlite` (feature) | real SQLite on it |
//! | `observer`, `lock`, `error` | looking without touching; advisory locks; errors |

mod apply;
mod atlas;
mod chance;
mod contract;
mod crash;
mod cut;
mod cut_domain;
mod cut_words;
mod directory;
#[expect(clippy::module_inception, reason = "the concept the folder is named after")]
mod disk;
mod error;
mod fault_domains;
mod faults;
mod image;
mod inode;
mod io;
mod lock;
mod media;
mod namespace;
mod node;
mod observer;
mod pending;
mod profile;
mod sampler;
mod setup;
mod setup_domains;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod sync;
mod tear;

pub use atlas::{Atlas, Damage, DamageId, DamageKind};
pub use chance::{Calm, Chance};
pub use contract::{Contract, ContractError};
pub use cut::{Cut, CutShape, Fate, PageFate};
pub use disk::{Disk, FILE_BYTES_MAX, OpenFile, OpenMode, PENDING_MAX};
pub use error::DiskError;
pub use fault_domains::{
    CUT_MOMENTS, CutMoment, DiskLatency, ErrorMode, Interruption, ShortCount, SyncContent, SyncFailure,
};
pub use faults::{FAULTS, Fault, FaultInfo, SITES};
pub use image::PAGE_BYTES;
pub use lock::{LockKind, LockOwner};
pub use namespace::Kind;
pub use node::{BlockingDisk, BlockingFile, DiskOp, Disks, DyingStack, FROZEN_CALLS_MAX, File, KINDS, NodeDisk};
pub use pending::InodeId;
pub use profile::Profile;
pub use setup::DiskSetup;
pub use tear::{SectorFate, Sectors, Tear};

#[cfg(test)]
mod tests;
