//! Advisory locks on whole files, by inode and owner, as `flock` gives them.

use std::collections::BTreeMap;

use super::error::DiskError;
use super::pending::InodeId;

/// Who holds a lock: one open file, or whatever a caller wants to count as one holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockOwner(pub u64);

/// How a file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// Together with other shared holders.
    Shared,
    /// Alone.
    Exclusive,
}

/// The locks of a disk. They live in memory and die with the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct LockTable {
    held: BTreeMap<InodeId, Vec<(LockOwner, LockKind)>>,
}

impl LockTable {
    /// Takes the lock, or changes the one this owner holds. Never waits.
    pub(crate) fn try_lock(&mut self, inode: InodeId, owner: LockOwner, kind: LockKind) -> Result<(), DiskError> {
        let holders = self.held.entry(inode).or_default();
        let conflict = |&(other, held): &(LockOwner, LockKind)| {
            other != owner && (kind == LockKind::Exclusive || held == LockKind::Exclusive)
        };
        if holders.iter().any(conflict) {
            return Err(DiskError::WouldBlock);
        }
        holders.retain(|&(holder, _)| holder != owner);
        holders.push((owner, kind));
        Ok(())
    }

    /// Gives the lock back; fine if there is none.
    pub(crate) fn unlock(&mut self, inode: InodeId, owner: LockOwner) {
        if let Some(holders) = self.held.get_mut(&inode) {
            holders.retain(|&(holder, _)| holder != owner);
            if holders.is_empty() {
                self.held.remove(&inode);
            }
        }
    }

    /// Nobody can reach the file any more.
    pub(crate) fn unlock_all(&mut self, inode: InodeId) {
        self.held.remove(&inode);
    }

    pub(crate) fn clear(&mut self) {
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shared locks share, exclusive ones do not, and nobody stands in their own way.
    #[test]
    fn who_waits_for_whom() {
        let (file, a, b) = (InodeId(1), LockOwner(1), LockOwner(2));
        let mut table = LockTable::default();
        assert_eq!(table.try_lock(file, a, LockKind::Shared), Ok(()));
        assert_eq!(table.try_lock(file, b, LockKind::Shared), Ok(()));
        assert_eq!(table.try_lock(file, a, LockKind::Exclusive), Err(DiskError::WouldBlock));
        table.unlock(file, b);
        assert_eq!(table.try_lock(file, a, LockKind::Exclusive), Ok(()));
        assert_eq!(table.try_lock(file, b, LockKind::Shared), Err(DiskError::WouldBlock));
        assert_eq!(table.try_lock(InodeId(2), b, LockKind::Exclusive), Ok(()));
        table.clear();
        assert_eq!(table.try_lock(file, b, LockKind::Exclusive), Ok(()));
    }
}
