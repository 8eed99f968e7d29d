//! k-of-N erasure coding: any k of the N blocks give the data back; blocks 0 to k − 1 are the plain pieces.
//!
//! `reed-solomon-simd` works on blocks of even, non-zero length and wants at least one recovery block, so
//! three cases are handled here: pieces are padded to an even length, N = k and k = 1 need no arithmetic, and
//! the empty file has empty blocks.

use std::collections::BTreeMap;

use thiserror::Error;

/// Why blocks cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FecError {
    /// k must be at least 1 and N at least k.
    #[error("{k}-of-{n} is no encoding")]
    Parameters {
        /// Blocks needed.
        k: u8,
        /// Blocks made.
        n: u8,
    },
    /// Fewer than k distinct blocks.
    #[error("{have} blocks, {k} needed")]
    NotEnough {
        /// Distinct blocks given.
        have: usize,
        /// Blocks needed.
        k: u8,
    },
    /// A block number at or above N.
    #[error("block {index} of an encoding with {n} blocks")]
    NoSuchBlock {
        /// The number given.
        index: u8,
        /// Blocks of the encoding.
        n: u8,
    },
    /// A block of a length that this encoding never makes.
    #[error("block {index} has {got} bytes instead of {expected}")]
    BlockLength {
        /// Its number.
        index: u8,
        /// Its length.
        got: usize,
        /// The length of every block of this encoding.
        expected: usize,
    },
}

/// Bytes per block for `length` bytes of data: ⌈length / k⌉, made even.
#[must_use]
pub fn block_length(k: u8, length: usize) -> usize {
    length.div_ceil(usize::from(k)).next_multiple_of(2)
}

/// Splits `data` into k pieces (the last ones padded with zeros) and adds n − k recovery blocks.
///
/// # Errors
/// When `k` and `n` are no encoding.
pub fn encode(k: u8, n: u8, data: &[u8]) -> Result<Vec<Vec<u8>>, FecError> {
    parameters(k, n)?;
    let length = block_length(k, data.len());
    let mut blocks: Vec<Vec<u8>> = (0..usize::from(k))
        .map(|index| {
            let piece = data.get(index * length..).unwrap_or(&[]);
            let mut piece = piece[..piece.len().min(length)].to_vec();
            piece.resize(length, 0);
            piece
        })
        .collect();
    if length == 0 || k == 1 {
        blocks.resize(usize::from(n), blocks[0].clone());
    } else if n > k {
        let recovery = reed_solomon_simd::encode(usize::from(k), usize::from(n - k), &blocks)
            .expect("the parameters and lengths were checked above");
        blocks.extend(recovery);
    }
    Ok(blocks)
}

/// The first `length` bytes of the data that `blocks` (any k of them) encode.
///
/// # Errors
/// Too few blocks, or blocks that are not of this encoding.
pub fn decode(k: u8, n: u8, length: usize, blocks: &BTreeMap<u8, Vec<u8>>) -> Result<Vec<u8>, FecError> {
    parameters(k, n)?;
    let expected = block_length(k, length);
    for (&index, block) in blocks {
        if index >= n {
            return Err(FecError::NoSuchBlock { index, n });
        }
        if block.len() != expected {
            return Err(FecError::BlockLength { index, got: block.len(), expected });
        }
    }
    if blocks.len() < usize::from(k) {
        return Err(FecError::NotEnough { have: blocks.len(), k });
    }
    let mut data = Vec::with_capacity(expected * usize::from(k));
    if expected == 0 {
        return Ok(data);
    }
    if k == 1 {
        data.extend_from_slice(blocks.values().next().expect("at least one block"));
    } else {
        let plain = blocks.range(..k).map(|(index, block)| (usize::from(*index), block));
        if plain.clone().count() == usize::from(k) {
            plain.for_each(|(_, block)| data.extend_from_slice(block));
        } else {
            let missing = usize::from(k) - plain.clone().count();
            let recovery = blocks.range(k..).map(|(index, block)| (usize::from(index - k), block)).take(missing);
            let restored = reed_solomon_simd::decode(usize::from(k), usize::from(n - k), plain, recovery)
                .expect("k distinct blocks of equal, even length");
            for index in 0..k {
                let block = blocks.get(&index).or_else(|| restored.get(&usize::from(index)));
                data.extend_from_slice(block.expect("given or restored"));
            }
        }
    }
    data.truncate(length);
    Ok(data)
}

fn parameters(k: u8, n: u8) -> Result<(), FecError> {
    if k == 0 || n < k { Err(FecError::Parameters { k, n }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_k_blocks_give_the_data_back(
            data in proptest::collection::vec(any::<u8>(), 0..300),
            (k, n) in (1u8..=8).prop_flat_map(|k| (Just(k), k..=16)),
            order in Just((0u8..16).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let blocks = encode(k, n, &data).unwrap();
            prop_assert_eq!(blocks.len(), usize::from(n));
            let chosen: BTreeMap<u8, Vec<u8>> = order
                .into_iter()
                .filter(|index| *index < n)
                .take(usize::from(k))
                .map(|index| (index, blocks[usize::from(index)].clone()))
                .collect();
            prop_assert_eq!(decode(k, n, data.len(), &chosen).unwrap(), data.clone());
            let one_less: BTreeMap<_, _> = chosen.into_iter().skip(1).collect();
            prop_assert_eq!(
                decode(k, n, data.len(), &one_less),
                Err(FecError::NotEnough { have: usize::from(k) - 1, k })
            );
        }
    }

    #[test]
    fn the_first_k_blocks_are_the_plain_pieces() {
        let blocks = encode(3, 10, b"abcdefgh").unwrap();
        assert_eq!(&blocks[0], b"abcd");
        assert_eq!(&blocks[1], b"efgh");
        assert_eq!(&blocks[2], b"\0\0\0\0");
        assert!(blocks[3..].iter().all(|block| block.len() == 4));
    }

    #[test]
    fn blocks_of_another_encoding_are_refused() {
        let blocks = |entries: &[(u8, &[u8])]| entries.iter().map(|(i, b)| (*i, b.to_vec())).collect();
        assert_eq!(
            decode(2, 3, 4, &blocks(&[(0, b"ab"), (1, b"cde")])),
            Err(FecError::BlockLength { index: 1, got: 3, expected: 2 })
        );
        assert_eq!(decode(2, 3, 4, &blocks(&[(0, b"ab"), (3, b"cd")])), Err(FecError::NoSuchBlock { index: 3, n: 3 }));
        assert_eq!(encode(0, 3, b""), Err(FecError::Parameters { k: 0, n: 3 }));
        assert_eq!(encode(4, 3, b""), Err(FecError::Parameters { k: 4, n: 3 }));
    }
}
