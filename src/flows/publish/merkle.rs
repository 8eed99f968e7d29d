//! Tagged hashes and the Merkle tree over the blocks of a file version.
//!
//! Every hash is SHA-256 applied twice to a netstring of its tag followed by the data, so hashes made for one
//! purpose never collide with hashes made for another. The tree is an array: node 0 is the root and the
//! children of node `i` are `2i + 1` and `2i + 2`; leaves are padded to a power of two with tagged empty leaves.

use sha2::{Digest, Sha256};
use thiserror::Error;

/// A SHA-256d value.
pub type Hash = [u8; 32];

const TAG_BLOCK: &str = "seedbed-publish-block-v1";
const TAG_PAIR: &str = "Merkle tree internal node";
const TAG_EMPTY: &str = "Merkle tree empty leaf";

/// SHA-256d of `netstring(tag) ‖ data`.
#[must_use]
pub fn tagged_hash(tag: &str, data: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    netstring(&mut hasher, tag.as_bytes());
    hasher.update(data);
    twice(hasher)
}

/// SHA-256d of `netstring(tag) ‖ netstring(left) ‖ netstring(right)`.
#[must_use]
pub fn tagged_pair_hash(tag: &str, left: &[u8], right: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    netstring(&mut hasher, tag.as_bytes());
    netstring(&mut hasher, left);
    netstring(&mut hasher, right);
    twice(hasher)
}

/// The hash of one erasure-coded block: the only leaf of a share's block hash tree.
#[must_use]
pub fn block_hash(block: &[u8]) -> Hash {
    tagged_hash(TAG_BLOCK, block)
}

/// A complete tree over the leaves it was built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashTree {
    nodes: Vec<Hash>,
}

impl HashTree {
    /// The tree over `leaves` (at least one), padded to a power of two.
    ///
    /// # Panics
    /// Without a leaf: a version has at least one share, so that is a defect of the caller.
    #[must_use]
    pub fn new(leaves: &[Hash]) -> HashTree {
        assert!(!leaves.is_empty(), "a hash tree needs at least one leaf");
        let width = leaves.len().next_power_of_two();
        let mut nodes = vec![[0; 32]; 2 * width - 1];
        for (index, node) in nodes[width - 1..].iter_mut().enumerate() {
            *node = match leaves.get(index) {
                Some(leaf) => *leaf,
                None => tagged_hash(TAG_EMPTY, index.to_string().as_bytes()),
            };
        }
        for index in (0..width - 1).rev() {
            nodes[index] = tagged_pair_hash(TAG_PAIR, &nodes[2 * index + 1], &nodes[2 * index + 2]);
        }
        HashTree { nodes }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.nodes[0]
    }

    /// The sibling hashes with which `leaf` can be verified against the root: (node index, hash), leaf level
    /// first, ⌈log2 N⌉ of them.
    ///
    /// # Panics
    /// When the tree has no such leaf.
    #[must_use]
    pub fn chain(&self, leaf: usize) -> Vec<(u16, Hash)> {
        let width = self.nodes.len() / 2 + 1;
        assert!(leaf < width, "leaf {leaf} of a tree with {width} leaves");
        path(width, leaf)
            .map(|sibling| (u16::try_from(sibling).expect("at most 511 nodes"), self.nodes[sibling]))
            .collect()
    }
}

/// Why a chain does not lead from a leaf to the root.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChainError {
    /// There is no such leaf.
    #[error("leaf {leaf} is outside a tree of {leaves} leaves")]
    NoSuchLeaf {
        /// The leaf asked for.
        leaf: usize,
        /// Leaves of the tree.
        leaves: usize,
    },
    /// A sibling on the way up is not in the chain.
    #[error("the chain lacks node {0}")]
    Missing(usize),
    /// The chain holds a node that is not on the way up.
    #[error("the chain holds node {0}, which is not on the way to the root")]
    Stray(usize),
    /// All nodes are there, and lead elsewhere.
    #[error("the chain does not lead to the signed root")]
    Root,
}

/// Checks that `hash`, as leaf number `leaf` of `leaves`, leads to `root` through `chain`.
///
/// # Errors
/// What is missing, superfluous or wrong.
pub fn verify_chain(
    root: &Hash,
    leaves: usize,
    leaf: usize,
    hash: &Hash,
    chain: &[(u16, Hash)],
) -> Result<(), ChainError> {
    if leaf >= leaves {
        return Err(ChainError::NoSuchLeaf { leaf, leaves });
    }
    let width = leaves.next_power_of_two();
    let mut needed = 0;
    let mut current = *hash;
    for sibling in path(width, leaf) {
        needed += 1;
        let (_, other) =
            chain.iter().find(|(node, _)| usize::from(*node) == sibling).ok_or(ChainError::Missing(sibling))?;
        // Odd indices are left children.
        current = if sibling % 2 == 1 {
            tagged_pair_hash(TAG_PAIR, other, &current)
        } else {
            tagged_pair_hash(TAG_PAIR, &current, other)
        };
    }
    if chain.len() > needed {
        let on_path: Vec<usize> = path(width, leaf).collect();
        let stray = chain.iter().map(|(node, _)| usize::from(*node)).find(|node| !on_path.contains(node));
        return Err(ChainError::Stray(stray.unwrap_or(on_path.first().copied().unwrap_or(0))));
    }
    if current == *root { Ok(()) } else { Err(ChainError::Root) }
}

/// Siblings on the way from a leaf to the root.
fn path(width: usize, leaf: usize) -> impl Iterator<Item = usize> {
    let mut node = width - 1 + leaf;
    std::iter::from_fn(move || {
        if node == 0 {
            return None;
        }
        let sibling = if node % 2 == 1 { node + 1 } else { node - 1 };
        node = (node - 1) / 2;
        Some(sibling)
    })
}

fn netstring(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update(bytes.len().to_string().as_bytes());
    hasher.update(b":");
    hasher.update(bytes);
    hasher.update(b",");
}

fn twice(hasher: Sha256) -> Hash {
    Sha256::digest(hasher.finalize()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|index| block_hash(&[u8::try_from(index).unwrap()])).collect()
    }

    #[test]
    fn every_leaf_of_every_size_verifies_with_its_chain_and_with_no_other() {
        for count in 1..=20 {
            let leaves = leaves(count);
            let tree = HashTree::new(&leaves);
            for leaf in 0..count {
                let chain = tree.chain(leaf);
                assert_eq!(chain.len(), count.next_power_of_two().ilog2() as usize);
                assert_eq!(verify_chain(&tree.root(), count, leaf, &leaves[leaf], &chain), Ok(()));
                let other = (leaf + 1) % count;
                if other != leaf {
                    assert!(verify_chain(&tree.root(), count, other, &leaves[leaf], &chain).is_err());
                    assert!(verify_chain(&tree.root(), count, leaf, &leaves[other], &chain).is_err());
                }
            }
        }
    }

    #[test]
    fn a_chain_with_a_missing_a_stray_or_a_changed_node_is_refused_by_name() {
        let leaves = leaves(5);
        let tree = HashTree::new(&leaves);
        let good = tree.chain(2);
        let check = |chain: &[(u16, Hash)]| verify_chain(&tree.root(), 5, 2, &leaves[2], chain);
        let missing = usize::from(good[1].0);
        assert_eq!(check(&[good[0], good[2]]), Err(ChainError::Missing(missing)));
        let mut more = good.clone();
        more.push((0, [7; 32]));
        assert_eq!(check(&more), Err(ChainError::Stray(0)));
        let mut wrong = good.clone();
        wrong[2].1[0] ^= 1;
        assert_eq!(check(&wrong), Err(ChainError::Root));
        assert_eq!(
            verify_chain(&tree.root(), 5, 5, &leaves[2], &good),
            Err(ChainError::NoSuchLeaf { leaf: 5, leaves: 5 })
        );
    }

    #[test]
    fn a_tag_is_part_of_the_hash() {
        assert_ne!(tagged_hash("a", b"x"), tagged_hash("b", b"x"));
        // Netstrings keep the border between tag and data.
        assert_ne!(tagged_hash("ab", b"c"), tagged_hash("a", b"bc"));
        assert_ne!(tagged_pair_hash("t", b"ab", b"c"), tagged_pair_hash("t", b"a", b"bc"));
    }
}
