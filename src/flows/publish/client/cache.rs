//! What a map update has read of the shares, kept for a retrieve of the same version: small files need no second
//! round trip.

use std::collections::BTreeMap;

use crate::flows::publish::layout::VersionInfo;
use crate::flows::publish::storage::{ShareNumber, Span};

/// Chunks per share that are kept; a version has few copies of one share.
const CHUNKS_MAX: usize = 8;
/// Versions that are kept.
const VERSIONS_MAX: usize = 8;

/// Beginnings of shares, per version and share number.
#[derive(Debug, Default)]
pub struct ResponseCache {
    versions: BTreeMap<VersionInfo, BTreeMap<ShareNumber, Vec<Vec<u8>>>>,
}

impl ResponseCache {
    /// Keeps the beginning of a share. When there are too many versions, the oldest goes.
    pub fn add(&mut self, version: &VersionInfo, share: ShareNumber, bytes: &[u8]) {
        let chunks = self.versions.entry(*version).or_default().entry(share).or_default();
        if chunks.len() < CHUNKS_MAX && !chunks.iter().any(|chunk| chunk == bytes) {
            chunks.push(bytes.to_vec());
        }
        if self.versions.len() > VERSIONS_MAX {
            self.versions.pop_first();
        }
    }

    /// The parts of a share, if one chunk has them all. The first chunk that does is the answer, whichever server
    /// it came from, so damage that was read once is read again.
    #[must_use]
    pub fn read(&self, version: &VersionInfo, share: ShareNumber, spans: &[Span]) -> Option<Vec<Vec<u8>>> {
        let chunks = self.versions.get(version)?.get(&share)?;
        chunks.iter().find_map(|chunk| spans.iter().map(|span| part(chunk, *span)).collect())
    }
}

fn part(chunk: &[u8], span: Span) -> Option<Vec<u8>> {
    let start = usize::try_from(span.offset).ok()?;
    let end = start.checked_add(usize::try_from(span.length).ok()?)?;
    chunk.get(start..end).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::publish::keys::FileKeys;
    use crate::flows::publish::version::make_version;

    #[test]
    fn only_what_was_read_whole_is_answered_and_the_first_copy_wins() {
        let version = make_version(&FileKeys::derive(&[1; 32]), 1, [0; 16], (1, 1), b"x").unwrap().info;
        let mut cache = ResponseCache::default();
        cache.add(&version, 0, b"abcd");
        cache.add(&version, 0, b"ABCDEF");
        let span = |offset, length| Span { offset, length };
        assert_eq!(cache.read(&version, 0, &[span(1, 2)]), Some(vec![b"bc".to_vec()]));
        assert_eq!(cache.read(&version, 0, &[span(1, 2), span(2, 4)]), Some(vec![b"BC".to_vec(), b"CDEF".to_vec()]));
        assert_eq!(cache.read(&version, 0, &[span(3, 9)]), None);
        assert_eq!(cache.read(&version, 1, &[span(0, 1)]), None);
    }
}
