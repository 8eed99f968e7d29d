//! A mailbox on a disk: all its files, decoded.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::decode::{Entry, Index, Names, decode_index, decode_names};
use crate::disk::Disk;
use crate::flows::sync::format::{build, guid};

/// A message file.
#[derive(Debug)]
pub struct MessageFile {
    /// Its length.
    pub len: usize,
    /// Its SHA-1.
    pub guid: [u8; 20],
    /// The cache record it should have.
    pub cache: Vec<u8>,
}

/// Message files that were read before, by path and version.
#[derive(Default)]
pub struct FileCache {
    known: BTreeMap<(String, String), (u64, Rc<MessageFile>)>,
}

/// A mailbox on a disk.
#[derive(Debug)]
pub struct OnDisk {
    /// `cyrus.index`; `None` if it cannot be read.
    pub index: Option<Index>,
    /// `cyrus.expunge`, if there is one; inside, `None` if it cannot be read.
    pub expunge: Option<Option<Index>>,
    /// `cyrus.cache`.
    pub cache: Vec<u8>,
    /// Generation of `cyrus.cache.NEW`, if there is one.
    pub new_generation: Option<u32>,
    /// `cyrus.header`; `None` if it cannot be read.
    pub names: Option<Names>,
    /// CRC32 of `cyrus.header`.
    pub names_crc: u32,
    /// Message files by number.
    pub files: BTreeMap<u32, Rc<MessageFile>>,
    /// Names that end in `.NEW`.
    pub half_made: Vec<String>,
}

impl OnDisk {
    /// Reads a mailbox. `server` only tells the entries of the cache apart.
    #[must_use]
    pub fn read(disk: &Disk, server: &str, mailbox: &str, known: &mut FileCache) -> OnDisk {
        let dir = format!("spool/{mailbox}");
        let content = |name: &str| disk.content(&format!("{dir}/{name}")).ok();
        let header = content("cyrus.header").unwrap_or_default();
        let mut found = OnDisk {
            index: content("cyrus.index").and_then(|bytes| decode_index(&bytes)),
            expunge: content("cyrus.expunge").map(|bytes| decode_index(&bytes)),
            cache: content("cyrus.cache").unwrap_or_default(),
            new_generation: content("cyrus.cache.NEW").as_deref().and_then(generation),
            names: decode_names(&header),
            names_crc: crc32fast::hash(&header),
            files: BTreeMap::new(),
            half_made: Vec::new(),
        };
        for name in disk.read_dir(&dir).unwrap_or_default() {
            if name.ends_with(".NEW") {
                found.half_made.push(name);
                continue;
            }
            let Some(uid) = name.strip_suffix('.').and_then(|digits| digits.parse().ok()) else {
                continue;
            };
            if let Some(file) = known.file(disk, server, &format!("{dir}/{name}")) {
                found.files.insert(uid, file);
            }
        }
        let OnDisk { index, expunge, files, .. } = &mut found;
        for index in index.iter_mut().chain(expunge.iter_mut().flatten()).filter(|index| index.minor == 9) {
            for entry in &mut index.entries {
                entry.guid = files.get(&entry.uid).map_or([0; 20], |file| file.guid);
            }
        }
        found
    }

    /// Generation of the cache; `None` if it has none.
    #[must_use]
    pub fn cache_generation(&self) -> Option<u32> {
        generation(&self.cache)
    }

    /// Records of live messages.
    pub fn live(&self) -> impl Iterator<Item = &Entry> {
        self.index.iter().flat_map(|index| &index.entries).filter(|entry| !entry.is_expunged())
    }

    /// Records of expunged messages, wherever they are kept.
    pub fn expunged(&self) -> impl Iterator<Item = &Entry> {
        let flagged = self.index.iter().flat_map(|index| &index.entries).filter(|entry| entry.is_expunged());
        flagged.chain(self.expunge.iter().flatten().flat_map(|index| &index.entries))
    }

    /// The names of a record's flags, sorted.
    #[must_use]
    pub fn flags(&self, entry: &Entry) -> Vec<String> {
        let system = [(1, "\\Answered"), (2, "\\Flagged"), (4, "\\Deleted")];
        let mut flags: Vec<String> =
            system.iter().filter(|(bit, _)| entry.system & bit != 0).map(|(_, name)| (*name).to_owned()).collect();
        for bit in (0..128).filter(|bit| entry.user >> bit & 1 == 1) {
            let name = self.names.as_ref().and_then(|names| names.flags.get(bit).cloned());
            flags.push(name.unwrap_or_else(|| format!("(bit {bit} has no name)")));
        }
        flags.sort();
        flags
    }
}

fn generation(cache: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(cache.get(..4)?.try_into().ok()?))
}

impl FileCache {
    fn file(&mut self, disk: &Disk, server: &str, path: &str) -> Option<Rc<MessageFile>> {
        let version = disk.version(path)?;
        let key = (server.to_owned(), path.to_owned());
        if let Some((known, file)) = self.known.get(&key)
            && *known == version
        {
            return Some(Rc::clone(file));
        }
        let bytes = disk.content(path).ok()?;
        let file = Rc::new(MessageFile { len: bytes.len(), guid: guid(&bytes).0, cache: build(&bytes) });
        self.known.insert(key, (version, Rc::clone(&file)));
        Some(file)
    }
}
