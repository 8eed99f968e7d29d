//! One directory: entries that are durable, entries everybody sees, and the operations between the two.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::pending::{InodeId, Pending};

/// A change of entries. An operation on two directories (a rename across them) is one `Out` and one `In`
/// with the same sequence number.
#[derive(Clone, Debug)]
pub(crate) enum DirOp {
    Link { name: Rc<str>, inode: InodeId },
    Unlink { name: Rc<str> },
    Rename { from: Rc<str>, to: Rc<str>, inode: InodeId },
    Out { name: Rc<str> },
    In { name: Rc<str>, inode: InodeId },
}

impl DirOp {
    /// The inode this operation gives a name to; while it is pending it keeps that inode alive.
    pub(crate) fn names(&self) -> Option<InodeId> {
        match self {
            DirOp::Link { inode, .. } | DirOp::Rename { inode, .. } | DirOp::In { inode, .. } => Some(*inode),
            DirOp::Unlink { .. } | DirOp::Out { .. } => None,
        }
    }

    /// Changes `entries`; `swapped` is told of every entry that came (`true`) and went (`false`).
    pub(crate) fn apply(&self, entries: &mut Entries, mut swapped: impl FnMut(InodeId, bool)) {
        let mut put = |entries: &mut Entries, name: &Rc<str>, new: Option<InodeId>| {
            let old = match new {
                Some(inode) => entries.insert(name.clone(), inode),
                None => entries.remove(name),
            };
            if let Some(inode) = new {
                swapped(inode, true);
            }
            if let Some(inode) = old {
                swapped(inode, false);
            }
        };
        match self {
            DirOp::Link { name, inode } | DirOp::In { name, inode } => put(entries, name, Some(*inode)),
            DirOp::Unlink { name } | DirOp::Out { name } => put(entries, name, None),
            DirOp::Rename { from, to, inode } => {
                put(entries, to, Some(*inode));
                put(entries, from, None);
            }
        }
    }
}

/// Names and what they stand for.
pub(crate) type Entries = BTreeMap<Rc<str>, InodeId>;

/// The state of one directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct DirNode {
    pub(crate) durable: Entries,
    pub(crate) cached: Entries,
    pub(crate) pending: Vec<Pending<DirOp>>,
}
