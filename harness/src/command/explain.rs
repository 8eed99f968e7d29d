//! `explain`: which parts of a failing run matter, why it broke, and what nearby run passes.

use super::check::json;
use super::one_run::{Chosen, choose, hang};
use super::shrink::jobs;
use super::{Done, Stop, interrupt};
use crate::Harness;
use crate::cli::{ExplainArguments, Format};
use crate::exit::Exit;
use crate::explain::{ExplainEnd, ExplainError, Live, Options, Subject, explain as find_out, text};
use crate::output::{line, print};
use crate::report::{Paint, command_line, with_explaining};

pub fn explain(harness: &Harness, arguments: &ExplainArguments) -> Done {
    let chosen = choose(harness, &arguments.run)?;
    let run = &arguments.run.options;
    let live = Live::default();
    let options = Options {
        jobs: jobs(arguments.jobs),
        executions: arguments.executions,
        run_limit: run.run_limit,
        interrupted: interrupt::listen(),
        on_hang: &|| hang(&chosen.name),
        live: &live,
    };
    let subject = Subject {
        name: &chosen.name,
        flow: chosen.flow,
        scenario: &chosen.scenario,
        faults: &chosen.faults,
        case: &chosen.case,
        seed: chosen.seed,
        expected: chosen.expected.as_ref(),
    };
    let found = with_explaining(&chosen.name, options.executions, &live, || find_out(&subject, &options));
    let explanation = match found {
        Ok(explanation) => explanation,
        Err(error) => return told(&chosen, error),
    };
    match run.format {
        Format::Json => line(&json(&explanation)?)?,
        Format::Text => {
            let repro = repro(arguments);
            print(&text(&explanation, Some(&repro), Paint::for_stdout()))?;
        }
    }
    Ok(match explanation.ended {
        ExplainEnd::Complete => Exit::AsExpected,
        ExplainEnd::Budget | ExplainEnd::Interrupted => Exit::Budget,
    })
}

fn repro(arguments: &ExplainArguments) -> String {
    let run = &arguments.run;
    let mut words = vec!["replay".to_owned(), run.path.clone()];
    if let Some(seed) = run.options.seed {
        words.extend(["--seed".to_owned(), seed.to_string()]);
    }
    words.extend(run.options.overlay.arguments());
    words.extend(["--trace".to_owned(), "full".to_owned()]);
    command_line(words)
}

fn told(chosen: &Chosen<'_>, error: ExplainError) -> Done {
    let name = &chosen.name;
    match error {
        ExplainError::NoFailure(why) => {
            eprintln!("{name}: there is no failure to explain: {why}");
            Ok(Exit::Unmet)
        }
        ExplainError::Different(why) => {
            eprintln!("{name}: two executions of the run differ: {why}");
            Ok(Exit::Nondeterminism)
        }
        ExplainError::Tool(failure) => Err(Stop::Tool(format!("{name}: {failure}"))),
    }
}
