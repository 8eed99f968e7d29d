//! `check`: are these files valid? All errors of all files at once.

use serde::Serialize;

use super::{Done, Stop};
use crate::Harness;
use crate::cli::{CheckArguments, Format};
use crate::exit::Exit;
use crate::files::{find, load};
use crate::output::line;

/// The answer about one file.
#[derive(Serialize)]
struct FileLine<'a> {
    v: u32,
    file: &'a str,
    ok: bool,
    errors: Vec<ErrorLine<'a>>,
    /// Errors beyond those listed.
    more: usize,
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    line: Option<usize>,
    column: Option<usize>,
    message: &'a str,
    help: Option<&'a str>,
}

pub fn check(harness: &Harness, arguments: &CheckArguments) -> Done {
    let files = find(&arguments.paths, harness.folder())?;
    let mut wrong = Vec::new();
    for file in &files {
        let complaints = load(harness, file, &[]).err();
        if arguments.format == Format::Json {
            let listed = complaints.as_ref().map_or(&[][..], |complaints| complaints.list());
            let errors = listed.iter().map(|complaint| ErrorLine {
                line: complaint.position.map(|position| position.line),
                column: complaint.position.map(|position| position.column),
                message: &complaint.message,
                help: complaint.help.as_deref(),
            });
            let more = complaints.as_ref().map_or(0, |complaints| complaints.more());
            let answer = FileLine { v: 1, file, ok: complaints.is_none(), errors: errors.collect(), more };
            line(&json(&answer)?)?;
        }
        wrong.extend(complaints);
    }
    if arguments.format == Format::Text {
        if wrong.is_empty() {
            let plural = if files.len() == 1 { "file is" } else { "files are" };
            line(&format!("{} {plural} valid", files.len()))?;
        } else {
            for complaints in &wrong {
                eprintln!("{complaints}\n");
            }
            eprintln!("{} of {} files are not valid", wrong.len(), files.len());
        }
    }
    Ok(if wrong.is_empty() { Exit::AsExpected } else { Exit::Usage })
}

/// An object as one line.
pub fn json(value: &impl Serialize) -> Result<String, Stop> {
    serde_json::to_string(value).map_err(|error| Stop::Tool(format!("a result cannot be written as JSON: {error}")))
}
