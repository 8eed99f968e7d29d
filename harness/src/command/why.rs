//! `why`: the causes of a step or an event, backwards.

use seedbed::trace::EventId;
use serde::Serialize;

use super::check::json;
use super::one_run::choose;
use super::{Done, Stop};
use crate::Harness;
use crate::cli::{Format, Place, WhyArguments};
use crate::exit::Exit;
use crate::explain::align::Steps;
use crate::explain::slice::{Slice, chain};
use crate::explain::slice_text;
use crate::output::{line, print};
use crate::report::thousands;

/// The object of `why --format json`.
#[derive(Debug, Serialize)]
struct Why<'a> {
    v: u32,
    scenario: &'a str,
    step: u64,
    event: Option<u32>,
    #[serde(flatten)]
    slice: Slice,
}

pub fn why(harness: &Harness, arguments: &WhyArguments) -> Done {
    let options = &arguments.run.options;
    let chosen = choose(harness, &arguments.run)?;
    let report = chosen.look(options.run_limit)?;
    let steps = Steps::new(&report).ok_or_else(|| Stop::Tool("the flow has kept no trace".to_owned()))?;
    let (step, event, from) = match arguments.place {
        Place::Step(step) => {
            let events: Vec<EventId> = steps.events(step).map(|(id, _)| id).collect();
            if step > steps.last() {
                return Err(Stop::Usage(format!(
                    "there is no step {}: the run has {}",
                    thousands(step),
                    thousands(steps.last())
                )));
            }
            (step, None, events)
        }
        Place::Event(event) => {
            let Some(found) = steps.trace.event(EventId(event)) else {
                return Err(Stop::Usage(format!(
                    "there is no event #{event}: the run has {}",
                    steps.trace.events().len()
                )));
            };
            (found.step, Some(event), vec![EventId(event)])
        }
    };
    let slice = chain(&steps, &from);
    match options.format {
        Format::Json => line(&json(&Why { v: 1, scenario: &chosen.name, step, event, slice })?)?,
        Format::Text if slice.lines.is_empty() => {
            print(&format!("nothing is noted in step {}\n", thousands(step)))?;
        }
        Format::Text => print(&slice_text(&slice.lines, slice.left_out))?,
    }
    Ok(Exit::AsExpected)
}
