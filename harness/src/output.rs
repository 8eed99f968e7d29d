//! Standard output, for readers that may go away (`| head`).

use std::io::{self, ErrorKind, Write};

/// Why nothing more can be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Whoever read our output has closed it: not an error, but a reason to stop.
    #[error("the reader of the output has gone away")]
    ReaderGone,
    /// Anything else, such as a full disk.
    #[error("cannot write the output: {0}")]
    Failed(io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> OutputError {
        match error.kind() {
            ErrorKind::BrokenPipe => OutputError::ReaderGone,
            _ => OutputError::Failed(error),
        }
    }
}

/// Writes a text to standard output and hands it over at once.
///
/// # Errors
/// When the reader has gone away, or writing failed.
pub fn print(text: &str) -> Result<(), OutputError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// [`print`], with a line end.
///
/// # Errors
/// As [`print`].
pub fn line(text: &str) -> Result<(), OutputError> {
    print(&format!("{text}\n"))
}
