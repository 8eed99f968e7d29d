//! For each operation and each deviation: is it needed, and which other values would do?
//!
//! One thing is changed at a time; everything else stays as it is in the run that is explained.

use std::fmt::Write;

use seedbed::choice::{Deviation, Offer};
use serde::Serialize;
use toml::Value;

use super::bounds::{Boundary, Range, Search, Shows};
use super::lab::{Lab, Trial, Tried};
use super::numbers::{NumberIn, Unit};
use crate::execute::ToolFailure;
use crate::shrink::Case;

/// What can be said about one operation or deviation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Necessity {
    /// The failure disappears without it.
    pub needed: bool,
    /// Without it, deviations lose their place: that the failure disappears may have that reason.
    #[serde(skip_serializing_if = "is_false")]
    pub displaces: bool,
    /// In words, which other values fail too; empty if no other was possible.
    pub values: Vec<String>,
    /// Other values that were tried.
    pub tried: u64,
    /// Boundaries of a number in it, by the name of the number (empty if it is the value itself).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Numbers>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The range of one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Numbers {
    /// The part of the operation: `overwrite.bytes`; empty for the whole.
    pub part: String,
    /// `nanoseconds`, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// Where it ends below; null: everything smaller fails too.
    pub lower: Option<Boundary>,
    /// Where it ends above; null: everything larger that was tried fails too.
    pub upper: Option<Boundary>,
    /// Some value inside does not fail.
    pub holes: bool,
}

/// A run that passes, one choice away from the failing one.
#[derive(Clone, Debug)]
pub(super) struct Passing {
    /// What was done to the failing run.
    pub edit: String,
    /// Whether it was done to an operation: then the two runs do not even want the same.
    pub of_operation: bool,
    pub case: Case,
}

/// What was found out about a run, part by part.
pub(super) struct Parts {
    pub operations: Vec<Necessity>,
    pub deviations: Vec<Necessity>,
    /// Runs that pass: those with another deviation first, and what was dropped before what was altered.
    pub passing: Vec<Passing>,
}

/// Operations and deviations beyond these are not looked at one by one.
const OPERATIONS_MAX: usize = 64;
const NUMBERS_MAX: usize = 24;
const ALTERNATIVES_MAX: usize = 64;

/// Looks at every part of a failing case. `offers`: what could have been chosen in its run.
pub(super) fn parts(
    lab: &mut Lab<'_>,
    case: &Case,
    offers: &[Offer],
) -> Result<Parts, ToolFailure> {
    let mut passing = Vec::new();
    let mut deviations = drop_deviations(lab, case, &mut passing)?;
    let mut operations = drop_operations(lab, case, &mut passing)?;
    alternatives(lab, case, offers, &mut deviations, &mut passing)?;
    numbers(
        lab,
        case,
        offers,
        &mut deviations,
        &mut operations,
        &mut passing,
    )?;
    Ok(Parts {
        operations,
        deviations,
        passing,
    })
}

fn drop_deviations(
    lab: &mut Lab<'_>,
    case: &Case,
    passing: &mut Vec<Passing>,
) -> Result<Vec<Necessity>, ToolFailure> {
    let without = |position| case.without_deviation(position);
    let cases: Vec<Case> = (0..case.script.len()).map(without).collect();
    let tried = lab.try_all(&trials(&cases))?;
    let mut found = Vec::new();
    for (index, (shown, without)) in tried.iter().zip(cases).enumerate() {
        if shown.passes {
            passing.push(Passing {
                edit: format!("without deviation {}", index + 1),
                of_operation: false,
                case: without,
            });
        }
        found.push(Necessity::of(!shown.fails, false));
    }
    Ok(found)
}

fn drop_operations(
    lab: &mut Lab<'_>,
    case: &Case,
    passing: &mut Vec<Passing>,
) -> Result<Vec<Necessity>, ToolFailure> {
    if case.operations.len() > OPERATIONS_MAX {
        return Ok(Vec::new());
    }
    let without = |position| case.without_operation(position);
    let cases: Vec<Case> = (0..case.operations.len()).map(without).collect();
    let tried = lab.try_all(&trials(&cases))?;
    let mut found = Vec::new();
    for ((shown, without), (n, _)) in tried.iter().zip(cases).zip(&case.operations) {
        if shown.passes {
            passing.push(Passing {
                edit: format!("without operation {n}"),
                of_operation: true,
                case: without,
            });
        }
        let displaces = !shown.fails && !shown.unused.is_empty();
        found.push(Necessity::of(!shown.fails, displaces));
    }
    Ok(found)
}

/// Tries the other values that a deviation's place offered, if they can be listed.
fn alternatives(
    lab: &mut Lab<'_>,
    case: &Case,
    offers: &[Offer],
    deviations: &mut [Necessity],
    passing: &mut Vec<Passing>,
) -> Result<(), ToolFailure> {
    let mut tries: Vec<(usize, String, Case)> = Vec::new();
    for (position, deviation) in case.script.iter().enumerate() {
        let others = listed(offers, deviation).into_iter().flatten().skip(1);
        let others = others.filter(|words| **words != deviation.value);
        tries.extend(
            others
                .take(ALTERNATIVES_MAX)
                .map(|words| (position, words.clone(), case.with_value(position, words))),
        );
    }
    let cases: Vec<Case> = tries.iter().map(|(_, _, case)| case.clone()).collect();
    let tried = lab.try_all(&trials(&cases))?;
    let mut fail: Vec<Vec<String>> = vec![Vec::new(); deviations.len()];
    for ((position, words, case), shown) in tries.into_iter().zip(tried) {
        deviations[position].tried += 1;
        if shown.fails {
            fail[position].push(words);
        } else if shown.passes {
            passing.push(Passing {
                edit: format!("with `{words}` as deviation {}", position + 1),
                of_operation: false,
                case,
            });
        }
    }
    for (necessity, mut fail) in deviations.iter_mut().zip(fail) {
        necessity.values = if necessity.tried > 1 && fail.len() as u64 == necessity.tried {
            vec!["any value".to_owned()]
        } else {
            let more = fail.len().saturating_sub(SHOWN_MAX);
            fail.truncate(SHOWN_MAX);
            let mut words: Vec<String> = fail.iter().map(|words| format!("or `{words}`")).collect();
            if more > 0 {
                words.push(format!("or {more} more"));
            }
            words
        };
    }
    Ok(())
}

/// Alternatives named before the rest is only counted.
const SHOWN_MAX: usize = 4;

fn listed<'o>(offers: &'o [Offer], deviation: &Deviation) -> Option<&'o Vec<String>> {
    let offer = offers.iter().find(|offer| {
        (&offer.site, &offer.actor, offer.n) == (&deviation.site, &deviation.actor, deviation.n)
    });
    offer?.values.as_ref()
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

/// Searches the range of every number, all of them side by side.
fn numbers(
    lab: &mut Lab<'_>,
    case: &Case,
    offers: &[Offer],
    deviations: &mut [Necessity],
    operations: &mut [Necessity],
    passing: &mut Vec<Passing>,
) -> Result<(), ToolFailure> {
    let mut dials = dials(case, offers, deviations, operations);
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
            break;
        }
        let cases: Vec<Case> = asked.iter().map(|(_, _, case)| case.clone()).collect();
        let tried = lab.try_all(&trials(&cases))?;
        for ((index, number, _), shown) in asked.into_iter().zip(tried) {
            let dial = &mut dials[index];
            let shows = dial.place.shows(case, &shown);
            dial.place.necessity(deviations, operations).tried += 1;
            dial.search.tell(number, shows);
        }
    }
    let mut neighbours = Vec::new();
    for dial in &dials {
        let range = dial.search.range();
        dial.place.conclude(range, deviations, operations);
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
    let cases: Vec<Case> = neighbours
        .iter()
        .map(|passing| passing.case.clone())
        .collect();
    let tried = lab.try_all(&trials(&cases))?;
    let tried = neighbours.into_iter().zip(tried);
    passing.extend(
        tried
            .filter(|(_, shown)| shown.passes)
            .map(|(neighbour, _)| neighbour),
    );
    // The sort is stable: what was dropped stays before what was altered.
    passing.sort_by_key(|passing| passing.of_operation);
    Ok(())
}

fn dials(
    case: &Case,
    offers: &[Offer],
    deviations: &[Necessity],
    operations: &[Necessity],
) -> Vec<Dial> {
    let mut dials = Vec::new();
    for (position, deviation) in case.script.iter().enumerate() {
        let complete = listed(offers, deviation).is_some_and(|values| {
            values.contains(&deviation.value) && values.len() <= ALTERNATIVES_MAX
        });
        // All values were tried one by one already, unless they make too long a list to read.
        let read = deviations[position].values.len() <= 1;
        let number = NumberIn::find(&deviation.value);
        if let Some(number) = number.filter(|_| deviations[position].needed && !(complete && read))
        {
            dials.push(Dial {
                search: Search::new(number.number, u64::MAX),
                place: Place::Deviation(position, number),
            });
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
            Place::Deviation(position, words) => {
                Some(case.with_value(*position, &words.with(number)))
            }
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

    fn necessity<'n>(
        &self,
        deviations: &'n mut [Necessity],
        operations: &'n mut [Necessity],
    ) -> &'n mut Necessity {
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
                let bare = words
                    .strip_prefix("or `")
                    .and_then(|words| words.strip_suffix('`'));
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
                format!(
                    "with `{}` as deviation {}",
                    words.with(number),
                    position + 1
                )
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

fn trials(cases: &[Case]) -> Vec<Trial> {
    cases.iter().cloned().map(Trial::from).collect()
}

impl Necessity {
    fn of(needed: bool, displaces: bool) -> Necessity {
        Necessity {
            needed,
            displaces,
            values: Vec::new(),
            tried: 0,
            ranges: Vec::new(),
        }
    }

    /// `NECESSARY`, `any ≥ 3ms`, `not needed`.
    #[must_use]
    pub fn words(&self) -> String {
        if !self.needed {
            return "not needed".to_owned();
        }
        let needed = if self.displaces {
            "NECESSARY (without it, a deviation has no place)"
        } else {
            "NECESSARY"
        };
        // A range says what is necessary; alternatives only that this is not the only value.
        let ranges = self.values.len().min(self.ranges.len());
        let (ranges, others) = self.values.split_at(ranges);
        let mut words: Vec<&str> = match ranges {
            [] => vec![needed],
            ranges if self.displaces => [&[needed], &as_strs(ranges)[..]].concat(),
            ranges => as_strs(ranges),
        };
        words.extend(others.iter().map(String::as_str));
        words.join(", ")
    }
}

fn as_strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
