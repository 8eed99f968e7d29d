//! Does a run depend on where it is executed? The same seed alone in a process, in another process, after other
//! seeds in one thread, and beside others on a second thread: everything must be the same, event for event.
//!
//! A process-wide counter, a generator that several worlds share or a table that outlives a world is invisible to
//! two executions that follow each other; it shows here. Each surrounding is a child process that tells, as one
//! JSON object per line, everything about its runs ([`Told`]); the parent compares.

use std::io;
use std::thread;

use seedbed::check::{Failure, Verdict};
use seedbed::run::RunReport;
use seedbed::scenario::SeedRange;
use serde::{Deserialize, Serialize};

use crate::execute::{Difference, Execution, STACK_BYTES, ToolFailure};
use crate::sweep::Job;

/// Where a run is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surrounding {
    /// The first run of its process.
    Alone,
    /// After the seeds before it, in one thread.
    AfterOthers,
    /// The same, while another thread runs the same seeds backwards.
    BesideOthers,
}

impl Surrounding {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Surrounding::Alone => "alone in a process",
            Surrounding::AfterOthers => "after other seeds in one thread",
            Surrounding::BesideOthers => "beside another thread that runs seeds",
        }
    }
}

/// Everything about one execution that must not depend on its surrounding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// As text: a seed does not fit a JSON number.
    pub seed: String,
    verdict: Verdict,
    failure: Option<Failure>,
    steps: u64,
    digest: String,
    step_digests: Vec<String>,
    events: Vec<Event>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Event {
    step: u64,
    at_ns: u64,
    node: String,
    what: String,
}

impl Told {
    fn new(seed: u64, report: &RunReport) -> Told {
        let events = report.trace.as_ref().map_or_else(Vec::new, |trace| {
            let events = trace.events().iter().map(|event| Event {
                step: event.step,
                at_ns: event.header.at_ns,
                node: trace.names().text(event.header.node).to_owned(),
                what: trace.describe(event),
            });
            events.collect()
        });
        Told {
            seed: seed.to_string(),
            verdict: report.verdict,
            failure: report.failure.clone(),
            steps: report.steps,
            digest: report.digest.to_string(),
            step_digests: report.step_digests.iter().map(ToString::to_string).collect(),
            events,
        }
    }

    /// The first difference between two executions of one seed.
    #[must_use]
    pub fn differs_from(&self, other: &Told) -> Option<Difference> {
        if self == other {
            return None;
        }
        let shared = self.events.iter().zip(&other.events).take_while(|(one, other)| one == other).count();
        let (one, others) = (self.events.get(shared), other.events.get(shared));
        if one.is_some() || others.is_some() {
            let words = |event: Option<&Event>| match event {
                Some(event) => format!("{} at {} ns: {}", event.node, event.at_ns, event.what),
                None => "nothing: the run has ended".to_owned(),
            };
            let step = one.or(others).map(|event| event.step);
            return Some(Difference { step, one: words(one), other: words(others) });
        }
        // What a digest knows beyond events: causes, and how many steps there were.
        let steps = self.step_digests.iter().zip(&other.step_digests).take_while(|(one, other)| one == other).count();
        let longest = self.step_digests.len().max(other.step_digests.len());
        let step = (steps < longest).then_some(steps as u64 + 1);
        Some(Difference { step, one: self.summary(), other: other.summary() })
    }

    fn summary(&self) -> String {
        format!("{} after {} steps, digest {}", self.verdict.word(), self.steps, self.digest)
    }
}

/// The child's side: executes seeds in a surrounding and tells each run as it ends.
///
/// # Errors
/// When the simulator panics, there is no thread, or `tell` fails.
pub fn serve<E: From<ToolFailure> + From<io::Error> + Send>(
    job: &Job<'_>,
    seeds: SeedRange,
    surrounding: Surrounding,
    mut tell: impl FnMut(&Told) -> Result<(), E> + Send,
) -> Result<(), E> {
    let run = |seed: u64| Execution::of_seed(job.flow, job.scenario, seed).run(true);
    thread::scope(|scope| {
        let thread = |name: &str| thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
        if surrounding == Surrounding::BesideOthers {
            let all: Vec<u64> = seeds.iter().map(|seed| seed.0).collect();
            // What it finds is told by the other thread's runs of the same seeds.
            thread("beside").spawn_scoped(scope, move || all.iter().rev().for_each(|seed| drop(run(*seed))))?;
        }
        let told = thread("world")
            .spawn_scoped(scope, move || seeds.iter().try_for_each(|seed| tell(&Told::new(seed.0, &run(seed.0)?))))?;
        told.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(events: &[(u64, &str)]) -> Told {
        let event = |(step, what): &(u64, &str)| Event {
            step: *step,
            at_ns: 7,
            node: "server".to_owned(),
            what: (*what).to_owned(),
        };
        Told {
            seed: "3".to_owned(),
            verdict: Verdict::Holds,
            failure: None,
            steps: 2,
            digest: "d1:0".to_owned(),
            step_digests: vec!["d1:a".to_owned(), "d1:b".to_owned()],
            events: events.iter().map(event).collect(),
        }
    }

    /// The first differing event is named with its step; so is one that the other execution lacks.
    #[test]
    fn the_first_differing_event_is_named() {
        let one = told(&[(1, "sent"), (2, "stored")]);
        assert_eq!(one.differs_from(&one.clone()), None);
        let other = told(&[(1, "sent"), (2, "refused")]);
        let found = one.differs_from(&other).expect("they differ");
        assert_eq!((found.step, &*found.one), (Some(2), "server at 7 ns: stored"));
        assert_eq!(found.other, "server at 7 ns: refused");
        let shorter = one.differs_from(&told(&[(1, "sent")])).expect("they differ");
        assert_eq!((shorter.step, &*shorter.other), (Some(2), "nothing: the run has ended"));
    }

    /// Equal events with different digests differ from the first differing step on.
    #[test]
    fn a_digest_alone_tells_the_step() {
        let one = told(&[]);
        let mut other = one.clone();
        other.step_digests[1] = "d1:c".to_owned();
        assert_eq!(one.differs_from(&other).expect("they differ").step, Some(2));
    }
}
