//! `cyrus.header`: three lines that say what it is, the quota root and the mailbox's unique id, the names of the user
//! flags, and who may do what.

use super::FormatError;

/// The first three lines.
const MAGIC: &[u8] = b"\xa1\x02\x8b\x0dCyrus mailbox header\n\"The best thing about this system was that it had lots of goals.\"\n\t--Jim Morris on Andrew\n";
/// User flags a mailbox has room for.
pub const FLAGS_MAX: usize = 128;

/// What `cyrus.header` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderFile {
    /// The quota root; may be empty.
    pub quota_root: String,
    /// The mailbox's unique id.
    pub unique_id: String,
    /// Names of the user flags, by bit.
    pub flags: Vec<String>,
    /// The access list.
    pub acl: String,
}

impl HeaderFile {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let HeaderFile { quota_root, unique_id, flags, acl } = self;
        let text = format!("{quota_root}\t{unique_id}\n{}\n{acl}\n", flags.join(" "));
        [MAGIC, text.as_bytes()].concat()
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`FormatError::Text`].
    pub fn decode(bytes: &[u8]) -> Result<HeaderFile, FormatError> {
        let text = bytes.strip_prefix(MAGIC).ok_or(FormatError::Text("does not begin as it should"))?;
        let text = std::str::from_utf8(text).map_err(|_| FormatError::Text("is not text"))?;
        let mut lines = text.split('\n');
        let mut line = || lines.next().ok_or(FormatError::Text("ends too early"));
        let (ids, flags, acl) = (line()?, line()?, line()?);
        if !line()?.is_empty() {
            return Err(FormatError::Text("has more lines than it should"));
        }
        let (quota_root, unique_id) = ids.split_once('\t').ok_or(FormatError::Text("has no unique id"))?;
        Ok(HeaderFile {
            quota_root: quota_root.to_owned(),
            unique_id: unique_id.to_owned(),
            flags: flags.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            acl: acl.to_owned(),
        })
    }

    /// The bit of a flag, made if there is none and room for one.
    pub fn bit(&mut self, name: &str) -> Option<u32> {
        let at = self.flags.iter().position(|flag| flag == name).or_else(|| {
            (self.flags.len() < FLAGS_MAX).then(|| {
                self.flags.push(name.to_owned());
                self.flags.len() - 1
            })
        });
        at.map(|at| at as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: the file is the text the format's table describes, and survives being read.
    #[test]
    fn a_header_file_is_pinned() {
        let file = HeaderFile {
            quota_root: "user.a".into(),
            unique_id: "0f".into(),
            flags: vec!["$Junk".into(), "todo".into()],
            acl: "a\tlrswipkxtecdan\t".into(),
        };
        let bytes = file.encode();
        assert!(bytes.ends_with(b"on Andrew\nuser.a\t0f\n$Junk todo\na\tlrswipkxtecdan\t\n"));
        assert_eq!(HeaderFile::decode(&bytes), Ok(file.clone()));
        let empty = HeaderFile { flags: Vec::new(), ..file };
        assert_eq!(HeaderFile::decode(&empty.encode()), Ok(empty));
        assert!(HeaderFile::decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(HeaderFile::decode(b"Cyrus").is_err());
    }

    /// Claim: a name keeps its bit, a new one gets the next, and the 129th none.
    #[test]
    fn bits_of_flags() {
        let mut file =
            HeaderFile { quota_root: String::new(), unique_id: String::new(), flags: Vec::new(), acl: String::new() };
        assert_eq!((file.bit("a"), file.bit("b"), file.bit("a")), (Some(0), Some(1), Some(0)));
        file.flags = (0..FLAGS_MAX).map(|n| format!("f{n}")).collect();
        assert_eq!((file.bit("f127"), file.bit("one more")), (Some(127), None));
    }
}
