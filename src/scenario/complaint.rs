//! What is wrong with a file, ready to be printed: place, message, the line with a caret, and a way out.
//!
//! ```text
//! scenarios/publish/x.toml:3:8: unknown flow `publsh`
//!   3 | flow = "publsh"
//!     |        ^^^^^^^^ did you mean `publish`?
//! ```

use std::fmt;

use super::source::MAX_FILE_BYTES;

/// One thing that is wrong with a file or with a command-line setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The file as it was named, or `command line`.
    pub path: String,
    /// Line and column, both from 1; `None` where the whole file is meant, and on the command line.
    pub position: Option<Position>,
    /// What was found and what was expected.
    pub message: String,
    /// A way out: the nearest valid name, or the valid ones.
    pub help: Option<String>,
    /// Boxed: a complaint is an error value, and most results carry none.
    excerpt: Option<Box<Excerpt>>,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// The line a complaint is about, cut and made printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// `None`: the command line.
    pub path: Option<String>,
    pub line: usize,
    pub column: usize,
    pub text: String,
    /// Cells of `text` in front of the caret.
    pub caret: usize,
    pub underline: usize,
}

/// Help up to this length is printed behind the caret; anything longer gets a line of its own.
const HELP_BESIDE_CARET_MAX: usize = 60;

impl Complaint {
    /// A complaint about a place.
    pub(super) fn at(excerpt: Excerpt, message: String, help: Option<String>) -> Complaint {
        let position = Position { line: excerpt.line, column: excerpt.column };
        Complaint {
            path: excerpt.path.clone().unwrap_or_else(|| "command line".to_owned()),
            position: excerpt.path.is_some().then_some(position),
            message,
            help,
            excerpt: Some(Box::new(excerpt)),
        }
    }

    /// A complaint about something that is not there and belongs at the top.
    pub(super) fn at_top(path: &str, message: String, help: Option<String>) -> Complaint {
        let position = Some(Position { line: 1, column: 1 });
        Complaint { position, help, ..Complaint::whole_file(path, message) }
    }

    /// A complaint about a file as a whole.
    #[must_use]
    pub fn whole_file(path: &str, message: impl Into<String>) -> Complaint {
        Complaint { path: path.to_owned(), position: None, message: message.into(), help: None, excerpt: None }
    }

    /// A complaint about what was typed on the command line.
    #[must_use]
    pub fn command_line(message: impl Into<String>) -> Complaint {
        Complaint::whole_file("command line", message)
    }

    /// The same with a way out.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Complaint {
        self.help = Some(help.into());
        self
    }

    /// A file that is not there. `near` are the paths that exist and could be meant.
    #[must_use]
    pub fn missing_file(path: &str, near: &[&str]) -> Complaint {
        let complaint = Complaint::whole_file(path, "there is no such file");
        match super::nearest::nearest(path, near) {
            Some(name) => complaint.with_help(format!("did you mean `{name}`?")),
            None => complaint.with_help("`seedbed list` names the scenarios there are"),
        }
    }

    /// A file that is there and cannot be read.
    #[must_use]
    pub fn unreadable(path: &str, reason: &str) -> Complaint {
        Complaint::whole_file(path, format!("cannot be read: {reason}"))
    }

    /// A file larger than [`MAX_FILE_BYTES`]; a caller that knows the size need not read the file first.
    #[must_use]
    pub fn too_large(path: &str, bytes: u64) -> Complaint {
        // Tenths by integer arithmetic, rounded up: a file just above the limit is not "1.0 MiB".
        let tenths = (bytes * 10).div_ceil(1 << 20);
        let size = format!("{}.{} MiB", tenths / 10, tenths % 10);
        let limit = MAX_FILE_BYTES >> 20;
        Complaint::whole_file(path, format!("is {size} large; at most {limit} MiB is read"))
            .with_help("is this a scenario file at all?")
    }

    /// A file that is not UTF-8 text; `offset` counts bytes from 0.
    #[must_use]
    pub fn not_text(path: &str, offset: usize, line: usize, byte: u8) -> Complaint {
        let message = format!("is not UTF-8 text: byte 0x{byte:02x} at offset {offset} (line {line})");
        Complaint::whole_file(path, message).with_help("save the file as UTF-8")
    }

    /// A file without any content.
    #[must_use]
    pub fn empty(path: &str) -> Complaint {
        Complaint::whole_file(path, "is empty").with_help("a file begins with `seedbed = 1`")
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(Position { line, column }) => write!(f, "{}:{line}:{column}: {}", self.path, self.message)?,
            None => write!(f, "{}: {}", self.path, self.message)?,
        }
        let number = match (&self.excerpt, self.position) {
            (Some(_), Some(position)) => position.line.to_string(),
            _ => String::new(),
        };
        let gutter = number.len();
        let mut beside = "";
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n  {number} | {}", excerpt.text)?;
            let (indent, marks) = (" ".repeat(excerpt.caret), "^".repeat(excerpt.underline));
            beside = self.help.as_deref().filter(|help| help.len() <= HELP_BESIDE_CARET_MAX).unwrap_or("");
            let space = if beside.is_empty() { "" } else { " " };
            write!(f, "\n  {:gutter$} | {indent}{marks}{space}{beside}", "")?;
        }
        match &self.help {
            Some(help) if beside.is_empty() => write!(f, "\n  {:gutter$} = {help}", ""),
            _ => Ok(()),
        }
    }
}

/// Everything that is wrong with a file, by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaints {
    list: Vec<Complaint>,
    more: usize,
}

impl Complaints {
    pub(super) fn new(list: Vec<Complaint>, more: usize) -> Complaints {
        Complaints { list, more }
    }

    /// The complaints; never none.
    #[must_use]
    pub fn list(&self) -> &[Complaint] {
        &self.list
    }

    /// How many further ones were found and are not in the list.
    #[must_use]
    pub fn more(&self) -> usize {
        self.more
    }
}

impl From<Complaint> for Complaints {
    fn from(complaint: Complaint) -> Complaints {
        Complaints { list: vec![complaint], more: 0 }
    }
}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, complaint) in self.list.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n\n" };
            write!(f, "{separator}{complaint}")?;
        }
        if self.more > 0 {
            write!(f, "\n\n… and {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Complaints {}
