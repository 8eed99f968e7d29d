//! Collects what is wrong while a file is read, so that all of it can be told at once.

use std::ops::Range;

use super::complaint::{Complaint, Complaints};
use super::nearest;
use super::source::Sources;

/// More complaints than this are counted, not kept: nobody reads them.
const KEPT_MAX: usize = 50;
/// Characters of a found value that a message repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// The place of what is missing at the top level of a file.
pub(super) const TOP: Range<usize> = 0..0;

/// Everything found so far, and the text it was found in.
pub(super) struct Findings<'t> {
    pub(super) sources: Sources<'t>,
    found: Vec<(usize, Complaint)>,
    more: usize,
}

impl<'t> Findings<'t> {
    pub(super) fn new(sources: Sources<'t>) -> Findings<'t> {
        Findings { sources, found: Vec::new(), more: 0 }
    }

    /// Something is wrong with what stands at `span`.
    pub(super) fn add(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.add_with(span, message, || None);
    }

    /// The same with a way out.
    pub(super) fn add_help(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.add_with(span, message, || Some(help.into()));
    }

    /// The same; the way out is only looked for when it will be shown.
    pub(super) fn add_with(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl FnOnce() -> Option<String>,
    ) {
        if self.found.len() >= KEPT_MAX {
            self.more += 1;
            return;
        }
        let (message, help) = (message.into(), help());
        let complaint = if *span == TOP {
            Complaint::at_top(self.sources.path(), message, help)
        } else {
            Complaint::at(self.sources.excerpt(span), message, help)
        };
        self.found.push((span.start, complaint));
    }

    /// A name that is not among the valid ones of its kind.
    pub(super) fn unknown(&mut self, span: &Range<usize>, kind: &str, name: &str, valid: &[&str]) {
        let message = format!("unknown {kind} {}", shown(name));
        self.add_with(span, message, || nearest::way_out(name, valid));
    }

    /// A name that the flow does not have.
    pub(super) fn not_of(&mut self, span: &Range<usize>, flow: &str, kind: &str, name: &str, valid: &[&str]) {
        let message = format!("flow {flow} has no {kind} {}", shown(name));
        self.add_with(span, message, || nearest::way_out(name, valid));
    }

    /// The value, if nothing was found; otherwise everything found, by position.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Complaints> {
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => {
                let mut found = self.found;
                debug_assert!(!found.is_empty(), "a value is only missing when something was found");
                found.sort_by_key(|(offset, _)| *offset);
                let list = found.into_iter().map(|(_, complaint)| complaint).collect();
                Err(Complaints::new(list, self.more))
            }
        }
    }
}

/// A text of the file as a message may repeat it: in backticks, on one line, cut, harmless.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(printable).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

fn printable(character: char) -> impl Iterator<Item = char> {
    let escaped = character.is_control().then(|| character.escape_default());
    let plain = escaped.is_none().then_some(character);
    escaped.into_iter().flatten().chain(plain)
}
