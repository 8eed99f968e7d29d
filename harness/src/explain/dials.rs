//! Turning the numbers of a run, in deviations and in operations, to find the ranges in which it fails.

use std::fmt::Write;

use seedbed::choice::{Deviation, Offer};
use toml::Value;

use super::bounds::{Range, Search, Shows};
use super::lab::{Lab, Stop, Tried};
use super::necessity::{ALTERNATIVES_MAX, Necessity, Numbers, Parts, Passing, listed, trials};
use super::numbers::{NumberIn, Unit};
use crate::shrink::Case;

/// Numbers of operations beyond these are not looked at.
const NUMBERS_MAX: usize = 24;

/// Searches the range of every number, all of them side by side. What is known when it has to stop is kept.
pub(super) fn numbers(lab: &mut Lab<'_>, case: &Case, offers: &[Offer], parts: &mut Parts) -> Result<(), Stop> {
    let mut dials = dials(case, offers, &parts.deviations, &parts.operations);
    let ended = turn(lab, case, &mut dials, parts);
    let mut neighbours = Vec::new();
    for dial in &mut dials {
        if dial.search.ask().is_some() {
            continue;
        }
        let range = dial.search.range();
        dial.place.conclude(range, &mut parts.deviations, &mut parts.operations);
        let beyond = [range.lower, range.upper].into_iter().flatten();
        neighbours.extend(beyond.filter_map(|boundary| {
            let turned = dial.place.turned(lab, case, boundary.passes)?;
            Some(Passing {
                edit: dial.place.edit(case, boundary.passes),
                of_operation: matches!(dial.place, Place::Operation(..)),
                case: turned,
            })
        }));
    }
    ended?;
    let cases: Vec<Case> = neighbours.iter().map(|passing| passing.case.clone()).collect();
    let tried = lab.try_all(&trials(&cases))?;
    let tried = neighbours.into_iter().zip(tried);
    parts.passing.extend(tried.filter(|(_, shown)| shown.passes).map(|(neighbour, _)| neighbour));
    // The sort is stable: what was dropped stays before what was altered.
    parts.passing.sort_by_key(|passing| passing.of_operation);
    Ok(())
}

/// Tries numbers until each search is over.
fn turn(lab: &mut Lab<'_>, case: &Case, dials: &mut [Dial], parts: &mut Parts) -> Result<(), Stop> {
    loop {
        let mut asked: Vec<(usize, u64, Case)> = Vec::new();
        for (index, dial) in dials.iter_mut().enumerate() {
            // What its type does not allow is answered without an execution.
            while let Some(number) = dial.search.ask() {
                match dial.place.turned(lab, case, number) {
                    Some(turned) => {
                        asked.push((index, number, turned));
                        break;
                    }
                    None => dial.search.tell(number, Shows::Impossible),
                }
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let cases: Vec<Case> = asked.iter().map(|(_, _, case)| case.clone()).collect();
        let tried = lab.try_all(&trials(&cases))?;
        for ((index, number, _), shown) in asked.into_iter().zip(tried) {
            let dial = &mut dials[index];
            let shows = dial.place.shows(case, &shown);
            dial.place.necessity(&mut parts.deviations, &mut parts.operations).tried += 1;
            dial.search.tell(number, shows);
        }
    }
}

/// A number somewhere in a case, and the search for its range.
struct Dial {
    place: Place,
    search: Search,
}

enum Place {
    Deviation(usize, NumberIn),
    Operation(usize, Vec<Key>),
}

#[derive(Clone, Debug)]
enum Key {
    Name(String),
    Index(usize),
}

fn dials(case: &Case, offers: &[Offer], deviations: &[Necessity], operations: &[Necessity]) -> Vec<Dial> {
    let mut dials = Vec::new();
    for (position, deviation) in case.script.iter().enumerate() {
        let complete = listed(offers, deviation)
            .is_some_and(|values| values.contains(&deviation.value) && values.len() <= ALTERNATIVES_MAX);
        // All values were tried one by one already, unless they make too long a list to read.
        let read = deviations[position].values.len() <= 1;
        let number = NumberIn::find(&deviation.value);
        if let Some(number) = number.filter(|_| deviations[position].needed && !(complete && read)) {
            dials
                .push(Dial { search: Search::new(number.number, u64::MAX), place: Place::Deviation(position, number) });
        }
    }
    for (position, (_, operation)) in case.operations.iter().enumerate().take(operations.len()) {
        if !operations[position].needed {
            continue;
        }
        let mut leaves = Vec::new();
        find_numbers(operation, &mut Vec::new(), &mut leaves);
        for (path, number) in leaves {
            if dials.len() < NUMBERS_MAX {
                dials.push(Dial {
                    search: Search::new(number, largest_worth_trying(number)),
                    place: Place::Operation(position, path),
                });
            }
        }
    }
    dials
}

/// Operations are executed with whatever size they say, so there must be an end.
fn largest_worth_trying(number: u64) -> u64 {
    number.saturating_mul(16).max(4_096)
}

fn find_numbers(value: &Value, path: &mut Vec<Key>, leaves: &mut Vec<(Vec<Key>, u64)>) {
    match value {
        Value::Integer(number) => {
            leaves.extend(u64::try_from(*number).map(|number| (path.clone(), number)));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Key::Index(index));
                find_numbers(item, path, leaves);
                path.pop();
            }
        }
        Value::Table(entries) => {
            for (name, item) in entries {
                path.push(Key::Name(name.clone()));
                find_numbers(item, path, leaves);
                path.pop();
            }
        }
        _ => {}
    }
}

impl Place {
    /// The case with another number here; `None` if the flow's type of operations does not allow it.
    fn turned(&self, lab: &Lab<'_>, case: &Case, number: u64) -> Option<Case> {
        match self {
            Place::Deviation(position, words) => Some(case.with_value(*position, &words.with(number))),
            Place::Operation(position, path) => {
                let mut operation = case.operations[*position].1.clone();
                *leaf(&mut operation, path)? = Value::Integer(i64::try_from(number).ok()?);
                let text = operation.to_string();
                let read = toml::de::ValueDeserializer::parse(&text).ok()?;
                lab.flow.check_operation(read).ok()?;
                Some(case.with_operation(*position, operation))
            }
        }
    }

    fn shows(&self, case: &Case, shown: &Tried) -> Shows {
        let unused = |position: usize| {
            let place = |of: &Deviation| (of.site.clone(), of.actor.clone(), of.n);
            let own = place(&case.script.deviations[position]);
            shown.unused.iter().any(|unused| place(unused) == own)
        };
        match self {
            Place::Deviation(position, _) if unused(*position) => Shows::Impossible,
            _ if shown.fails => Shows::Failure,
            _ => Shows::Other,
        }
    }

    fn necessity<'n>(&self, deviations: &'n mut [Necessity], operations: &'n mut [Necessity]) -> &'n mut Necessity {
        match self {
            Place::Deviation(position, _) => &mut deviations[*position],
            Place::Operation(position, _) => &mut operations[*position],
        }
    }

    fn conclude(&self, range: Range, deviations: &mut [Necessity], operations: &mut [Necessity]) {
        let (unit, part) = match self {
            Place::Deviation(_, words) => (words.unit, String::new()),
            Place::Operation(_, path) => (Unit::Plain, part(path)),
        };
        let necessity = self.necessity(deviations, operations);
        let mut words = range.words(unit);
        if !part.is_empty() {
            words = format!("{part}: {words}");
        }
        if let Place::Deviation(_, number) = self {
            // Single values that the range covers need not be listed.
            necessity.values.retain(|words| {
                let bare = words.strip_prefix("or `").and_then(|words| words.strip_suffix('`'));
                let other = bare.and_then(NumberIn::find);
                !other.is_some_and(|other| other.is_like(number))
            });
        }
        necessity.values.insert(necessity.ranges.len(), words);
        necessity.ranges.push(Numbers {
            part,
            unit: (unit == Unit::Duration).then_some("nanoseconds"),
            lower: range.lower,
            upper: range.upper,
            holes: range.holes,
        });
    }

    fn edit(&self, case: &Case, number: u64) -> String {
        match self {
            Place::Deviation(position, words) => {
                format!("with `{}` as deviation {}", words.with(number), position + 1)
            }
            Place::Operation(position, path) => {
                let n = case.operations[*position].0;
                match part(path).as_str() {
                    "" => format!("with {number} as operation {n}"),
                    part => format!("with {part} = {number} in operation {n}"),
                }
            }
        }
    }
}

fn leaf<'v>(value: &'v mut Value, path: &[Key]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, key| match key {
        Key::Name(name) => value.get_mut(name.as_str()),
        Key::Index(index) => value.get_mut(*index),
    })
}

fn part(path: &[Key]) -> String {
    let mut out = String::new();
    for key in path {
        let dot = if out.is_empty() { "" } else { "." };
        // Writing to a string cannot fail.
        let _ = match key {
            Key::Name(name) => write!(out, "{dot}{name}"),
            Key::Index(index) => write!(out, "{dot}{index}"),
        };
    }
    out
}
