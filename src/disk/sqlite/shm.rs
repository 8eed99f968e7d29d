//! The shared memory of a write-ahead log: regions of 32 KiB and eight locks per database.
//!
//! It lives in memory and dies with its volume: after a crash a surviving index would be wrong.

use std::cell::{Cell, RefCell};

/// Bytes of a region, in words; SQLite asks for no other size.
const REGION_WORDS: usize = 32 * 1024 / 8;
/// Bytes of a region.
pub(super) const REGION_BYTES: usize = REGION_WORDS * 8;
/// Lock slots.
pub(super) const SLOTS: usize = 8;

/// The shared memory of one database.
#[derive(Default)]
pub(super) struct Shm {
    /// A region never moves once it is there. Cells, because SQLite writes through several pointers to it.
    regions: RefCell<Vec<Box<[Cell<u64>; REGION_WORDS]>>>,
    /// Per slot: how many hold it shared, or `EXCLUSIVE`.
    slots: RefCell<[u32; SLOTS]>,
    /// Slots that somebody was refused, as bits.
    refused: Cell<u8>,
}

const EXCLUSIVE: u32 = u32::MAX;

/// What one connection holds, as a bit per slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    shared: u8,
    exclusive: u8,
}

impl Shm {
    /// The region of this number, which must be the next one if it is new. Valid as long as the shared memory.
    pub(super) fn region(&self, index: usize, extend: bool) -> Option<*mut u64> {
        let mut regions = self.regions.borrow_mut();
        while extend && regions.len() <= index {
            regions.push(Box::new([const { Cell::new(0) }; REGION_WORDS]));
        }
        regions.get(index).map(|region| region.as_ptr().cast_mut().cast())
    }

    /// Takes slots; all or none.
    pub(super) fn lock(&self, held: &mut Held, first: usize, count: usize, exclusive: bool) -> bool {
        let mut slots = self.slots.borrow_mut();
        let mask = mask(first, count);
        if exclusive {
            let own_only = |slot: usize| slots[slot] == 0 || (held.exclusive >> slot & 1 == 1);
            if !(first..first + count).all(own_only) {
                self.refused.set(self.refused.get() | mask);
                return false;
            }
            slots[first..first + count].fill(EXCLUSIVE);
            held.exclusive |= mask;
        } else {
            if held.shared & mask == mask {
                return true;
            }
            if slots[first] == EXCLUSIVE {
                self.refused.set(self.refused.get() | mask);
                return false;
            }
            slots[first] += 1;
            held.shared |= mask;
        }
        true
    }

    /// Gives slots back. Answers whether somebody was refused one of them.
    pub(super) fn unlock(&self, held: &mut Held, first: usize, count: usize) -> bool {
        let mut slots = self.slots.borrow_mut();
        let before = *held;
        for slot in first..first + count {
            let bit = mask(slot, 1);
            if held.exclusive & bit != 0 {
                slots[slot] = 0;
            } else if held.shared & bit != 0 {
                slots[slot] -= 1;
            }
            held.exclusive &= !bit;
            held.shared &= !bit;
        }
        let given_back = (before.shared | before.exclusive) & !(held.shared | held.exclusive);
        let refused = self.refused.get();
        self.refused.set(refused & !given_back);
        refused & given_back != 0
    }
}

fn mask(first: usize, count: usize) -> u8 {
    (((1_u16 << count) - 1) << first) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shared holders share, an exclusive one is alone, and a failed attempt takes nothing.
    #[test]
    fn slots() {
        let shm = Shm::default();
        let (mut a, mut b) = (Held::default(), Held::default());
        assert!(shm.lock(&mut a, 3, 1, false) && shm.lock(&mut b, 3, 1, false));
        assert!(!shm.lock(&mut a, 0, 8, true), "slot 3 is shared");
        assert!(shm.lock(&mut b, 0, 1, true) && !shm.lock(&mut a, 0, 1, false));
        assert!(shm.unlock(&mut b, 0, 8), "slots 0 and 3 were refused");
        assert!(!shm.unlock(&mut a, 0, 8), "whoever was refused slot 3 knows already");
        assert_eq!((a, b), (Held::default(), Held::default()));
        assert!(shm.lock(&mut a, 0, 8, true));
        assert!(!shm.unlock(&mut b, 0, 8));
    }

    /// A region stays where it is when others are added.
    #[test]
    fn regions() {
        let shm = Shm::default();
        assert_eq!(shm.region(0, false), None);
        let first = shm.region(0, true);
        assert!(shm.region(5, true).is_some());
        assert_eq!(shm.region(0, false), first);
    }
}
