//! The checks of one run: evaluated after each step, at the end of settling, and at the very end.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::{BUILT_IN, CheckMode, Failure, InvariantInfo, InvariantKind, Outcome, Promise, Verdict, Violation};
use crate::kernel::{IncidentKind, Sim};

/// How often an invariant was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evaluations {
    /// Evaluations in all.
    pub evaluated: u64,
    /// Of these, how many had something to check.
    pub antecedent: u64,
    /// Violations seen after a fault outside the promise had fired; they do not count.
    pub unpromised: u64,
}

struct Entry {
    /// The invariant; a witness that only looks has none.
    info: Option<&'static InvariantInfo>,
    kind: InvariantKind,
    mode: CheckMode,
    check: Box<dyn FnMut() -> Outcome>,
    counts: Evaluations,
}

/// The checks of one run.
pub struct Checks {
    declared: &'static [InvariantInfo],
    mode_of: Box<dyn Fn(&str) -> CheckMode>,
    entries: Vec<Entry>,
    incidents_seen: usize,
    failure: Option<(Failure, Verdict)>,
    also: Vec<Failure>,
}

impl Checks {
    /// Checks for a flow that declares these invariants; `mode_of` says what a violation of each id does.
    pub fn new(declared: &'static [InvariantInfo], mode_of: impl Fn(&str) -> CheckMode + 'static) -> Checks {
        Checks {
            declared,
            mode_of: Box::new(mode_of),
            entries: Vec::new(),
            incidents_seen: 0,
            failure: None,
            also: Vec::new(),
        }
    }

    /// Registers the code behind a declared invariant.
    ///
    /// # Panics
    /// When the id is not declared: a mistake of the flow's author.
    pub fn register(&mut self, id: &str, kind: InvariantKind, check: impl FnMut() -> Outcome + 'static) {
        let info = self.declared.iter().find(|info| info.id == id && info.kind == kind);
        let info = info.unwrap_or_else(|| panic!("the flow declares no {kind:?} invariant `{id}`"));
        let mode = (self.mode_of)(id);
        self.entries.push(Entry {
            info: Some(info),
            kind,
            mode,
            check: Box::new(check),
            counts: Evaluations::default(),
        });
    }

    /// Registers what shall look at the system before the invariants of this kind that are registered after it,
    /// whichever of them are on.
    pub fn register_look(&mut self, kind: InvariantKind, mut look: impl FnMut() + 'static) {
        let check = move || {
            look();
            Outcome::Idle
        };
        self.entries.push(Entry {
            info: None,
            kind,
            mode: CheckMode::Stop,
            check: Box::new(check),
            counts: Evaluations::default(),
        });
    }

    /// Evaluates the invariants of one kind, and what the kernel noticed. Answers whether the run shall stop.
    pub fn evaluate(&mut self, sim: &Sim, kind: InvariantKind) -> bool {
        self.take_incidents(sim);
        let mut from = 0;
        while let Some((index, violation)) = self.look_from(from, sim, kind) {
            from = index + 1;
            let entry = &mut self.entries[index];
            let (Some(violation), Some(info)) = (violation, entry.info) else {
                // A check that panics is a failure of its own, and not asked again.
                entry.mode = CheckMode::Off;
                self.take_incidents(sim);
                continue;
            };
            entry.counts.antecedent += 1;
            if !promised(info, sim) {
                entry.counts.unpromised += 1;
                continue;
            }
            let failure = Failure {
                invariant: info.id.to_owned(),
                cause: violation.cause,
                detail: violation.detail,
                step: sim.step(),
                at_ns: sim.now().as_nanos(),
            };
            let mode = entry.mode;
            self.add(failure, mode, Verdict::Violates);
        }
        self.failure.is_some()
    }

    /// Evaluates one check after the other, up to the first that is violated, or panics (then there is no violation).
    fn look_from(&mut self, from: usize, sim: &Sim, kind: InvariantKind) -> Option<(usize, Option<Violation>)> {
        let at = Cell::new((from, ""));
        let mut violation = None;
        let entries = &mut self.entries;
        // One guard for all of them: entering it costs more than most checks.
        let returned = sim.guard_named(
            || at.get().1,
            || {
                for (index, entry) in entries.iter_mut().enumerate().skip(from) {
                    if entry.kind != kind || entry.mode == CheckMode::Off {
                        continue;
                    }
                    at.set((index, entry.info.map_or("witness", |info| info.id)));
                    entry.counts.evaluated += 1;
                    match (entry.check)() {
                        Outcome::Idle => {}
                        Outcome::Held => entry.counts.antecedent += 1,
                        Outcome::Violated(violated) => {
                            violation = Some(violated);
                            return;
                        }
                    }
                }
            },
        );
        let at = at.get().0;
        match (returned, violation) {
            (true, None) => None,
            (true, violation) => Some((at, violation)),
            (false, _) => Some((at, None)),
        }
    }

    fn take_incidents(&mut self, sim: &Sim) {
        if sim.incidents().len() == self.incidents_seen {
            return;
        }
        let fresh: Vec<_> = sim.incidents()[self.incidents_seen..].to_vec();
        self.incidents_seen += fresh.len();
        for incident in fresh {
            let id = incident.kind.invariant();
            let verdict = match incident.kind {
                IncidentKind::Panic => Verdict::Panics,
                IncidentKind::Hang => Verdict::Hangs,
                _ => Verdict::Violates,
            };
            let mode = if incident.kind.is_fatal() { CheckMode::Stop } else { (self.mode_of)(id) };
            let failure = Failure {
                invariant: id.to_owned(),
                cause: incident.cause,
                detail: incident.detail,
                step: incident.step,
                at_ns: sim.now().as_nanos(),
            };
            self.add(failure, mode, verdict);
        }
    }

    /// The first failure that stops is the run's; every other fingerprint is kept once.
    fn add(&mut self, failure: Failure, mode: CheckMode, verdict: Verdict) {
        if mode == CheckMode::Off {
            return;
        }
        let known = |other: &Failure| other.invariant == failure.invariant && other.cause == failure.cause;
        if self.failure.as_ref().is_some_and(|(first, _)| known(first)) || self.also.iter().any(known) {
            return;
        }
        if mode == CheckMode::Stop && self.failure.is_none() {
            self.failure = Some((failure, verdict));
        } else {
            self.also.push(failure);
        }
    }

    /// The failure that ended the run, with the verdict it means.
    #[must_use]
    pub fn failure(&self) -> Option<&(Failure, Verdict)> {
        self.failure.as_ref()
    }

    /// The other violations, in the order in which they were found.
    #[must_use]
    pub fn also(&self) -> &[Failure] {
        &self.also
    }

    /// How often each registered invariant was looked at; built-in ones are looked at after every step.
    #[must_use]
    pub fn evaluations(&self, steps: u64) -> BTreeMap<String, Evaluations> {
        let always = Evaluations { evaluated: steps, antecedent: steps, unpromised: 0 };
        let built_in = BUILT_IN.iter().map(|info| (info.id.to_owned(), always));
        let mut all: BTreeMap<String, Evaluations> = built_in.collect();
        for (entry, info) in self.entries.iter().filter_map(|entry| Some((entry, entry.info?))) {
            let sum = all.entry(info.id.to_owned()).or_default();
            sum.evaluated += entry.counts.evaluated;
            sum.antecedent += entry.counts.antecedent;
            sum.unpromised += entry.counts.unpromised;
        }
        all
    }

    /// Drops the checks themselves, which may point back at the simulation.
    pub fn tear_down(&mut self) {
        self.entries.clear();
    }
}

/// Whether an invariant is still claimed, given the faults that have fired.
fn promised(info: &InvariantInfo, sim: &Sim) -> bool {
    match info.promise {
        Promise::Always => true,
        Promise::Unless(sites) => sites.iter().all(|site| sim.with_choices(|choices| choices.fired(site) == 0)),
    }
}
