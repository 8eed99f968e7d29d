//! Trying many things at once and taking the first that works, whatever the number of workers.
//!
//! A batch is an ordered list. Workers take items in order and run ahead; the answer is the results up to the
//! first hit *in list order*. What was tried beyond it is thrown away and not counted.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::execute::STACK_BYTES;
use crate::watch::Watch;

/// How often a waiting batch looks at its stops.
const LOOK_PERIOD: Duration = Duration::from_millis(20);

/// Workers that are there for as long as `body` of [`with_pool`] lasts.
pub(super) struct Pool<'a, T, R> {
    shared: &'a Shared<T, R>,
    watch: &'a Watch,
}

/// Why a batch ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Somebody asked for the end.
    Interrupted,
    /// An item does not end; its thread cannot be stopped.
    Hangs,
}

struct Shared<T, R> {
    state: Mutex<State<T, R>>,
    work: Condvar,
    done: Condvar,
}

struct State<T, R> {
    items: Arc<Vec<T>>,
    next: usize,
    /// Items from here on are not wanted any more.
    limit: usize,
    running: usize,
    results: Vec<Option<R>>,
    closed: bool,
}

impl<T, R> Shared<T, R> {
    fn lock(&self) -> MutexGuard<'_, State<T, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts `jobs` workers that do `work`, and calls `body` with them. `run_limit`: wall time of one item.
///
/// # Errors
/// When the operating system gives no thread.
pub(super) fn with_pool<T: Send + Sync, R: Send, O>(
    jobs: usize,
    run_limit: Duration,
    work: impl Fn(&T) -> (R, bool) + Sync,
    body: impl FnOnce(&Pool<'_, T, R>) -> O,
) -> io::Result<O> {
    let shared = Shared {
        state: Mutex::new(State {
            items: Arc::new(Vec::new()),
            next: 0,
            limit: 0,
            running: 0,
            results: Vec::new(),
            closed: false,
        }),
        work: Condvar::new(),
        done: Condvar::new(),
    };
    let watch = Watch::new(jobs, run_limit);
    thread::scope(|scope| {
        let _close = Close(&shared);
        for worker in 0..jobs {
            let (shared, watch, work) = (&shared, &watch, &work);
            thread::Builder::new()
                .name(format!("shrink-{worker}"))
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, move || serve(shared, watch, worker, work))?;
        }
        Ok(body(&Pool { shared: &shared, watch: &watch }))
    })
}

/// Sends the workers home, also when `body` panics.
struct Close<'a, T, R>(&'a Shared<T, R>);

impl<T, R> Drop for Close<'_, T, R> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_all();
    }
}

fn serve<T, R>(shared: &Shared<T, R>, watch: &Watch, worker: usize, work: &impl Fn(&T) -> (R, bool)) {
    let mut state = shared.lock();
    loop {
        if state.closed {
            return;
        }
        if state.next >= state.limit {
            let waited = shared.work.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let index = state.next;
        state.next += 1;
        state.running += 1;
        let items = Arc::clone(&state.items);
        drop(state);
        watch.enter(worker, index as u64);
        let (result, hit) = work(&items[index]);
        watch.leave(worker);
        drop(items);
        state = shared.lock();
        state.running -= 1;
        state.results[index] = Some(result);
        if hit {
            state.limit = state.limit.min(index + 1);
        }
        if state.running == 0 && state.next >= state.limit {
            shared.done.notify_all();
        }
    }
}

impl<T, R> Pool<'_, T, R> {
    /// The results of the items, in order, up to and including the first hit. `interrupted` is asked from time to
    /// time.
    ///
    /// # Errors
    /// When it was broken off.
    pub(super) fn first_hit(&self, items: Vec<T>, interrupted: impl Fn() -> bool) -> Result<Vec<R>, Broken> {
        let mut state = self.shared.lock();
        state.results = items.iter().map(|_| None).collect();
        state.limit = items.len();
        state.next = 0;
        state.items = Arc::new(items);
        self.shared.work.notify_all();
        let mut broken = None;
        while state.running > 0 || state.next < state.limit {
            let waited = self.shared.done.wait_timeout(state, LOOK_PERIOD);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if broken.is_none() && interrupted() {
                broken = Some(Broken::Interrupted);
                state.limit = 0;
            }
            if self.watch.overdue().is_some() {
                return Err(Broken::Hangs);
            }
        }
        if let Some(broken) = broken {
            return Err(broken);
        }
        let limit = state.limit;
        Ok(state.results.drain(..).take(limit).flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_hit(jobs: usize, items: Vec<u32>) -> Vec<u32> {
        let work = |item: &u32| {
            // The later, the faster: later hits are known before earlier ones.
            thread::sleep(Duration::from_millis(u64::from(20 - item % 20)));
            (*item, item.is_multiple_of(5))
        };
        with_pool(jobs, Duration::from_secs(60), work, |pool| {
            pool.first_hit(items, || false).expect("nobody interrupts")
        })
        .expect("there are threads")
    }

    #[test]
    fn the_first_hit_in_list_order_wins_whatever_the_number_of_workers() {
        for jobs in [1, 2, 7] {
            assert_eq!(first_hit(jobs, (1..30).collect()), [1, 2, 3, 4, 5]);
            assert_eq!(first_hit(jobs, vec![1, 2, 3]), [1, 2, 3]);
            assert!(first_hit(jobs, Vec::new()).is_empty());
        }
    }

    #[test]
    fn an_interrupt_ends_a_batch_without_an_answer() {
        let work = |_: &u32| {
            thread::sleep(Duration::from_millis(5));
            ((), false)
        };
        let answer =
            with_pool(2, Duration::from_secs(60), work, |pool| pool.first_hit((0..100_000).collect(), || true));
        assert_eq!(answer.expect("there are threads"), Err(Broken::Interrupted));
    }
}
