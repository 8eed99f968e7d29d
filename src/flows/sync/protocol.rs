//! The sync protocol as bytes: lines of atoms, lists and literals. A literal `{n+}` is followed by n bytes without
//! anybody asking for them, so a connection can end inside one.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::net::Stream;

/// Where sync servers listen.
pub const PORT: &str = "csync";
/// The longest literal a server takes.
const LITERAL_MAX: usize = 1 << 20;
/// Bytes read at a time.
const CHUNK: usize = 4_096;

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word.
    Atom(String),
    /// Tokens in parentheses.
    List(Vec<Token>),
    /// Bytes.
    Literal(Vec<u8>),
}

impl Token {
    /// The word, if it is one.
    #[must_use]
    pub fn atom(&self) -> Option<&str> {
        match self {
            Token::Atom(word) => Some(word),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn number<N: std::str::FromStr>(&self) -> Option<N> {
        self.atom()?.parse().ok()
    }

    /// The words of a list of words.
    #[must_use]
    pub fn words(&self) -> Option<Vec<String>> {
        match self {
            Token::List(tokens) => tokens.iter().map(|token| token.atom().map(str::to_owned)).collect(),
            _ => None,
        }
    }
}

/// A line to be sent.
#[derive(Clone, Debug, Default)]
pub struct Line(Vec<u8>);

impl Line {
    /// A line that begins with these words, separated by spaces as they are.
    #[must_use]
    pub fn new(words: impl Into<String>) -> Line {
        Line(words.into().into_bytes())
    }

    /// Adds a word.
    #[must_use]
    pub fn word(mut self, word: impl std::fmt::Display) -> Line {
        self.0.extend(format!(" {word}").into_bytes());
        self
    }

    /// Adds a list of words.
    #[must_use]
    pub fn list(mut self, words: &[String]) -> Line {
        self.0.extend(format!(" ({})", words.join(" ")).into_bytes());
        self
    }

    /// Only the first bytes of it.
    #[cfg(test)]
    pub fn cut(mut self, len: usize) -> Line {
        self.0.truncate(len);
        self
    }

    /// Closes a parenthesis that a word has opened.
    #[must_use]
    pub fn close(mut self) -> Line {
        self.0.push(b')');
        self
    }

    /// Adds a literal.
    #[must_use]
    pub fn literal(mut self, bytes: &[u8]) -> Line {
        self.0.extend(format!(" {{{}+}}\r\n", bytes.len()).into_bytes());
        self.0.extend_from_slice(bytes);
        self
    }
}

/// Why nothing more can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The connection is over.
    #[error("the connection is lost")]
    Lost,
    /// What came is no line.
    #[error("not a line of the protocol")]
    Malformed,
}

impl From<io::Error> for WireError {
    fn from(_: io::Error) -> WireError {
        WireError::Lost
    }
}

/// A connection that speaks in lines.
pub struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
}

impl Wire {
    /// Over a connection.
    #[must_use]
    pub fn new(stream: Stream) -> Wire {
        Wire { stream, buffer: Vec::new() }
    }

    /// Sends lines, one behind the other.
    ///
    /// # Errors
    /// [`WireError::Lost`].
    pub async fn send(&mut self, lines: &[Line]) -> Result<(), WireError> {
        let mut bytes = Vec::new();
        for line in lines {
            bytes.extend_from_slice(&line.0);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&bytes).await?;
        Ok(())
    }

    /// The next line; `None` at the orderly end between two lines.
    ///
    /// # Errors
    /// [`WireError::Lost`] if the connection ends inside a line, [`WireError::Malformed`].
    pub async fn receive(&mut self) -> Result<Option<Vec<Token>>, WireError> {
        loop {
            match parse(&self.buffer) {
                Parsed::Line(tokens, used) => {
                    self.buffer.drain(..used);
                    return Ok(Some(tokens));
                }
                Parsed::Malformed => return Err(WireError::Malformed),
                Parsed::Incomplete => {}
            }
            let mut chunk = [0; CHUNK];
            let count = self.stream.read(&mut chunk).await?;
            if count == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(WireError::Lost) };
            }
            self.buffer.extend_from_slice(&chunk[..count]);
        }
    }

    /// Resets the connection.
    pub fn abort(self) {
        self.stream.abort();
    }
}

/// What bytes say.
#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    /// A line, and how many bytes it took.
    Line(Vec<Token>, usize),
    /// More has to come.
    Incomplete,
    /// It will never be a line.
    Malformed,
}

fn parse(bytes: &[u8]) -> Parsed {
    let mut stack: Vec<Vec<Token>> = vec![Vec::new()];
    let mut at = 0;
    loop {
        let Some(&byte) = bytes.get(at) else {
            return Parsed::Incomplete;
        };
        match byte {
            b'\r' => {
                return match (bytes.get(at + 1), stack.len()) {
                    (None, _) => Parsed::Incomplete,
                    (Some(b'\n'), 1) => Parsed::Line(stack.remove(0), at + 2),
                    _ => Parsed::Malformed,
                };
            }
            b' ' => at += 1,
            b'(' => {
                stack.push(Vec::new());
                at += 1;
            }
            b')' => {
                let list = stack.pop().unwrap_or_default();
                match stack.last_mut() {
                    Some(outer) => outer.push(Token::List(list)),
                    None => return Parsed::Malformed,
                }
                at += 1;
            }
            _ => {
                let rest = &bytes[at..];
                let Some(len) = rest.iter().position(|byte| matches!(byte, b' ' | b'(' | b')' | b'\r')) else {
                    return Parsed::Incomplete;
                };
                let Ok(word) = std::str::from_utf8(&rest[..len]) else {
                    return Parsed::Malformed;
                };
                at += len;
                let token = match literal_len(word) {
                    None => Token::Atom(word.to_owned()),
                    Some(size) if size > LITERAL_MAX => return Parsed::Malformed,
                    Some(size) => {
                        let from = at + 2;
                        if bytes.len() < from + size {
                            return Parsed::Incomplete;
                        }
                        at = from + size;
                        Token::Literal(bytes[from..at].to_vec())
                    }
                };
                if let Some(tokens) = stack.last_mut() {
                    tokens.push(token);
                }
            }
        }
    }
}

fn literal_len(word: &str) -> Option<usize> {
    word.strip_prefix('{')?.strip_suffix("+}")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(line: &Line) -> Vec<u8> {
        [&line.0[..], b"\r\n"].concat()
    }

    /// Claim: a line is the text the protocol's description shows, and survives being read.
    #[test]
    fn lines_survive() {
        let line =
            Line::new("UPLOAD 6 7 SIMPLE").word("ab").list(&["\\Deleted".into(), "$x".into()]).literal(b"a\r\nb)");
        assert_eq!(bytes(&line), b"UPLOAD 6 7 SIMPLE ab (\\Deleted $x) {5+}\r\na\r\nb)\r\n");
        let Parsed::Line(tokens, used) = parse(&bytes(&line)) else { panic!() };
        assert_eq!(used, bytes(&line).len());
        assert_eq!(tokens[1].number(), Some(6));
        assert_eq!(tokens[5].words().unwrap(), ["\\Deleted", "$x"]);
        assert_eq!(tokens[6], Token::Literal(b"a\r\nb)".to_vec()));
    }

    /// Claim: whatever a line is cut off at, it is incomplete; two lines are read one by one.
    #[test]
    fn cut_lines_are_incomplete() {
        let line = bytes(&Line::new("A").list(&[]).literal(b"EXPUNGE 1\r\n").word("x"));
        for len in 0..line.len() {
            assert_eq!(parse(&line[..len]), Parsed::Incomplete, "{len}");
        }
        let two = [&line[..], b"B\r\n"].concat();
        let Parsed::Line(_, used) = parse(&two) else { panic!() };
        assert_eq!(parse(&two[used..]), Parsed::Line(vec![Token::Atom("B".into())], 3));
        for wrong in [&b"a)\r\n"[..], b"(a\r\n", b"a\rb\r\n", b"\xff \r\n"] {
            assert_eq!(parse(wrong), Parsed::Malformed, "{wrong:?}");
        }
    }
}
