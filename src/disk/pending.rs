//! What files and directories have in common: what an operation is about, and that it is not durable yet.

/// Names an inode inside one disk. Numbers are reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(pub(crate) u32);

/// An operation that is not durable yet, with its place in the order of all operations of the disk.
#[derive(Clone, Debug)]
pub(crate) struct Pending<T> {
    pub(crate) seq: u64,
    pub(crate) op: T,
}
