//! Where a publish wants its shares: every place it knows, and a home for each share without one.

use std::collections::{BTreeMap, BTreeSet};

use super::servermap::{Place, ServerId};
use super::storage::ShareNumber;

/// Every server has failed while a share still has no home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoServerLeft;

/// The goal without bad servers, and with homes for all of the `n` shares.
///
/// Homeless shares are dealt out to servers by the number of shares wanted there, then by their place in
/// `servers` (the permuted order). Without a homeless share the server list is not even looked at.
///
/// # Errors
/// When a share is homeless and every server is bad.
pub fn update(
    goal: &BTreeSet<Place>,
    bad: &BTreeSet<ServerId>,
    servers: &[ServerId],
    n: u8,
) -> Result<BTreeSet<Place>, NoServerLeft> {
    let mut goal: BTreeSet<Place> = goal.iter().filter(|(server, _)| !bad.contains(server)).copied().collect();
    let homeless: Vec<ShareNumber> = (0..n).filter(|share| !goal.iter().any(|(_, other)| other == share)).collect();
    if homeless.is_empty() {
        return Ok(goal);
    }
    let mut load: BTreeMap<ServerId, usize> = BTreeMap::new();
    for (server, _) in &goal {
        *load.entry(*server).or_default() += 1;
    }
    let mut homes: Vec<ServerId> = servers.iter().filter(|server| !bad.contains(server)).copied().collect();
    homes.sort_by_key(|server| load.get(server).copied().unwrap_or(0));
    if homes.is_empty() {
        return Err(NoServerLeft);
    }
    goal.extend(homeless.into_iter().zip(homes.iter().cycle()).map(|(share, server)| (*server, share)));
    Ok(goal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ServerId = ServerId(0);
    const B: ServerId = ServerId(1);
    const C: ServerId = ServerId(2);

    fn set<T: Ord + Copy>(items: &[T]) -> BTreeSet<T> {
        items.iter().copied().collect()
    }

    #[test]
    fn a_share_that_lost_its_server_moves_to_the_emptiest_one_in_permuted_order() {
        let goal = set(&[(A, 0), (B, 1)]);
        assert_eq!(update(&goal, &set(&[A]), &[B, A, C], 2), Ok(set(&[(B, 1), (C, 0)])));
        // With nobody empty the next share goes where the first did not.
        assert_eq!(update(&goal, &set(&[]), &[B, A], 4), Ok(set(&[(A, 0), (B, 1), (B, 2), (A, 3)])));
    }

    #[test]
    fn a_doubled_share_is_not_homeless_when_one_of_its_servers_fails() {
        let goal = set(&[(A, 0), (B, 0), (C, 1)]);
        assert_eq!(update(&goal, &set(&[A]), &[A, B, C], 2), Ok(set(&[(B, 0), (C, 1)])));
    }

    #[test]
    fn the_server_list_matters_only_if_a_share_is_homeless() {
        let goal = set(&[(A, 0)]);
        assert_eq!(update(&goal, &set(&[]), &[], 1), Ok(goal.clone()));
        assert_eq!(update(&goal, &set(&[A]), &[A], 1), Err(NoServerLeft));
        assert_eq!(update(&set(&[]), &set(&[]), &[], 1), Err(NoServerLeft));
    }

    #[test]
    fn one_survivor_gets_everything() {
        let all: BTreeSet<Place> = (0..4).map(|share| (ServerId(share), share)).collect();
        let goal = update(&all, &set(&[A, B, C]), &[A, B, C, ServerId(3)], 4).unwrap();
        assert!(goal.iter().all(|(server, _)| *server == ServerId(3)) && goal.len() == 4);
    }
}
