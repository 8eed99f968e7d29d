//! Building a share from its parts, and taking it apart again. Nothing is verified here.

use super::layout::{Checkstring, HEADER_LENGTH, Offsets, PREFIX_LENGTH, ParseError, VersionInfo, array, be64};
use super::merkle::Hash;

/// Length of one link of the share hash chain.
const LINK_LENGTH: usize = 2 + 32;

/// The variable parts of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareParts {
    /// The signed bytes.
    pub prefix: [u8; PREFIX_LENGTH],
    /// The key with which the signature is verified.
    pub verification_key: Vec<u8>,
    /// Signature over the prefix.
    pub signature: Vec<u8>,
    /// What leads from this share's root to the signed root.
    pub share_hash_chain: Vec<(u16, Hash)>,
    /// Nodes of the block hash tree; with one block per share, exactly one.
    pub block_hash_tree: Vec<Hash>,
    /// One erasure-coded block.
    pub share_data: Vec<u8>,
}

impl ShareParts {
    /// The share's bytes.
    ///
    /// # Panics
    /// When the parts are larger than the offset table can say (4 GiB).
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LENGTH + 512 + self.share_data.len());
        bytes.extend_from_slice(&self.prefix);
        bytes.resize(HEADER_LENGTH, 0);
        let here = |bytes: &Vec<u8>| u32::try_from(bytes.len()).expect("a share is smaller than 4 GiB");
        bytes.extend_from_slice(&self.verification_key);
        let signature = here(&bytes);
        bytes.extend_from_slice(&self.signature);
        let share_hash_chain = here(&bytes);
        for (node, hash) in &self.share_hash_chain {
            bytes.extend_from_slice(&node.to_be_bytes());
            bytes.extend_from_slice(hash);
        }
        let block_hash_tree = here(&bytes);
        self.block_hash_tree.iter().for_each(|hash| bytes.extend_from_slice(hash));
        let share_data = here(&bytes);
        bytes.extend_from_slice(&self.share_data);
        let end = bytes.len() as u64;
        let offsets = Offsets { signature, share_hash_chain, block_hash_tree, share_data, private_key: end, end };
        bytes[PREFIX_LENGTH..HEADER_LENGTH].copy_from_slice(&pack_offsets(&offsets));
        bytes
    }
}

/// Whether `bytes` begin with a share, `made`, as far as anything proves it: the offset of its end is covered neither by
/// the signature nor by a hash. What lies behind the end does not count.
#[must_use]
pub fn is_same_share(made: &[u8], bytes: &[u8]) -> bool {
    const END_AT: usize = PREFIX_LENGTH + 24;
    bytes.len() >= made.len()
        && made[..END_AT] == bytes[..END_AT]
        && made[HEADER_LENGTH..] == bytes[HEADER_LENGTH..made.len()]
}

/// The beginning of a share: everything that is the same in all shares of its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening<'a> {
    /// The version it claims to be.
    pub version: VersionInfo,
    /// The verification key.
    pub verification_key: &'a [u8],
    /// The signature over the prefix.
    pub signature: &'a [u8],
}

/// Reads header, verification key and signature.
///
/// # Errors
/// What is wrong with the bytes; nothing is verified here.
pub fn parse_opening(bytes: &[u8]) -> Result<Opening<'_>, ParseError> {
    if bytes.len() < HEADER_LENGTH {
        return Err(ParseError::Short { needed: HEADER_LENGTH, got: bytes.len() });
    }
    let checkstring = Checkstring::parse(bytes)?;
    let offsets = parse_offsets(bytes);
    let chain = offsets.share_hash_chain as usize;
    if bytes.len() < chain {
        return Err(ParseError::NeedMore { needed: u64::from(offsets.share_hash_chain), got: bytes.len() });
    }
    let version = VersionInfo {
        seqnum: checkstring.seqnum,
        root: checkstring.root,
        salt: checkstring.salt,
        segment_size: be64(bytes, 59),
        data_length: be64(bytes, 67),
        k: bytes[57],
        n: bytes[58],
        prefix: array(bytes, 0),
        offsets,
    };
    // Impossible borders give empty fields, which no signature check accepts.
    let signature = offsets.signature as usize;
    Ok(Opening {
        version,
        verification_key: bytes.get(HEADER_LENGTH..signature).unwrap_or(&[]),
        signature: bytes.get(signature..chain).unwrap_or(&[]),
    })
}

/// The part of a share that differs between the shares of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// What leads from this share's root to the signed root.
    pub share_hash_chain: Vec<(u16, Hash)>,
    /// Nodes of the block hash tree.
    pub block_hash_tree: Vec<Hash>,
    /// The block.
    pub share_data: Vec<u8>,
}

/// Where the body lies, for a read vector: (offset, length).
///
/// # Errors
/// When the offset table is impossible.
pub fn body_range(offsets: &Offsets) -> Result<(u64, u64), ParseError> {
    let start = u64::from(offsets.share_hash_chain);
    let length = offsets.private_key.checked_sub(start).ok_or(ParseError::Geometry("private key"))?;
    Ok((start, length))
}

/// Reads the body from the bytes of [`body_range`].
///
/// # Errors
/// What is wrong with the bytes; nothing is verified here.
pub fn parse_body(offsets: &Offsets, bytes: &[u8]) -> Result<Body, ParseError> {
    let (start, length) = body_range(offsets)?;
    if (bytes.len() as u64) < length {
        return Err(ParseError::NeedMore { needed: length, got: bytes.len() });
    }
    let place = |offset: u64, field: &'static str| {
        offset.checked_sub(start).filter(|place| *place <= length).ok_or(ParseError::Geometry(field))
    };
    let tree = place(offsets.block_hash_tree.into(), "block hash tree")? as usize;
    let data = place(offsets.share_data.into(), "share data")? as usize;
    let chain = &bytes[..tree];
    let (links, []) = chain.as_chunks::<LINK_LENGTH>() else {
        return Err(ParseError::Geometry("share hash chain"));
    };
    let hashes = bytes.get(tree..data).ok_or(ParseError::Geometry("share data"))?;
    let (hashes, []) = hashes.as_chunks::<32>() else {
        return Err(ParseError::Geometry("block hash tree"));
    };
    Ok(Body {
        share_hash_chain: links.iter().map(|link| (u16::from_be_bytes([link[0], link[1]]), array(link, 2))).collect(),
        block_hash_tree: hashes.to_vec(),
        share_data: bytes[data..length as usize].to_vec(),
    })
}

fn pack_offsets(offsets: &Offsets) -> [u8; HEADER_LENGTH - PREFIX_LENGTH] {
    let mut bytes = [0; HEADER_LENGTH - PREFIX_LENGTH];
    let small = [offsets.signature, offsets.share_hash_chain, offsets.block_hash_tree, offsets.share_data];
    for (index, value) in small.into_iter().enumerate() {
        bytes[4 * index..4 * index + 4].copy_from_slice(&value.to_be_bytes());
    }
    bytes[16..24].copy_from_slice(&offsets.private_key.to_be_bytes());
    bytes[24..32].copy_from_slice(&offsets.end.to_be_bytes());
    bytes
}

fn parse_offsets(header: &[u8]) -> Offsets {
    let small = |index: usize| u32::from_be_bytes(array(header, PREFIX_LENGTH + 4 * index));
    Offsets {
        signature: small(0),
        share_hash_chain: small(1),
        block_hash_tree: small(2),
        share_data: small(3),
        private_key: be64(header, PREFIX_LENGTH + 16),
        end: be64(header, PREFIX_LENGTH + 24),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flows::publish::layout::pack_prefix;

    fn parts() -> impl Strategy<Value = ShareParts> {
        (
            (any::<u64>(), any::<[u8; 32]>(), any::<[u8; 16]>(), 1u8..=255, 1u8..=255, 0u64..1 << 40),
            proptest::collection::vec(any::<u8>(), 32),
            proptest::collection::vec(any::<u8>(), 64),
            proptest::collection::vec(any::<(u16, [u8; 32])>(), 0..5),
            proptest::collection::vec(any::<[u8; 32]>(), 0..3),
            proptest::collection::vec(any::<u8>(), 0..100),
        )
            .prop_map(|((seqnum, root, salt, k, n, length), key, signature, chain, tree, data)| ShareParts {
                prefix: pack_prefix(&Checkstring { seqnum, root, salt }, k, n, length),
                verification_key: key,
                signature,
                share_hash_chain: chain,
                block_hash_tree: tree,
                share_data: data,
            })
    }

    proptest! {
        #[test]
        fn what_was_packed_is_parsed_even_with_stale_bytes_behind_the_end(
            parts in parts(),
            stale in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = parts.pack();
            let end = bytes.len() as u64;
            bytes.extend_from_slice(&stale);
            let opening = parse_opening(&bytes).unwrap();
            prop_assert_eq!(opening.version.prefix, parts.prefix);
            prop_assert_eq!(opening.version.offsets.end, end);
            prop_assert_eq!(opening.verification_key, &parts.verification_key[..]);
            prop_assert_eq!(opening.signature, &parts.signature[..]);
            let (start, length) = body_range(&opening.version.offsets).unwrap();
            let body = &bytes[start as usize..(start + length) as usize];
            let body = parse_body(&opening.version.offsets, body).unwrap();
            prop_assert_eq!(body.share_hash_chain, parts.share_hash_chain);
            prop_assert_eq!(body.block_hash_tree, parts.block_hash_tree);
            prop_assert_eq!(body.share_data, parts.share_data);
        }

        #[test]
        fn no_bytes_make_the_parser_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), zero in any::<bool>()) {
            if zero && !bytes.is_empty() {
                bytes[0] = 0;
            }
            if let Ok(opening) = parse_opening(&bytes) {
                let _ = parse_body(&opening.version.offsets, &bytes);
            }
        }
    }

    #[test]
    fn a_share_is_the_same_whatever_is_behind_its_end_and_whatever_its_end_is_said_to_be() {
        let made = vec![3; 200];
        let mut bytes = made.clone();
        bytes.extend([9; 5]);
        bytes[106] = 0;
        assert!(is_same_share(&made, &bytes));
        assert!(!is_same_share(&made, &bytes[..199]));
        for byte in [0, 98, 107, 199] {
            bytes[byte] ^= 1;
            assert!(!is_same_share(&made, &bytes), "byte {byte}");
            bytes[byte] ^= 1;
        }
    }

    #[test]
    fn each_kind_of_damage_has_its_own_error() {
        assert_eq!(parse_opening(&[]), Err(ParseError::Short { needed: 107, got: 0 }));
        let mut bytes = vec![0; HEADER_LENGTH];
        bytes[0] = 1;
        assert_eq!(parse_opening(&bytes), Err(ParseError::UnknownVersion(1)));
        bytes[0] = 0;
        bytes[82] = 200;
        assert_eq!(parse_opening(&bytes), Err(ParseError::NeedMore { needed: 200, got: 107 }));
        // A share whose length was written and whose data was not: all zeros parse, and can never verify.
        let zeros = parse_opening(&[0; 200]).unwrap().signature.len();
        assert_eq!(zeros, 0);
    }
}
