//! Work on several threads, with results taken in the order of the items.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::execute::STACK_BYTES;

/// Whether results are still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Yes.
    GoOn,
    /// No: what is not done yet is left.
    Enough,
}

/// Does the work for each item on `jobs` threads that have the stack runs need, and takes the results on this
/// thread in the order of the items. `work` gets the number of its thread.
///
/// # Errors
/// When the operating system gives no thread.
pub fn in_order<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
    mut take: impl FnMut(usize, R) -> Flow,
) -> io::Result<()> {
    let (next, enough) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for job in 0..jobs.clamp(1, items.len().max(1)) {
            let (sender, work, next, enough) = (sender.clone(), &work, &next, &enough);
            let labour = move || {
                while !enough.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    if sender.send((index, work(job, item))).is_err() {
                        return;
                    }
                }
            };
            let builder = thread::Builder::new().name(format!("world-{job}")).stack_size(STACK_BYTES);
            if let Err(error) = builder.spawn_scoped(scope, labour) {
                enough.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        drop(sender);
        let (mut early, mut due) = (BTreeMap::new(), 0);
        for (index, result) in results {
            early.insert(index, result);
            while let Some(result) = early.remove(&due) {
                if take(due, result) == Flow::Enough {
                    enough.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                due += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Results come in the order of the items, whoever was faster, and none after enough was said.
    #[test]
    fn order_and_end() {
        let items: Vec<u64> = (0..100).collect();
        for jobs in [1, 3] {
            let mut taken = Vec::new();
            let work = |_, item: &u64| {
                thread::sleep(std::time::Duration::from_micros(100 - item));
                *item
            };
            let take = |index, result| {
                assert_eq!(index as u64, result);
                taken.push(result);
                if result == 70 { Flow::Enough } else { Flow::GoOn }
            };
            in_order(jobs, &items, work, take).expect("threads can be started");
            assert_eq!(taken, (0..=70).collect::<Vec<_>>());
        }
    }
}
