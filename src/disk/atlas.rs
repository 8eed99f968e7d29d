//! The fault atlas: every damage that was done, so that a checker can tell what is forgiven by contract
//! from what was wrongly accepted.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use super::faults::Fault;
use super::pending::InodeId;

/// Names one damage of a disk; counted from 1 in the order in which damage was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DamageId(pub u32);

/// What was done to a stretch of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DamageKind {
    /// A power cut lost an operation that was not durable.
    LostUnsynced,
    /// A power cut left a part of a write.
    Torn,
    /// A power cut left noise.
    Noise,
    /// A power cut lost or kept a change of a directory; the range is empty.
    Entry,
    /// A sync failed and its content never became durable.
    SyncFailed,
    /// A sync lied.
    LyingFlush,
    /// A sector cannot be read.
    SectorError,
    /// Bits flipped.
    BitRot,
    /// A write landed here, or did not land here because it landed elsewhere.
    Misdirected,
    /// An acknowledged write was not done.
    LostWrite,
}

impl DamageKind {
    /// The fault that does this.
    pub fn fault(self) -> Fault {
        match self {
            DamageKind::LostUnsynced | DamageKind::Torn | DamageKind::Noise | DamageKind::Entry => Fault::CutState,
            DamageKind::SyncFailed => Fault::SyncError,
            DamageKind::LyingFlush => Fault::LyingFlush,
            DamageKind::SectorError => Fault::SectorError,
            DamageKind::BitRot => Fault::BitRot,
            DamageKind::Misdirected => Fault::MisdirectedWrite,
            DamageKind::LostWrite => Fault::LostWrite,
        }
    }
}

/// One damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its number.
    pub id: DamageId,
    /// What was done.
    pub kind: DamageKind,
    /// The name the file was created under.
    pub file: Rc<str>,
    /// The bytes that are wrong.
    pub range: Range<u64>,
    /// How many operations the disk had seen.
    pub operation: u64,
    /// How often a read has delivered bytes of it, or failed because of it.
    pub reads: u64,
    /// All of it has been overwritten since.
    pub healed: bool,
}

/// All damage ever done to a disk.
#[derive(Clone, Debug, Default)]
pub struct Atlas {
    damages: Vec<Damage>,
    /// Damage that has not healed, by inode.
    open: BTreeMap<InodeId, Vec<DamageId>>,
}

impl Atlas {
    /// Everything that happened, in order.
    pub fn damages(&self) -> &[Damage] {
        &self.damages
    }

    /// The damage that could explain why these bytes of a file are not what was written: none means that
    /// the disk is not to blame.
    pub fn explains(&self, file: &str, range: Range<u64>) -> Vec<DamageId> {
        let guilty = |damage: &&Damage| &*damage.file == file && !damage.healed && overlap(&damage.range, &range);
        self.damages.iter().filter(guilty).map(|damage| damage.id).collect()
    }

    pub(crate) fn add(
        &mut self,
        kind: DamageKind,
        inode: InodeId,
        file: &Rc<str>,
        range: Range<u64>,
        operation: u64,
    ) -> DamageId {
        let id = DamageId(self.damages.len() as u32 + 1);
        self.damages.push(Damage { id, kind, file: Rc::clone(file), range, operation, reads: 0, healed: false });
        self.open.entry(inode).or_default().push(id);
        id
    }

    /// Bytes of an inode were delivered; the kinds of damage among them.
    pub(crate) fn read(&mut self, inode: InodeId, range: &Range<u64>) -> Vec<DamageKind> {
        let mut kinds = Vec::new();
        for id in self.open.get(&inode).into_iter().flatten() {
            let damage = &mut self.damages[id.0 as usize - 1];
            if overlap(&damage.range, range) {
                damage.reads += 1;
                kinds.push(damage.kind);
            }
        }
        kinds
    }

    /// Bytes of an inode were overwritten. Answers whether damage is left.
    pub(crate) fn written(&mut self, inode: InodeId, range: &Range<u64>) -> bool {
        let Some(open) = self.open.get_mut(&inode) else {
            return false;
        };
        open.retain(|id| {
            let damage = &mut self.damages[id.0 as usize - 1];
            damage.healed |= range.start <= damage.range.start && damage.range.end <= range.end;
            !damage.healed
        });
        !open.is_empty()
    }

    /// The inode is gone; its number will be used again.
    pub(crate) fn forget(&mut self, inode: InodeId) {
        for id in self.open.remove(&inode).unwrap_or_default() {
            self.damages[id.0 as usize - 1].healed = true;
        }
    }
}

/// An empty range is a point, and touches what contains it.
fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end.max(b.start + 1) && b.start < a.end.max(a.start + 1)
}
