//! The text a complaint can point into: the file, followed by the command-line settings laid over it.
//!
//! Every byte has one offset in a single numbering: the file first, then each setting. So a span says by
//! itself whether it lies in the file or on the command line, and no reader has to ask.

use std::ops::Range;

use super::complaint::{Complaint, Excerpt};
use super::overrides::Override;

/// A larger file is refused unread: scenario files are written by people.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// Characters of a line that an excerpt shows at most.
const EXCERPT_CHARS_MAX: usize = 100;
/// Of these, how many stand in front of the place when a line is cut.
const EXCERPT_CHARS_BEFORE: usize = 40;
/// What a tab is drawn as, so that the caret stands under its place in every terminal and log.
const TAB: &str = "    ";

/// The texts of one reading, in one numbering.
pub(super) struct Sources<'t> {
    path: &'t str,
    text: &'t str,
    line_starts: Vec<usize>,
    settings: Vec<Setting>,
}

/// One command-line setting, as it was typed.
struct Setting {
    base: usize,
    text: String,
}

/// The text of a file without its byte order mark.
///
/// # Errors
/// The file is too large, empty or not text.
pub(super) fn decode<'t>(path: &str, bytes: &'t [u8]) -> Result<&'t str, Complaint> {
    let length = bytes.len() as u64;
    if length > MAX_FILE_BYTES {
        return Err(Complaint::too_large(path, length));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let line = bytes[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
        Complaint::not_text(path, offset, line, bytes[offset])
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(Complaint::empty(path));
    }
    Ok(text)
}

impl<'t> Sources<'t> {
    pub(super) fn new(path: &'t str, text: &'t str) -> Sources<'t> {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Sources { path, text, line_starts, settings: Vec::new() }
    }

    /// Adds a command-line setting; answers the offset at which its text begins.
    pub(super) fn add(&mut self, setting: &Override) -> usize {
        let base = self.settings.last().map_or(self.text.len(), |last| last.base + last.text.len()) + 1;
        self.settings.push(Setting { base, text: setting.as_typed() });
        base
    }

    pub(super) fn path(&self) -> &'t str {
        self.path
    }

    /// The text of a span on the command line; `None` for one in the file.
    pub(super) fn typed(&self, span: &Range<usize>) -> Option<&str> {
        let setting = self.setting_at(span.start)?;
        setting.text.get(span.start - setting.base..span.end - setting.base)
    }

    fn setting_at(&self, offset: usize) -> Option<&Setting> {
        self.settings.iter().rev().find(|setting| setting.base <= offset)
    }

    /// The line of the file that a span begins in, from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.line_starts.partition_point(|line_start| *line_start <= span.start)
    }

    /// Where a span is, with the line it stands in.
    pub(super) fn excerpt(&self, span: &Range<usize>) -> Excerpt {
        if let Some(setting) = self.setting_at(span.start) {
            let local = span.start - setting.base..span.end.max(span.start) - setting.base;
            return cut(None, 1, &setting.text, local);
        }
        let start = span.start.min(self.text.len());
        let line = self.line(&(start..start));
        let line_start = self.line_starts[line - 1];
        let rest = &self.text[line_start..];
        let content = rest.split('\n').next().unwrap_or(rest);
        let content = content.strip_suffix('\r').unwrap_or(content);
        // A span may end in a later line: what is shown, and underlined, is its first one.
        let local = (start - line_start).min(content.len())..span.end.max(start) - line_start;
        cut(Some(self.path), line, content, local)
    }
}

/// Cuts a long line around the span and makes it safe to print.
fn cut(path: Option<&str>, line: usize, content: &str, span: Range<usize>) -> Excerpt {
    let span = floor(content, span.start)..floor(content, span.end);
    let start = content[..span.start].chars().count();
    let width = content[span].chars().count();
    let total = content.chars().count();

    let (from, to) = if total <= EXCERPT_CHARS_MAX {
        (0, total)
    } else {
        let from = start.saturating_sub(EXCERPT_CHARS_BEFORE).min(total - EXCERPT_CHARS_MAX);
        (from, from + EXCERPT_CHARS_MAX)
    };
    let mut shown = String::new();
    let (mut caret, mut underline) = (0, 0);
    let mut drawn = 0;
    if from > 0 {
        shown.push('…');
        drawn += 1;
    }
    for (at, character) in content.chars().enumerate().take(to).skip(from) {
        if at == start {
            caret = drawn;
        }
        let cells = draw(character, &mut shown);
        drawn += cells;
        if (start..start + width).contains(&at) {
            underline += cells;
        }
    }
    if start >= to {
        caret = drawn;
    }
    if to < total {
        shown.push('…');
    }
    Excerpt { path: path.map(str::to_owned), line, column: start + 1, text: shown, caret, underline: underline.max(1) }
}

/// Appends one character of a file to what is printed; answers how many cells it takes.
fn draw(character: char, shown: &mut String) -> usize {
    match character {
        '\t' => shown.push_str(TAB),
        // Escape sequences in a file must not reach the terminal.
        c if c.is_control() => shown.push('\u{fffd}'),
        c => shown.push(c),
    }
    if character == '\t' { TAB.len() } else { 1 }
}

/// The nearest character boundary at or below an offset.
fn floor(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, needle: &str) -> Excerpt {
        let start = text.find(needle).expect("the needle is in the text");
        Sources::new("a.toml", text).excerpt(&(start..start + needle.len()))
    }

    /// Columns count characters from 1, whatever the line ends with and however wide they are in UTF-8.
    #[test]
    fn columns_count_characters() {
        let excerpt = at("a = 1\r\nß\u{e9} = x\r\n", "x");
        assert_eq!((excerpt.line, excerpt.column), (2, 6));
        assert_eq!(excerpt.text, "ßé = x");
    }

    /// A tab is one column, is drawn four cells wide, and the caret stands under the place nevertheless.
    #[test]
    fn tabs_do_not_move_the_caret() {
        let excerpt = at("\ta\t= bad", "bad");
        assert_eq!(excerpt.column, 6);
        assert_eq!(&excerpt.text[excerpt.caret..excerpt.caret + excerpt.underline], "bad");
    }

    /// A long line is cut around the place and the caret stands under the place.
    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("{}bad{}", "x".repeat(500), "y".repeat(500));
        let excerpt = at(&text, "bad");
        assert_eq!(excerpt.column, 501);
        let shown: String = excerpt.text.chars().skip(excerpt.caret).take(excerpt.underline).collect();
        assert_eq!(shown, "bad");
        assert!(excerpt.text.chars().count() <= EXCERPT_CHARS_MAX + 2);
    }

    /// A place at the end of the file is shown behind the last character.
    #[test]
    fn the_end_of_the_file_is_a_place() {
        let text = "a = [1,";
        let excerpt = Sources::new("a.toml", text).excerpt(&(7..7));
        assert_eq!((excerpt.line, excerpt.column, excerpt.caret, excerpt.underline), (1, 8, 7, 1));
    }

    /// Control characters of a file do not reach the terminal.
    #[test]
    fn escape_sequences_are_defused() {
        assert_eq!(at("a = \u{1b}[31m", "a").text, "a = \u{fffd}[31m");
    }
}
