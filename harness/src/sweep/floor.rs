//! What the workers of one sweep share: which chunk comes next, when to stop, and merging in seed order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use seedbed::choice::generation_start;
use seedbed::scenario::Parent;

use super::seed::run_seed;
use super::{Chunk, Corpus, Job, Live, Seeds, Shown, SweepEnd, Swept, Tally};
use crate::execute::ToolFailure;
use crate::watch::Watch;

/// Largest number of seeds a worker takes at once: no chunk lies in two generations.
const CHUNK_SEEDS_MAX: u64 = 64;
/// Chunks a job may be ahead of the slowest one; bounds what waits to be merged.
const CHUNKS_AHEAD_PER_JOB: u64 = 8;
/// How long a worker waits at most before it looks again whether the sweep is over.
const WAIT: Duration = Duration::from_millis(50);

/// When a sweep ends before its range does.
#[derive(Clone, Copy, Debug)]
pub struct Stops<'a> {
    /// Set by Ctrl-C.
    pub interrupted: &'a AtomicBool,
    /// The time asked for is up.
    pub deadline: Option<Instant>,
}

impl Stops<'_> {
    fn due(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.is_time_up()
    }

    fn is_time_up(&self) -> bool {
        self.deadline.is_some_and(|at| Instant::now() >= at)
    }

    fn reason(&self) -> SweepEnd {
        if self.is_time_up() { SweepEnd::TimeUp } else { SweepEnd::Interrupted }
    }
}

/// A range of seeds, cut into chunks. The size depends on the range alone, and divides every generation.
#[derive(Clone, Copy, Debug)]
struct Chunks {
    seeds: Seeds,
    size: u64,
    count: u64,
}

impl Chunks {
    fn of(seeds: Seeds) -> Chunks {
        let size = 1 << (seeds.count / 128).clamp(1, CHUNK_SEEDS_MAX).ilog2();
        Chunks { seeds, size, count: seeds.count.div_ceil(size) }
    }

    fn get(&self, index: u64) -> Seeds {
        let before = index * self.size;
        Seeds { first: self.seeds.first + before, count: self.size.min(self.seeds.count - before) }
    }
}

/// What the workers of one sweep share.
pub(super) struct Floor<'a> {
    pub(super) job: Job<'a>,
    pub(super) watch: &'a Watch,
    pub(super) live: &'a Live,
    chunks: Chunks,
    stops: Stops<'a>,
    state: Mutex<Dealt>,
    /// Signalled when a chunk was merged.
    room: Condvar,
    ahead: u64,
    /// What merged seeds have found.
    corpus: Mutex<Corpus>,
    /// The lowest seed known to fail; nothing beyond it matters.
    lowest_failure: AtomicU64,
    over: AtomicBool,
}

/// How far the chunks are dealt out and merged.
#[derive(Debug, Default)]
struct Dealt {
    next: u64,
    merged: u64,
}

pub(super) type Results = mpsc::Receiver<(u64, Result<Chunk, ToolFailure>)>;

impl<'a> Floor<'a> {
    /// Nothing is dealt out yet.
    pub(super) fn new(
        job: Job<'a>,
        seeds: Seeds,
        jobs: usize,
        watch: &'a Watch,
        live: &'a Live,
        stops: Stops<'a>,
    ) -> Floor<'a> {
        Floor {
            job,
            watch,
            live,
            chunks: Chunks::of(seeds),
            stops,
            state: Mutex::default(),
            room: Condvar::new(),
            ahead: CHUNKS_AHEAD_PER_JOB * jobs as u64,
            corpus: Mutex::new(Corpus::new(seeds.first)),
            lowest_failure: AtomicU64::new(u64::MAX),
            over: AtomicBool::new(false),
        }
    }

    /// Whether this seed is still worth running.
    pub(super) fn wants(&self, seed: u64) -> bool {
        seed <= self.lowest_failure.load(Ordering::Relaxed) && !self.stops.due() && !self.is_over()
    }

    /// Whether Ctrl-C was pressed.
    pub(super) fn is_interrupted(&self) -> bool {
        self.stops.interrupted.load(Ordering::Relaxed)
    }

    /// Nothing beyond this seed matters any more.
    fn ends_at(&self, seed: u64) {
        self.lowest_failure.fetch_min(seed, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub(super) fn finish(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.room.notify_all();
    }

    fn dealt(&self) -> MutexGuard<'_, Dealt> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next chunk to run; waits while this sweep is too far ahead of its slowest worker.
    fn take(&self) -> Option<u64> {
        let mut dealt = self.dealt();
        loop {
            if dealt.next >= self.chunks.count || !self.wants(self.chunks.get(dealt.next).first) {
                return None;
            }
            if dealt.next < dealt.merged + self.ahead && self.may_see_enough(dealt.next, dealt.merged) {
                dealt.next += 1;
                return Some(dealt.next - 1);
            }
            let waited = self.room.wait_timeout(dealt, WAIT);
            dealt = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether every generation before that of this chunk has been merged, if anything in it starts from those.
    fn may_see_enough(&self, chunk: u64, merged: u64) -> bool {
        let has_feedback = self.job.scenario.search.strategy.has_feedback();
        !has_feedback || merged * self.chunks.size >= generation_start(chunk * self.chunks.size)
    }

    fn corpus(&self) -> MutexGuard<'_, Corpus> {
        self.corpus.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a seed of this sweep goes back to.
    pub(super) fn parents_of(&self, seed: u64) -> Vec<Parent> {
        self.corpus().parents_of(self.job.scenario, seed)
    }

    /// Those of a range that go back to others.
    pub(super) fn parents_in(&self, seeds: Seeds) -> BTreeMap<u64, Vec<Parent>> {
        let all = seeds.iter().map(|seed| (seed, self.parents_of(seed)));
        all.filter(|(_, parents)| !parents.is_empty()).collect()
    }

    pub(super) fn work(
        &self,
        results: &mpsc::Sender<(u64, Result<Chunk, ToolFailure>)>,
        mut run: impl FnMut(Seeds) -> Result<Chunk, ToolFailure>,
    ) {
        while let Some(index) = self.take() {
            let result = run(self.chunks.get(index));
            match &result {
                Err(failure) => self.ends_at(failure.seed),
                Ok(Chunk { first: Some(failed), .. }) if !self.job.keep_going => self.ends_at(failed.seed),
                Ok(_) => {}
            }
            if results.send((index, result)).is_err() {
                return;
            }
        }
    }

    pub(super) fn run_chunk(&self, worker: usize, seeds: Seeds) -> Result<Chunk, ToolFailure> {
        let mut chunk = Chunk::default();
        for seed in seeds.iter() {
            if !self.wants(seed) {
                return Ok(chunk);
            }
            let (steps, failures) = (chunk.tally.steps, chunk.tally.failures);
            self.watch.enter(worker, seed);
            let result = run_seed(&self.job, seed, &self.parents_of(seed), &mut chunk);
            self.watch.leave(worker);
            result?;
            self.live.add(1, chunk.tally.steps - steps, chunk.tally.failures - failures);
            if chunk.first.is_some() && !self.job.keep_going {
                break;
            }
        }
        chunk.complete = true;
        Ok(chunk)
    }

    /// Merges the chunks in seed order, up to the first that ends the sweep.
    pub(super) fn collect(&self, seeds: Seeds, results: &Results) -> Result<Swept, ToolFailure> {
        let mut swept = Swept { seeds, tally: Tally::default(), first: None, ended: SweepEnd::Complete };
        let mut waiting = BTreeMap::new();
        let mut merged = 0;
        for (index, result) in results {
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&merged) {
                let chunk = result?;
                swept.tally.merge(&chunk.tally);
                self.learn(self.chunks.get(merged), &chunk.shown);
                swept.first = swept.first.or(chunk.first);
                if swept.first.is_some() && !self.job.keep_going {
                    swept.ended = SweepEnd::AtFailure;
                    return Ok(swept);
                }
                if !chunk.complete {
                    swept.ended = self.stops.reason();
                    return Ok(swept);
                }
                merged += 1;
                self.dealt().merged = merged;
                self.room.notify_all();
            }
        }
        if merged < self.chunks.count {
            swept.ended = self.stops.reason();
        }
        Ok(swept)
    }

    /// Notes what the seeds of a chunk have shown.
    fn learn(&self, seeds: Seeds, shown: &Shown) {
        if self.job.scenario.search.strategy.has_feedback() {
            self.corpus().count(self.job.scenario, seeds.count, shown);
        }
    }
}
