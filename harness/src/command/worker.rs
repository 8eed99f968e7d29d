//! `worker`: the child process behind `run --isolate`.

use super::{Done, Stop};
use crate::Harness;
use crate::cli::WorkerArguments;
use crate::execute::on_large_stack;
use crate::exit::Exit;
use crate::files::{Loaded, load};
use crate::sweep::{Job, serve};

pub fn worker(harness: &Harness, arguments: &WorkerArguments) -> Done {
    let Loaded::Scenario(loaded) = load(harness, &arguments.path, &arguments.overlay.overrides())? else {
        return Err(Stop::Usage(format!("{}: a worker serves scenarios, not plans", arguments.path)));
    };
    let job = Job { flow: loaded.flow, scenario: &loaded.scenario, keep_going: arguments.keep_going };
    let served = on_large_stack(|| serve(&job, arguments.run_limit)).and_then(|served| served);
    match served {
        Ok(()) => Ok(Exit::AsExpected),
        Err(error) => Err(Stop::Tool(error.to_string())),
    }
}
