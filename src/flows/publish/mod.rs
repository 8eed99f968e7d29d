//! Publishing a new version of a mutable file to several storage servers, after Tahoe-LAFS 1.5.0, ticket 877
//! ("publish rejects its own write") and the fix in 1.6.0.

pub mod facts;
pub mod fec;
pub mod invariants;
pub mod keys;
pub mod layout;
pub mod merkle;
pub mod model;
pub mod permuted;
pub mod servermap;
pub mod share;
pub mod sites;
pub mod storage;
pub mod variants;
pub mod version;
