//! `cyrus.cache`: a generation, then records back to back. A record is ten items; an item is its length, its bytes,
//! and zeros up to a multiple of four. Nothing in the file says where a record begins.

use super::layout::word;

/// Bytes before the first record.
pub const GENERATION_BYTES: usize = 4;
/// Items of a record.
pub const ITEMS: usize = 10;

/// A length rounded up to whole words.
#[must_use]
pub const fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// How many bytes the record at this place has; `None` if an item would end behind the end.
#[must_use]
pub fn record_len(bytes: &[u8], offset: usize) -> Option<usize> {
    let mut at = offset;
    for _ in 0..ITEMS {
        if at.checked_add(4)? > bytes.len() {
            return None;
        }
        let len = word(bytes, at) as usize;
        at = at.checked_add(4)?.checked_add(len.checked_next_multiple_of(4)?)?;
        if at > bytes.len() {
            return None;
        }
    }
    Some(at - offset)
}

/// Puts ten items into a record.
#[must_use]
pub fn frame(items: &[Vec<u8>; ITEMS]) -> Vec<u8> {
    let mut record = Vec::new();
    for item in items {
        record.extend((item.len() as u32).to_be_bytes());
        record.extend_from_slice(item);
        record.resize(record.len() + padded(item.len()) - item.len(), 0);
    }
    record
}

/// The cache record of a message file. It stands for what a real server parses out of the message: the same text in
/// the same places, in simpler words.
#[must_use]
pub fn build(message: &[u8]) -> Vec<u8> {
    let (head, body) = split(message);
    let field = |name: &str| field(head, name).unwrap_or_default();
    let (subject, id) = (field("Subject"), field("Message-Id"));
    let address = |name: &str| {
        let value = field(name);
        if value.is_empty() { Vec::new() } else { [b"(".as_slice(), &value, b")"].concat() }
    };
    let (from, to) = (address("From"), address("To"));
    let mut envelope = [b"(\"", subject.as_slice(), b"\" \"", &id, b"\""].concat();
    for part in [&from, &to] {
        envelope.extend_from_slice(part);
    }
    envelope.push(b')');
    let kind = field("Content-Type");
    let lines = body.iter().filter(|byte| **byte == b'\n').count();
    let (structure, old_body) = if kind.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        let kind = String::from_utf8_lossy(&kind).into_owned();
        (
            format!("(\"{kind}\" NIL NIL \"8BIT\" {} {lines} NIL NIL)", body.len()).into_bytes(),
            format!("(\"{kind}\" {})", body.len()).into_bytes(),
        )
    };
    let section = [(head.len() as u32).to_be_bytes(), (body.len() as u32).to_be_bytes()].concat();
    let headers = lines_of(head).filter(|line| line.starts_with(b"X-") || line.starts_with(b"Content-"));
    let headers = headers.flat_map(|line| [line, b"\r\n"].concat()).collect();
    let quoted = [b"\"", subject.as_slice(), b"\""].concat();
    let items = [envelope, structure, old_body, section, headers, from, to, address("Cc"), address("Bcc"), quoted];
    frame(&items)
}

/// Head and body of a message, the empty line with the head.
#[must_use]
pub fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    message.split_at(end.map_or(message.len(), |at| at + 4))
}

fn lines_of(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn field(head: &[u8], name: &str) -> Option<Vec<u8>> {
    lines_of(head).find_map(|line| {
        let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b": ")?;
        Some(value.to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: an item is length, bytes and zeros; the record of a small message is pinned byte by byte.
    #[test]
    fn a_record_is_pinned() {
        let record = build(b"Subject: hello\r\nMessage-Id: <1>\r\n\r\nbody\r\n");
        let mut expected = Vec::new();
        for item in
            [&b"(\"hello\" \"<1>\")"[..], b"", b"", b"\0\0\0\x23\0\0\0\x06", b"", b"", b"", b"", b"", b"\"hello\""]
        {
            expected.extend((item.len() as u32).to_be_bytes());
            expected.extend_from_slice(item);
            expected.resize(padded(expected.len()), 0);
        }
        assert_eq!(record, expected);
        assert_eq!(record_len(&record, 0), Some(record.len()));
    }

    /// Claim: a walk ends at the end of the record, and is refused if any item passes the end of the file.
    #[test]
    fn walking() {
        let record = build(b"Subject: s\r\n\r\n");
        let file = [&[0; 4][..], &record, &record].concat();
        assert_eq!(record_len(&file, 4), Some(record.len()));
        assert_eq!(record_len(&file, 4 + record.len()), Some(record.len()));
        assert_eq!(record_len(&file, 8 + record.len()), None, "inside a record, a length is text");
        assert_eq!(record_len(&file, file.len()), None);
        assert_eq!(record_len(&[0; 40], 0), Some(40), "zeros are an empty record");
        assert_eq!(record_len(&[0xff; 80], 0), None);
    }
}
