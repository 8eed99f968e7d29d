//! What a disk operation can answer besides success.

/// An error real code could see from a file system, plus the two that say "you are no longer alive".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// No such file or directory (`ENOENT`).
    #[error("no such file or directory")]
    NotFound,
    /// The name is taken (`EEXIST`).
    #[error("the name exists already")]
    AlreadyExists,
    /// A directory where a file was expected (`EISDIR`).
    #[error("is a directory")]
    IsADirectory,
    /// A file where a directory was expected (`ENOTDIR`).
    #[error("is not a directory")]
    NotADirectory,
    /// The directory has entries (`ENOTEMPTY`).
    #[error("the directory is not empty")]
    NotEmpty,
    /// The name is empty, or contains `.` or `..` as a component (`EINVAL`).
    #[error("not a usable name")]
    InvalidName,
    /// No space is left (`ENOSPC`); a write that ran out in the middle reports a short count first.
    #[error("no space left on the disk")]
    NoSpace,
    /// The file would become larger than [`crate::disk::FILE_BYTES_MAX`] (`EFBIG`).
    #[error("the file would become too large")]
    TooLarge,
    /// The device failed (`EIO`).
    #[error("input/output error")]
    Io,
    /// Interrupted before anything happened (`EINTR`); try again.
    #[error("interrupted before any effect")]
    Interrupted,
    /// Somebody else holds a conflicting lock (`EWOULDBLOCK`).
    #[error("a conflicting lock is held")]
    WouldBlock,
    /// The handle was opened for reading only (`EBADF`).
    #[error("the file was opened for reading only")]
    ReadOnly,
    /// The handle belongs to an incarnation that is dead, or was closed (`EBADF`).
    #[error("the handle is no longer valid")]
    Stale,
    /// A memory-mapped read behind the last page of the file (`SIGBUS` on a real system).
    #[error("memory-mapped access behind the end of the file")]
    MapFault,
    /// The node has crashed while its code is still on the stack; nothing has any effect any more.
    #[error("the node is down")]
    Frozen,
}
