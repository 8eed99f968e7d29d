//! The event queue: a 4-ary heap with cancellation, so that a cancelled timer costs nothing later.
//!
//! Events at the same instant leave in the order in which they were scheduled.

use super::Time;

/// Names a queued event; stays harmless after the event has left the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueKey {
    slot: u32,
    generation: u32,
}

struct Slot<T> {
    generation: u32,
    heap_index: u32,
    value: Option<T>,
}

/// A heap position: its key, and the slot that holds the value.
#[derive(Clone, Copy)]
struct Position {
    at: Time,
    order: u64,
    slot: u32,
}

impl Position {
    fn before(&self, other: &Position) -> bool {
        (self.at, self.order) < (other.at, other.order)
    }
}

/// A priority queue over virtual time.
pub struct Queue<T> {
    heap: Vec<Position>,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    next_order: u64,
}

const ARITY: usize = 4;

/// Set in the order of normal events, so that those without it come first.
const NORMAL: u64 = 1 << 63;

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue {
            heap: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            next_order: 0,
        }
    }
}

impl<T> Queue<T> {
    /// Adds an event.
    pub fn push(&mut self, at: Time, value: T) -> QueueKey {
        self.insert(at, NORMAL, value)
    }

    /// Adds an event that comes before all normal ones of the same instant.
    pub fn push_first(&mut self, at: Time, value: T) -> QueueKey {
        self.insert(at, 0, value)
    }

    fn insert(&mut self, at: Time, class: u64, value: T) -> QueueKey {
        let order = class | self.next_order;
        self.next_order += 1;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot =
                    u32::try_from(self.slots.len()).expect("fewer than 2^32 events are queued");
                self.slots.push(Slot {
                    generation: 0,
                    heap_index: 0,
                    value: None,
                });
                slot
            }
        };
        let entry = &mut self.slots[slot as usize];
        entry.value = Some(value);
        let key = QueueKey {
            slot,
            generation: entry.generation,
        };
        self.heap.push(Position { at, order, slot });
        self.sift_up(self.heap.len() - 1);
        key
    }

    /// When the next event is due.
    pub fn next_at(&self) -> Option<Time> {
        self.heap.first().map(|position| position.at)
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(QueueKey, Time, T)> {
        let first = *self.heap.first()?;
        let key = self.key_of(first.slot);
        self.remove_at(0).map(|value| (key, first.at, value))
    }

    /// A queued event.
    pub fn get(&self, key: QueueKey) -> Option<&T> {
        let slot = self.slots.get(key.slot as usize)?;
        slot.value
            .as_ref()
            .filter(|_| slot.generation == key.generation)
    }

    /// All queued events, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Time, &T)> {
        let value = |position: &Position| {
            let slot = &self.slots[position.slot as usize];
            slot.value.as_ref().map(|value| (position.at, value))
        };
        self.heap.iter().filter_map(value)
    }

    fn key_of(&self, slot: u32) -> QueueKey {
        QueueKey {
            slot,
            generation: self.slots[slot as usize].generation,
        }
    }

    /// Takes an event out, wherever it stands.
    pub fn cancel(&mut self, key: QueueKey) -> Option<T> {
        let slot = self.slots.get(key.slot as usize)?;
        if slot.generation != key.generation || slot.value.is_none() {
            return None;
        }
        self.remove_at(slot.heap_index as usize)
    }

    /// All queued events with their keys, in the order in which they would leave.
    pub fn iter_in_order(&self) -> Vec<(QueueKey, Time, &T)> {
        let mut positions = self.heap.clone();
        positions.sort_unstable_by_key(|position| (position.at, position.order));
        self.described(positions)
    }

    /// All queued events with their keys, in the order in which they were scheduled.
    pub fn iter_as_scheduled(&self) -> Vec<(QueueKey, Time, &T)> {
        let mut positions = self.heap.clone();
        positions.sort_unstable_by_key(|position| position.order);
        self.described(positions)
    }

    fn described(&self, positions: Vec<Position>) -> Vec<(QueueKey, Time, &T)> {
        positions
            .into_iter()
            .filter_map(|position| {
                let slot = &self.slots[position.slot as usize];
                let key = self.key_of(position.slot);
                slot.value.as_ref().map(|value| (key, position.at, value))
            })
            .collect()
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    fn remove_at(&mut self, index: usize) -> Option<T> {
        let removed = self.heap.swap_remove(index);
        if index < self.heap.len() {
            self.place(index);
            if !self.sift_up(index) {
                self.sift_down(index);
            }
        }
        let slot = &mut self.slots[removed.slot as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(removed.slot);
        slot.value.take()
    }

    fn place(&mut self, index: usize) {
        let slot = self.heap[index].slot;
        self.slots[slot as usize].heap_index = index as u32;
    }

    /// Answers whether anything moved.
    fn sift_up(&mut self, mut index: usize) -> bool {
        let start = index;
        while index > 0 {
            let parent = (index - 1) / ARITY;
            if !self.heap[index].before(&self.heap[parent]) {
                break;
            }
            self.heap.swap(index, parent);
            self.place(index);
            index = parent;
        }
        self.place(index);
        index != start
    }

    fn sift_down(&mut self, mut index: usize) {
        loop {
            let first = index * ARITY + 1;
            let last = (first + ARITY).min(self.heap.len());
            let mut least = index;
            for child in first..last {
                if self.heap[child].before(&self.heap[least]) {
                    least = child;
                }
            }
            if least == index {
                return;
            }
            self.heap.swap(index, least);
            self.place(index);
            self.place(least);
            index = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Act {
        Push(u64),
        Pop,
        Cancel(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            3 => (0_u64..20).prop_map(Act::Push),
            2 => Just(Act::Pop),
            1 => (0_usize..64).prop_map(Act::Cancel),
        ]
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_sorted_list(acts in proptest::collection::vec(act(), 0..200)) {
            let mut queue = Queue::default();
            let mut model: Vec<(u64, usize)> = Vec::new();
            let mut keys = Vec::new();
            for act in acts {
                match act {
                    Act::Push(at) => {
                        let id = keys.len();
                        keys.push(queue.push(Time::from_nanos(at), id));
                        model.push((at, id));
                    }
                    Act::Pop => {
                        model.sort_unstable();
                        let expected = (!model.is_empty()).then(|| model.remove(0));
                        let got = queue.pop().map(|(_, at, id)| (at.as_nanos(), id));
                        prop_assert_eq!(got, expected);
                    }
                    Act::Cancel(which) => {
                        if let Some(key) = keys.get(which) {
                            let known = model.iter().position(|(_, id)| *id == which);
                            prop_assert_eq!(queue.cancel(*key).is_some(), known.is_some());
                            if let Some(index) = known { model.remove(index); }
                        }
                    }
                }
                prop_assert_eq!(queue.is_empty(), model.is_empty());
            }
        }
    }
}
