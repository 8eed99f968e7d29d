//! Making the N shares of a new version, and full verification of one share.
//!
//! A share is of a version only if the signature covers its prefix, the block leads to the block hash tree's
//! root, and that root leads through the share hash chain to the signed root. A server map proves the first of
//! these alone; whoever needs the data proves the rest.

use std::collections::BTreeMap;

use thiserror::Error;

use super::fec::{self, FecError};
use super::keys::FileKeys;
use super::layout::{Checkstring, ParseError, VersionInfo, pack_prefix};
use super::merkle::{ChainError, HashTree, block_hash, verify_chain};
use super::share::{Body, ShareParts, body_range, parse_body, parse_opening};

/// A version with all its shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// Its identity.
    pub info: VersionInfo,
    /// The bytes of share 0 to N − 1.
    pub shares: Vec<Vec<u8>>,
}

/// Encodes, hashes and signs `text` as version `seqnum`.
///
/// # Errors
/// When `k` and `n` are no encoding.
pub fn make_version(
    keys: &FileKeys,
    seqnum: u64,
    salt: [u8; 16],
    (k, n): (u8, u8),
    text: &[u8],
) -> Result<NewVersion, FecError> {
    let blocks = fec::encode(k, n, &keys.mask(&salt, text))?;
    let leaves: Vec<_> = blocks.iter().map(|block| block_hash(block)).collect();
    let tree = HashTree::new(&leaves);
    let checkstring = Checkstring { seqnum, root: tree.root(), salt };
    let prefix = pack_prefix(&checkstring, k, n, text.len() as u64);
    let signature = keys.sign(&prefix);
    let verification_key = keys.verification_key().to_vec();
    let shares: Vec<Vec<u8>> = blocks
        .into_iter()
        .enumerate()
        .map(|(number, block)| {
            ShareParts {
                prefix,
                verification_key: verification_key.clone(),
                signature: signature.clone(),
                share_hash_chain: tree.chain(number),
                block_hash_tree: vec![leaves[number]],
                share_data: block,
            }
            .pack()
        })
        .collect();
    let info = parse_opening(&shares[0]).expect("just packed").version;
    Ok(NewVersion { info, shares })
}

/// Why a share does not verify.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShareError {
    /// It cannot be parsed.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It carries another file's key.
    #[error("the verification key is not this file's")]
    Key,
    /// The signature does not cover the prefix.
    #[error("the signature is invalid")]
    Signature,
    /// The block is not the one that was hashed.
    #[error("the block hash tree does not match the block")]
    Block,
    /// The block's root does not lead to the signed root.
    #[error("corrupt hashes: {0}")]
    Chain(#[from] ChainError),
}

/// Parses and verifies a share's opening: key and signature, not the data.
///
/// # Errors
/// What does not match.
pub fn verify_opening(keys: &FileKeys, bytes: &[u8]) -> Result<VersionInfo, ShareError> {
    let opening = parse_opening(bytes)?;
    if opening.verification_key != keys.verification_key() {
        return Err(ShareError::Key);
    }
    if !keys.verifies(&opening.version.prefix, opening.signature) {
        return Err(ShareError::Signature);
    }
    Ok(opening.version)
}

/// Verifies the body of share `number` against a version whose prefix was verified; gives its block.
///
/// # Errors
/// What does not match.
pub fn verify_body(version: &VersionInfo, number: u8, bytes: &[u8]) -> Result<Vec<u8>, ShareError> {
    let Body { share_hash_chain, block_hash_tree, share_data } = parse_body(&version.offsets, bytes)?;
    let leaf = block_hash(&share_data);
    if block_hash_tree != [leaf] {
        return Err(ShareError::Block);
    }
    verify_chain(&version.root, version.n.into(), number.into(), &leaf, &share_hash_chain)?;
    Ok(share_data)
}

/// Verifies everything in the bytes of share `number`.
///
/// # Errors
/// What does not match.
pub fn verify_share(keys: &FileKeys, number: u8, bytes: &[u8]) -> Result<VersionInfo, ShareError> {
    let version = verify_opening(keys, bytes)?;
    let (start, length) = body_range(&version.offsets)?;
    let end = start.saturating_add(length).min(bytes.len() as u64);
    verify_body(&version, number, bytes.get(start as usize..end as usize).unwrap_or(&[]))?;
    Ok(version)
}

/// The plain text of a version from verified blocks.
///
/// # Errors
/// Too few blocks.
pub fn read_text(keys: &FileKeys, version: &VersionInfo, blocks: &BTreeMap<u8, Vec<u8>>) -> Result<Vec<u8>, FecError> {
    let length = usize::try_from(version.data_length).unwrap_or(usize::MAX);
    let masked = fec::decode(version.k, version.n, length, blocks)?;
    Ok(keys.mask(&version.salt, &masked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(version: &NewVersion, numbers: &[u8]) -> BTreeMap<u8, Vec<u8>> {
        numbers
            .iter()
            .map(|&number| {
                let (start, length) = body_range(&version.info.offsets).unwrap();
                let body = &version.shares[usize::from(number)][start as usize..(start + length) as usize];
                (number, verify_body(&version.info, number, body).unwrap())
            })
            .collect()
    }

    #[test]
    fn any_three_of_ten_verified_shares_give_the_text_back() {
        let keys = FileKeys::derive(&[3; 32]);
        for text in [&b""[..], b"x", b"the quick brown fox"] {
            let version = make_version(&keys, 4, [1; 16], (3, 10), text).unwrap();
            for (number, share) in version.shares.iter().enumerate() {
                assert_eq!(verify_share(&keys, number as u8, share), Ok(version.info));
            }
            assert_eq!(read_text(&keys, &version.info, &blocks(&version, &[7, 2, 9])).unwrap(), text);
        }
    }

    #[test]
    fn equal_texts_under_two_salts_are_two_versions() {
        let keys = FileKeys::derive(&[3; 32]);
        let a = make_version(&keys, 1, [1; 16], (2, 3), b"same").unwrap();
        let b = make_version(&keys, 1, [2; 16], (2, 3), b"same").unwrap();
        assert_ne!(a.info.root, b.info.root);
    }

    #[test]
    fn no_torn_mixture_of_two_versions_verifies() {
        let keys = FileKeys::derive(&[3; 32]);
        let old = make_version(&keys, 1, [1; 16], (2, 3), b"the old text, quite long").unwrap();
        let new = make_version(&keys, 2, [2; 16], (2, 3), b"the new text, as long .").unwrap();
        let (old, new) = (&old.shares[1], &new.shares[1]);
        let mut verified = 0;
        for cut in 0..=new.len() {
            let mut torn = new[..cut].to_vec();
            torn.extend_from_slice(old.get(cut..).unwrap_or(&[]));
            if verify_share(&keys, 1, &torn).is_ok() {
                verified += 1;
                assert!(torn[..new.len()] == new[..] || torn == *old, "a mixture cut at {cut} verified");
            }
        }
        assert!(verified >= 2, "the untorn shares verify");
    }

    #[test]
    fn each_damaged_part_is_named() {
        let keys = FileKeys::derive(&[3; 32]);
        let version = make_version(&keys, 1, [1; 16], (2, 4), b"some text").unwrap();
        let offsets = version.info.offsets;
        let damaged = |at: u64| {
            let mut share = version.shares[2].clone();
            share[at as usize] ^= 0x40;
            verify_share(&keys, 2, &share)
        };
        assert_eq!(damaged(5), Err(ShareError::Signature));
        assert_eq!(damaged(107), Err(ShareError::Key));
        assert_eq!(damaged(offsets.signature.into()), Err(ShareError::Signature));
        assert_eq!(damaged(u64::from(offsets.share_hash_chain) + 2), Err(ShareError::Chain(ChainError::Root)));
        assert_eq!(damaged(offsets.block_hash_tree.into()), Err(ShareError::Block));
        assert_eq!(damaged(offsets.share_data.into()), Err(ShareError::Block));
        // Another share's bytes under this number.
        assert!(matches!(verify_share(&keys, 1, &version.shares[2]), Err(ShareError::Chain(_))));
    }
}
