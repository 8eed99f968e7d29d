//! What a server did with a write request, judged from outside: a second opinion on its own evaluation.

use std::collections::BTreeSet;

use super::facts::Handling;
use super::storage::{MemoryShares, ShareNumber, Shares, TestAndWrite};

/// What a write request did to a slot, from the slot before and after it.
#[must_use]
pub fn observe(before: &MemoryShares, request: &TestAndWrite, after: &MemoryShares) -> Handling {
    let enabler_held = before
        .numbers()
        .into_iter()
        .all(|number| before.write_enabler(number).is_ok_and(|enabler| enabler == request.secrets.write_enabler));
    let fails = |number: &ShareNumber| {
        request.shares[number].tests.iter().any(|test| {
            let there = before.read(*number, test.span);
            there.is_ok_and(|there| there != test.specimen)
        })
    };
    let holds = |number: &ShareNumber| {
        let data = after.get(*number).unwrap_or(&[]);
        request.shares[number].writes.iter().all(|(offset, bytes)| {
            let start = usize::try_from(*offset).unwrap_or(usize::MAX);
            data.get(start..).is_some_and(|rest| rest.starts_with(bytes))
        })
    };
    let numbers: BTreeSet<ShareNumber> = before.numbers().into_iter().chain(after.numbers()).collect();
    Handling {
        present: before.numbers().into_iter().collect(),
        enabler_held,
        failed_tests: request.shares.keys().copied().filter(|number| fails(number)).collect(),
        changed: numbers.into_iter().filter(|number| before.get(*number) != after.get(*number)).collect(),
        as_asked: request.shares.keys().copied().filter(|number| holds(number)).collect(),
    }
}
