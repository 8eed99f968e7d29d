//! The order in which a file's clients visit the servers: fixed per file, uncorrelated between files.

use super::keys::{ServerKey, StorageIndex};
use super::merkle::{Hash, tagged_pair_hash};

/// Sorts servers by the hash of storage index and server id.
#[must_use]
pub fn permuted<S: Clone>(index: &StorageIndex, servers: &[(S, ServerKey)]) -> Vec<S> {
    let mut order: Vec<(Hash, ServerKey, S)> = servers
        .iter()
        .map(|(server, key)| (tagged_pair_hash("seedbed-publish-permuted-v1", index, key), *key, server.clone()))
        .collect();
    order.sort_by_key(|entry| (entry.0, entry.1));
    order.into_iter().map(|(_, _, server)| server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::publish::keys::server_key;

    fn servers(count: usize) -> Vec<(usize, ServerKey)> {
        (1..=count).map(|number| (number, server_key(&format!("s{number}")))).collect()
    }

    #[test]
    fn the_order_is_a_permutation_that_depends_on_the_file_only() {
        let mut backwards = servers(8);
        backwards.reverse();
        let order = permuted(&[1; 16], &servers(8));
        assert_eq!(order, permuted(&[1; 16], &backwards));
        assert_ne!(order, permuted(&[2; 16], &servers(8)));
        let mut sorted = order;
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=8).collect::<Vec<_>>());
    }

    #[test]
    fn a_new_server_moves_nobody_else() {
        let before = permuted(&[1; 16], &servers(8));
        let after: Vec<usize> = permuted(&[1; 16], &servers(9)).into_iter().filter(|server| *server != 9).collect();
        assert_eq!(before, after);
    }
}
