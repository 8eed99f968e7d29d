//! One file without its name: what is durable, what everybody reads, and the operations between the two.
//!
//! `cached` always shows every operation. `durable` changes by [`FileNode::persist`] only. On a healthy
//! device `durable` plus `pending` is `cached`; a device that broke a promise makes the two differ for
//! good (`coherent == false`), until the cache is lost or the file's state is the same again.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::directory::DirNode;
use super::image::{Image, PAGE_BYTES, Page};
use super::pending::Pending;

/// A change of a file's content.
#[derive(Clone, Debug)]
pub(crate) enum FileOp {
    Write {
        offset: u64,
        payload: Payload,
    },
    /// `from` is the size everybody saw before.
    SetLen {
        from: u64,
        to: u64,
    },
}

/// What was written. A whole page shares the cache's copy, which is the usual case with databases.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Bytes(Box<[u8]>),
    Page(Page),
}

impl Payload {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Payload::Bytes(bytes) => bytes,
            Payload::Page(page) => &page[..],
        }
    }
}

/// The state of one file.
#[derive(Clone, Debug)]
pub(crate) struct FileNode {
    pub(crate) durable: Image,
    pub(crate) cached: Image,
    /// Differs whenever the cached content may differ: the number of the last operation that changed it.
    pub(crate) version: u64,
    pub(crate) pending: Vec<Pending<FileOp>>,
    /// `durable` plus `pending` is `cached`.
    pub(crate) coherent: bool,
    /// Sectors that answer `EIO` until they are rewritten.
    pub(crate) bad_sectors: BTreeSet<u64>,
    /// A failed sync that has not been reported yet.
    pub(crate) late_error: bool,
    /// After so many more reads the cache forgets what never became durable.
    pub(crate) evict_after_reads: Option<u32>,
    pub(crate) sticky_read_error: bool,
    pub(crate) sticky_write_error: bool,
    /// The atlas knows of damage in this file.
    pub(crate) damaged: bool,
}

impl Default for FileNode {
    fn default() -> Self {
        FileNode::of(Image::default())
    }
}

impl FileNode {
    /// A file whose cached and durable content are both `image`.
    pub(crate) fn of(image: Image) -> FileNode {
        FileNode {
            durable: image.clone(),
            cached: image,
            version: 0,
            pending: Vec::new(),
            coherent: true,
            bad_sectors: BTreeSet::new(),
            late_error: false,
            evict_after_reads: None,
            sticky_read_error: false,
            sticky_write_error: false,
            damaged: false,
        }
    }

    /// Writes into the cache and remembers the operation.
    pub(crate) fn write(&mut self, seq: u64, offset: u64, bytes: &[u8]) {
        self.cached.write(offset, bytes);
        let payload = if bytes.len() == PAGE_BYTES && offset.is_multiple_of(PAGE_BYTES as u64) {
            self.cached.page((offset / PAGE_BYTES as u64) as usize).map(|page| Payload::Page(Rc::clone(page)))
        } else {
            None
        };
        let payload = payload.unwrap_or_else(|| Payload::Bytes(bytes.into()));
        self.pending.push(Pending { seq, op: FileOp::Write { offset, payload } });
    }

    /// Changes the size in the cache and remembers the operation.
    pub(crate) fn set_len(&mut self, seq: u64, to: u64) {
        let from = self.cached.size();
        self.cached.set_len(to);
        self.pending.push(Pending { seq, op: FileOp::SetLen { from, to } });
    }

    /// Makes the first `count` pending operations durable.
    pub(crate) fn persist(&mut self, count: usize) {
        let all = count == self.pending.len();
        if all && self.coherent {
            self.share_cached();
            self.pending.clear();
        } else {
            for pending in self.pending.drain(..count) {
                pending.op.apply(&mut self.durable);
            }
        }
    }

    /// What [`persist`](Self::persist) of everything amounts to when nothing else changed the file: the
    /// pages that were written are shared instead of being written again.
    fn share_cached(&mut self) {
        if self.pending.iter().any(|pending| matches!(pending.op, FileOp::SetLen { .. })) {
            self.durable = self.cached.clone();
            return;
        }
        self.durable.set_len(self.cached.size());
        for pending in &self.pending {
            let FileOp::Write { offset, payload } = &pending.op else {
                continue;
            };
            let first = (offset / PAGE_BYTES as u64) as usize;
            let last = ((offset + payload.bytes().len() as u64 - 1) / PAGE_BYTES as u64) as usize;
            for page in first..=last {
                self.durable.set_page(page, self.cached.page(page).cloned());
            }
        }
    }

    /// The operations a data sync makes durable: all, but for truncations that nothing came after.
    pub(crate) fn data_sync_count(&self) -> usize {
        let shrinks = |pending: &&Pending<FileOp>| matches!(pending.op, FileOp::SetLen { from, to } if to < from);
        self.pending.len() - self.pending.iter().rev().take_while(shrinks).count()
    }

    /// The cache is dropped: what everybody reads is what is durable.
    pub(crate) fn drop_cache(&mut self) {
        self.cached = self.durable.clone();
        self.pending.clear();
        self.coherent = true;
        self.late_error = false;
        self.evict_after_reads = None;
        self.sticky_read_error = false;
        self.sticky_write_error = false;
    }

    /// Nothing would be lost or changed by dropping the cache.
    pub(crate) fn is_clean(&self) -> bool {
        self.pending.is_empty()
            && self.coherent
            && !self.late_error
            && !self.sticky_read_error
            && !self.sticky_write_error
    }
}

impl FileOp {
    /// The whole effect of the operation.
    pub(crate) fn apply(&self, image: &mut Image) {
        match self {
            FileOp::Write { offset, payload: Payload::Page(page) } => {
                image.set_len(image.size().max(offset + PAGE_BYTES as u64));
                image.set_page((offset / PAGE_BYTES as u64) as usize, Some(Rc::clone(page)));
            }
            FileOp::Write { offset, payload: Payload::Bytes(bytes) } => image.write(*offset, bytes),
            FileOp::SetLen { to, .. } => image.set_len(*to),
        }
    }
}

/// What an inode is, and who still needs it.
#[derive(Clone, Debug)]
pub(crate) struct Inode {
    pub(crate) content: Content,
    /// Entries everybody sees.
    pub(crate) links: u32,
    /// All that keeps the inode: cached and durable entries, pending operations that name it, handles.
    pub(crate) references: u32,
    /// Open handles of the living incarnation.
    pub(crate) handles: u32,
    /// The name it was first opened or linked under; for the atlas and for people.
    pub(crate) name: Rc<str>,
}

/// A file or a directory.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    File(FileNode),
    Directory(DirNode),
}
