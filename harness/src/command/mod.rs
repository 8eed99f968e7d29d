//! The commands, and what they share.

mod audit;
mod check;
mod diff;
mod explain;
mod explore;
mod interrupt;
mod list;
mod one_run;
mod power;
mod promote;
mod replay;
mod run;
mod session;
mod shrink;
mod when;
mod why;
mod worker;

use std::sync::OnceLock;

use clap::{CommandFactory, FromArgMatches};
use seedbed::scenario::{Complaint, Complaints};

use crate::Harness;
use crate::cli::{Cli, Command, RunArguments};
use crate::exit::Exit;
use crate::output::OutputError;

/// Reads the command line and does what it says.
pub fn main(harness: &Harness) -> Exit {
    let matches = Cli::command().version(version()).try_get_matches();
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output, and their reader may be gone.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::AsExpected };
        }
    };
    seedbed::kernel::quiet_panics();
    let done = match cli.command {
        None => run::run(harness, RunArguments { paths: Vec::new(), options: cli.run }),
        Some(Command::Run(arguments)) => run::run(harness, arguments),
        Some(Command::Replay(arguments)) => replay::replay(harness, &arguments),
        Some(Command::Explore(arguments)) => explore::explore(harness, &arguments),
        Some(Command::Shrink(arguments)) => shrink::shrink(harness, &arguments),
        Some(Command::Explain(arguments)) => explain::explain(harness, &arguments),
        Some(Command::Why(arguments)) => why::why(harness, &arguments),
        Some(Command::When(arguments)) => when::when(harness, &arguments),
        Some(Command::Diff(arguments)) => diff::diff(harness, &arguments),
        Some(Command::Promote(arguments)) => promote::promote(harness, &arguments),
        Some(Command::Audit(arguments)) => audit::audit(harness, &arguments),
        Some(Command::Power(arguments)) => power::power(harness, &arguments),
        Some(Command::List(arguments)) => list::list(harness, arguments.format),
        Some(Command::Check(arguments)) => check::check(harness, &arguments),
        Some(Command::Worker(arguments)) => worker::worker(harness, &arguments),
        Some(Command::AuditWorker(arguments)) => audit::audit_worker(harness, &arguments),
    };
    done.unwrap_or_else(|stop| stop.exit())
}

fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| format!("{}\nhost: {}", env!("CARGO_PKG_VERSION"), seedbed::host()))
}

/// Why a command ended before it was done.
#[derive(Debug)]
enum Stop {
    /// The reader of standard output has gone away. What was found until then decides the exit code.
    ReaderGone(Exit),
    /// The command line or files are wrong; everything about it in one text.
    Usage(String),
    /// The tool itself failed.
    Tool(String),
}

impl Stop {
    fn exit(self) -> Exit {
        match self {
            Stop::ReaderGone(exit) => exit,
            Stop::Usage(text) => {
                eprintln!("{text}");
                Exit::Usage
            }
            Stop::Tool(text) => {
                eprintln!("seedbed itself failed: {text}");
                Exit::Tool
            }
        }
    }
}

impl From<OutputError> for Stop {
    fn from(error: OutputError) -> Stop {
        match error {
            OutputError::ReaderGone => Stop::ReaderGone(Exit::AsExpected),
            OutputError::Failed(_) => Stop::Tool(error.to_string()),
        }
    }
}

impl From<Vec<Complaint>> for Stop {
    fn from(complaints: Vec<Complaint>) -> Stop {
        Stop::Usage(complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"))
    }
}

impl From<Complaints> for Stop {
    fn from(complaints: Complaints) -> Stop {
        Stop::Usage(complaints.to_string())
    }
}

type Done = Result<Exit, Stop>;
