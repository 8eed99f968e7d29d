//! What a server did with a write request, judged from outside: a second opinion on its own evaluation.

use std::collections::BTreeSet;

use super::facts::Handling;
use super::storage::{MemoryShares, ShareNumber, Shares, TestAndWrite};

/// What a write request did to a slot, from the slot before and after it. If the server died of it, a power cut may have
/// taken away, or brought back, what was not durable before: that is no work of this request.
#[must_use]
pub fn observe(before: &MemoryShares, request: &TestAndWrite, after: &MemoryShares, died: bool) -> Handling {
    let present: BTreeSet<ShareNumber> = before.iter().map(|(number, _)| number).collect();
    let enabler_held = present.iter().all(|number| before.enabler(*number) == Some(request.secrets.write_enabler));
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
    let numbers: BTreeSet<ShareNumber> =
        present.iter().copied().chain(after.iter().map(|(number, _)| number)).collect();
    let failed_tests: BTreeSet<ShareNumber> = request.shares.keys().copied().filter(|number| fails(number)).collect();
    let by_request = |number: &ShareNumber| !died || failed_tests.is_empty() && request.shares.contains_key(number);
    let changed = |number: &ShareNumber| before.get(*number) != after.get(*number) && by_request(number);
    Handling {
        enabler_held,
        changed: numbers.into_iter().filter(changed).collect(),
        failed_tests,
        as_asked: request.shares.keys().copied().filter(|number| holds(number)).collect(),
        present,
        died,
    }
}
