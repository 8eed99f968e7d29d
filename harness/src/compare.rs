//! Executing a run again: is it the same, and if not, where does it begin to differ?

use seedbed::check::{Failure, Verdict};
use seedbed::run::RunReport;
use serde::{Deserialize, Serialize};

use crate::execute::{Execution, ToolFailure};

/// Further executions spent on naming a difference that has already been seen.
const HUNTS_FOR_DIFFERENCE: usize = 8;

/// What a second execution of the same run showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Second {
    /// The same, step for step.
    Identical,
    /// Something else.
    Different(Difference),
    /// There was none: the run does not end.
    NotTried,
}

/// How two executions of one run differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The first step that differs, if it could be found.
    pub step: Option<u64>,
    /// The first event that differs, as the one execution had it.
    pub one: String,
    /// The same place in the other execution.
    pub other: String,
}

impl Execution<'_> {
    /// Executes the run a second time, and says whether it equals the report of the first.
    ///
    /// # Errors
    /// As [`Execution::run`].
    pub fn compare(&self, report: &RunReport) -> Result<Second, ToolFailure> {
        let second = self.run(false)?;
        if alike(report, &second) {
            return Ok(Second::Identical);
        }
        let told = |report: &RunReport| Told::new(self.seed.unwrap_or_default(), report);
        let one = told(&self.run(true)?);
        for _ in 0..HUNTS_FOR_DIFFERENCE {
            if let Some(difference) = one.differs_from(&told(&self.run(true)?)) {
                return Ok(Second::Different(difference));
            }
        }
        let (one, other) = (told(report).summary(), told(&second).summary());
        Ok(Second::Different(Difference { step: None, one, other }))
    }
}

fn alike(one: &RunReport, other: &RunReport) -> bool {
    one.digest == other.digest
        && one.verdict == other.verdict
        && one.steps == other.steps
        && one.failure == other.failure
        && one.also == other.also
}

/// Everything about one execution that must not depend on its surrounding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// As text: a seed does not fit a JSON number.
    pub seed: String,
    verdict: Verdict,
    failure: Option<Failure>,
    also: Vec<Failure>,
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
    /// What it was caused by.
    cause: u32,
}

impl Told {
    /// What a report says; of one that kept no trace only the end.
    #[must_use]
    pub fn new(seed: u64, report: &RunReport) -> Told {
        let events = report.trace.as_ref().map_or_else(Vec::new, |trace| {
            let events = trace.events().iter().map(|event| Event {
                step: event.step,
                at_ns: event.header.at_ns,
                node: trace.names().text(event.header.node).to_owned(),
                what: trace.describe(event),
                cause: event.header.cause.0,
            });
            events.collect()
        });
        Told {
            seed: seed.to_string(),
            verdict: report.verdict,
            failure: report.failure.clone(),
            also: report.also.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(events: &[(u64, &str)]) -> Told {
        let event = |(step, what): &(u64, &str)| Event {
            step: *step,
            at_ns: 7,
            node: "server".to_owned(),
            what: (*what).to_owned(),
            cause: 0,
        };
        Told {
            seed: "3".to_owned(),
            verdict: Verdict::Holds,
            failure: None,
            also: Vec::new(),
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
