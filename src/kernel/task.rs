//! Task slots and wakers of the single-threaded executor.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use super::NodeId;
use crate::trace::{EventId, NameId};

/// A future that never leaves its thread.
pub(super) type LocalFuture = Pin<Box<dyn Future<Output = ()>>>;

/// Names a task; stays harmless after the task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskKey {
    index: u32,
    generation: u32,
}

impl TaskKey {
    fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    fn from_bits(bits: u64) -> TaskKey {
        TaskKey { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// Tasks that were woken, in the order of their waking.
///
/// A `Waker` must be `Send`, so this part is made of atomics and a mutex although one thread alone uses it. For the
/// few tasks that most steps wake, plain loads and stores do; the mutex is for the others.
#[derive(Default)]
pub(super) struct Woken {
    first: [AtomicU64; FIRST],
    count: AtomicUsize,
    others: Mutex<Vec<TaskKey>>,
    cause: AtomicU32,
}

/// So many woken tasks wait without the mutex.
const FIRST: usize = 4;

impl Woken {
    /// Wakes from now on are caused by this event.
    pub(super) fn set_cause(&self, cause: EventId) {
        self.cause.store(cause.0, Ordering::Relaxed);
    }

    fn add(&self, key: TaskKey) {
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count + 1, Ordering::Relaxed);
        match self.first.get(count) {
            Some(slot) => slot.store(key.to_bits(), Ordering::Relaxed),
            None => self.others().push(key),
        }
    }

    /// Moves what was woken to the end of `into`.
    pub(super) fn drain(&self, into: &mut Vec<TaskKey>) {
        let count = self.count.load(Ordering::Relaxed);
        if count == 0 {
            return;
        }
        self.count.store(0, Ordering::Relaxed);
        for slot in self.first.iter().take(count) {
            into.push(TaskKey::from_bits(slot.load(Ordering::Relaxed)));
        }
        if count > FIRST {
            into.append(&mut self.others());
        }
    }

    fn others(&self) -> MutexGuard<'_, Vec<TaskKey>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of a task its wakers point to.
pub(super) struct TaskFlag {
    key: TaskKey,
    queued: AtomicBool,
    cause: AtomicU32,
    woken: Arc<Woken>,
}

impl TaskFlag {
    /// Called just before a poll: the next wake queues the task again. Answers what woke it.
    pub(super) fn unqueue(&self) -> EventId {
        self.queued.store(false, Ordering::Relaxed);
        EventId(self.cause.load(Ordering::Relaxed))
    }
}

impl Wake for TaskFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.load(Ordering::Relaxed) {
            return;
        }
        self.queued.store(true, Ordering::Relaxed);
        self.cause.store(self.woken.cause.load(Ordering::Relaxed), Ordering::Relaxed);
        self.woken.add(self.key);
    }
}

/// One live task.
pub(super) struct Task {
    pub(super) node: NodeId,
    pub(super) name: NameId,
    /// Absent while it is being polled.
    pub(super) future: Option<LocalFuture>,
    /// Shared without atomics, since each poll takes it along.
    pub(super) waker: Rc<Waker>,
    pub(super) flag: Arc<TaskFlag>,
    /// Killed or aborted while it was on the poll stack: dropped on return.
    pub(super) doomed: bool,
}

struct Slot {
    generation: u32,
    task: Option<Task>,
}

/// All tasks of a run.
#[derive(Default)]
pub(super) struct Tasks {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Tasks {
    /// Adds a task, not yet woken.
    pub(super) fn insert(&mut self, node: NodeId, name: NameId, future: LocalFuture, woken: &Arc<Woken>) -> TaskKey {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slots.push(Slot { generation: 0, task: None });
                u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 tasks are alive")
            }
        };
        let slot = &mut self.slots[index as usize];
        let key = TaskKey { index, generation: slot.generation };
        let flag = Arc::new(TaskFlag {
            key,
            queued: AtomicBool::new(false),
            cause: AtomicU32::new(0),
            woken: Arc::clone(woken),
        });
        let waker = Rc::new(Waker::from(Arc::clone(&flag)));
        slot.task = Some(Task { node, name, future: Some(future), waker, flag, doomed: false });
        key
    }

    /// The task, if it is still alive.
    pub(super) fn get_mut(&mut self, key: TaskKey) -> Option<&mut Task> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation == key.generation { slot.task.as_mut() } else { None }
    }

    /// The task, if it is still alive.
    pub(super) fn get(&self, key: TaskKey) -> Option<&Task> {
        let slot = self.slots.get(key.index as usize)?;
        if slot.generation == key.generation { slot.task.as_ref() } else { None }
    }

    /// Takes a task out; the caller drops it when no borrow is held.
    pub(super) fn remove(&mut self, key: TaskKey) -> Option<Task> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation || slot.task.is_none() {
            return None;
        }
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.index);
        slot.task.take()
    }

    /// All live tasks, in slot order.
    pub(super) fn into_tasks(self) -> impl Iterator<Item = Task> {
        self.slots.into_iter().filter_map(|slot| slot.task)
    }

    /// Keys of the live tasks that satisfy a condition, in slot order.
    pub(super) fn keys_where(&self, condition: impl Fn(&Task) -> bool) -> Vec<TaskKey> {
        let key = |(index, slot): (usize, &Slot)| {
            let task = slot.task.as_ref()?;
            condition(task).then_some(TaskKey { index: index as u32, generation: slot.generation })
        };
        self.slots.iter().enumerate().filter_map(key).collect()
    }
}
