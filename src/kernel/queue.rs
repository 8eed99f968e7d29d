//! The event queue: a 4-ary heap with cancellation, so that a cancelled timer costs nothing later.
//!
//! Events at the same instant leave in the order in which they were scheduled. An event whose node cannot take it yet
//! is postponed (its node is busy until an instant) or parked (its node is paused, nobody knows for how long); it keeps
//! its key, and comes before what is due only then.

use super::Time;

/// Names a queued event; stays harmless after the event has left the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueKey {
    slot: u32,
    generation: u32,
}

struct Slot<T> {
    generation: u32,
    /// [`PARKED`] while the event is in no order.
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

/// Set in the order of events that had to wait: they were due earlier than the normal ones of their instant.
const LATE: u64 = 1 << 62;

const PARKED: u32 = u32::MAX;

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue { heap: Vec::new(), slots: Vec::new(), free: Vec::new(), next_order: 0 }
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
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 events are queued");
                self.slots.push(Slot { generation: 0, heap_index: 0, value: None });
                slot
            }
        };
        let entry = &mut self.slots[slot as usize];
        entry.value = Some(value);
        let key = QueueKey { slot, generation: entry.generation };
        self.enqueue(at, class, slot);
        key
    }

    fn enqueue(&mut self, at: Time, class: u64, slot: u32) {
        let order = class | self.next_order;
        self.next_order += 1;
        self.heap.push(Position { at, order, slot });
        self.sift_up(self.heap.len() - 1);
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(Time, T)> {
        let first = *self.heap.first()?;
        self.remove_at(0).map(|value| (first.at, value))
    }

    /// The next event, left where it is.
    pub fn peek(&self) -> Option<(QueueKey, Time, &T)> {
        let first = self.heap.first()?;
        let slot = &self.slots[first.slot as usize];
        let key = QueueKey { slot: first.slot, generation: slot.generation };
        slot.value.as_ref().map(|value| (key, first.at, value))
    }

    /// Takes an event out, wherever it stands.
    pub fn cancel(&mut self, key: QueueKey) -> Option<T> {
        if !self.holds(key) {
            return None;
        }
        match self.slots[key.slot as usize].heap_index {
            PARKED => self.free_slot(key.slot),
            index => self.remove_at(index as usize),
        }
    }

    /// Moves a queued event to a later instant, ahead of the normal ones there and behind those moved there before it.
    pub fn postpone(&mut self, key: QueueKey, until: Time) {
        self.park(key);
        self.unpark(key, until);
    }

    /// Takes an event out of the order but keeps it.
    pub fn park(&mut self, key: QueueKey) {
        if self.holds(key) && self.slots[key.slot as usize].heap_index != PARKED {
            self.detach(self.slots[key.slot as usize].heap_index as usize);
            self.slots[key.slot as usize].heap_index = PARKED;
        }
    }

    /// Puts a parked event back, due at this instant, ahead of the normal ones there.
    pub fn unpark(&mut self, key: QueueKey, at: Time) {
        if self.holds(key) && self.slots[key.slot as usize].heap_index == PARKED {
            self.enqueue(at, LATE, key.slot);
        }
    }

    fn holds(&self, key: QueueKey) -> bool {
        self.slots.get(key.slot as usize).is_some_and(|slot| slot.generation == key.generation && slot.value.is_some())
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
                let key = QueueKey { slot: position.slot, generation: slot.generation };
                slot.value.as_ref().map(|value| (key, position.at, value))
            })
            .collect()
    }

    /// All queued events that are not parked, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Time, &T)> {
        let value = |position: &Position| {
            let slot = &self.slots[position.slot as usize];
            slot.value.as_ref().map(|value| (position.at, value))
        };
        self.heap.iter().filter_map(value)
    }

    /// Whether nothing is queued, parked events aside.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    fn remove_at(&mut self, index: usize) -> Option<T> {
        let slot = self.detach(index);
        self.free_slot(slot)
    }

    /// Takes a position out of the heap; answers its slot.
    fn detach(&mut self, index: usize) -> u32 {
        let removed = self.heap.swap_remove(index);
        if index < self.heap.len() {
            self.place(index);
            if !self.sift_up(index) {
                self.sift_down(index);
            }
        }
        removed.slot
    }

    fn free_slot(&mut self, slot: u32) -> Option<T> {
        self.free.push(slot);
        let slot = &mut self.slots[slot as usize];
        slot.generation = slot.generation.wrapping_add(1);
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
        PushFirst(u64),
        Pop,
        Cancel(usize),
        Postpone(usize, u64),
        Park(usize),
        Unpark(usize, u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (0_u64..20).prop_map(Act::Push),
            1 => (0_u64..20).prop_map(Act::PushFirst),
            2 => Just(Act::Pop),
            1 => (0_usize..64).prop_map(Act::Cancel),
            1 => (0_usize..64, 0_u64..20).prop_map(|(which, at)| Act::Postpone(which, at)),
            1 => (0_usize..64).prop_map(Act::Park),
            1 => (0_usize..64, 0_u64..20).prop_map(|(which, at)| Act::Unpark(which, at)),
        ]
    }

    /// The queue as a plain list: (due, class, order of entering, id), and what is parked.
    #[derive(Default)]
    struct Model {
        queued: Vec<(u64, u8, usize, usize)>,
        parked: Vec<usize>,
        entered: usize,
    }

    impl Model {
        fn enter(&mut self, at: u64, class: u8, id: usize) {
            self.entered += 1;
            self.queued.push((at, class, self.entered, id));
        }

        fn take(&mut self, id: usize) -> bool {
            let before = self.queued.len();
            self.queued.retain(|entry| entry.3 != id);
            before != self.queued.len()
        }

        fn take_parked(&mut self, id: usize) -> bool {
            let before = self.parked.len();
            self.parked.retain(|parked| *parked != id);
            before != self.parked.len()
        }
    }

    proptest! {
        /// A sorted list with a shelf beside it does the same, whatever is done to both.
        #[test]
        fn it_behaves_like_a_sorted_list(acts in proptest::collection::vec(act(), 0..200)) {
            let mut queue = Queue::default();
            let mut model = Model::default();
            let mut keys = Vec::new();
            for act in acts {
                match act {
                    Act::Push(at) => {
                        model.enter(at, 2, keys.len());
                        keys.push(queue.push(Time::from_nanos(at), keys.len()));
                    }
                    Act::PushFirst(at) => {
                        model.enter(at, 0, keys.len());
                        keys.push(queue.push_first(Time::from_nanos(at), keys.len()));
                    }
                    Act::Pop => {
                        model.queued.sort_unstable();
                        let expected = (!model.queued.is_empty()).then(|| model.queued.remove(0));
                        let expected = expected.map(|(at, _, _, id)| (at, id));
                        let seen = queue.peek().map(|(_, at, id)| (at.as_nanos(), *id));
                        prop_assert_eq!(seen, expected);
                        let got = queue.pop().map(|(at, id)| (at.as_nanos(), id));
                        prop_assert_eq!(got, expected);
                    }
                    Act::Cancel(which) => {
                        if let Some(key) = keys.get(which) {
                            let known = model.take(which) || model.take_parked(which);
                            prop_assert_eq!(queue.cancel(*key), known.then_some(which));
                        }
                    }
                    Act::Postpone(which, at) => {
                        if let Some(key) = keys.get(which) {
                            queue.postpone(*key, Time::from_nanos(at));
                            if model.take(which) || model.take_parked(which) {
                                model.enter(at, 1, which);
                            }
                        }
                    }
                    Act::Park(which) => {
                        if let Some(key) = keys.get(which) {
                            queue.park(*key);
                            if model.take(which) {
                                model.parked.push(which);
                            }
                        }
                    }
                    Act::Unpark(which, at) => {
                        if let Some(key) = keys.get(which) {
                            queue.unpark(*key, Time::from_nanos(at));
                            if model.take_parked(which) {
                                model.enter(at, 1, which);
                            }
                        }
                    }
                }
                prop_assert_eq!(queue.is_empty(), model.queued.is_empty());
            }
        }
    }
}
