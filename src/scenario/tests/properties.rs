//! What holds for every input.

use proptest::prelude::*;

use super::{COMPLETE, catalogue};
use crate::scenario::{Override, read_plan, read_scenario};

/// Both readers, for the sake of not panicking; complaints must be printable.
fn read_both(bytes: &[u8]) {
    for complaints in
        [read_scenario("x.toml", bytes, &catalogue(), &[]).err(), read_plan("x.plan.toml", bytes, &catalogue()).err()]
            .into_iter()
            .flatten()
    {
        assert!(!complaints.list().is_empty());
        assert!(complaints.to_string().starts_with("x."));
    }
}

/// One line of a scenario with a value that is valid there.
fn section() -> impl Strategy<Value = String> {
    let rate = (0..=1_000_000u32).prop_map(|rate| f64::from(rate) / 1_000_000.0);
    prop_oneof![
        (1..100_000u64).prop_map(|count| format!("[workload]\noperations = {count}")),
        (rate, any::<bool>()).prop_map(|(rate, swarm)| {
            let profile = if swarm { "swarm" } else { "quiet" };
            format!("[faults]\nprofile = '{profile}'\n'net/reset' = {rate:?}\n'net/latency'.max = 3")
        }),
        (1..u64::MAX >> 1, 1..10_000u32)
            .prop_map(|(steps, ms)| { format!("[budget]\nsteps = {steps}\nvirtual = '{ms}ms'") }),
        (1..9u64, 10..99u64, 100..999u64)
            .prop_map(|(test, run, full)| { format!("[budget.seeds]\ntest = {test}\nrun = {run}\nfull = {full}") }),
        (
            prop::sample::subsequence(vec!["ordered", "posix-strict", "in-order", "hostile"], 1..4),
            prop::sample::subsequence(vec!["none", "bit-rot", "sync-error", "short-read"], 1..4),
        )
            .prop_map(|(disk, faults)| {
                format!("[contract]\ndisk = '{}'\ndisk-faults = '{}'", disk.join(" | "), faults.join(", "))
            }),
        (1..10u32, 10..100u32).prop_map(|(k, n)| format!("[flow-config]\nk = {k}\nn = {n}")),
    ]
}

proptest! {
    /// Every combination of valid sections, with any goal, is a valid scenario.
    #[test]
    fn valid_scenarios_are_read(goal in "[^\\p{C}'\"]*", sections in prop::collection::vec(section(), 0..5), holds: bool) {
        let claim = if holds { "holds = true" } else { "violates = 'happiness'" };
        let mut text = format!("seedbed = 1\ngoal = '{goal}'\nflow = 'publish'\nvariant = 'correct'\n[expect]\n{claim}\n");
        let mut headers = Vec::new();
        for section in sections {
            let header = section.lines().next().map(|line| line[..7].to_owned());
            if !headers.contains(&header) {
                text = format!("{text}{section}\n");
                headers.push(header);
            }
        }
        let read = read_scenario("x.toml", text.as_bytes(), &catalogue(), &[]);
        let scenario = read.map_err(|complaints| TestCaseError::fail(format!("{complaints}\n{text}")))?;
        prop_assert_eq!(scenario.goal, goal);
    }

    /// No bytes make the readers panic.
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_both(&bytes);
    }

    /// No text made of what scenarios are made of makes them panic.
    #[test]
    fn any_text(text in "([a-z\"'=\\[\\]{},.\n\r\t 0-9#ß\u{1b}-]|seedbed = 1\n|\\[\\[workload.op\\]\\]\n|flow = |expect|faults){0,60}") {
        read_both(text.as_bytes());
    }

    /// No damage to a valid file makes them panic: a piece is cut out, or replaced by another.
    #[test]
    fn damaged_files(from in 0..COMPLETE.len(), length in 0..40usize, other in 0..COMPLETE.len()) {
        let end = (from + length).min(COMPLETE.len());
        let other_end = (other + length).min(COMPLETE.len());
        for middle in ["", &COMPLETE[other..other_end]] {
            read_both(format!("{}{middle}{}", &COMPLETE[..from], &COMPLETE[end..]).as_bytes());
        }
    }

    /// No setting makes them panic.
    #[test]
    fn any_setting(argument in "[a-z\"'.=\\[\\]{},0-9ß -]{0,30}", key in "(expect|faults|workload|goal)(\\.[a-z]{1,4})?") {
        for argument in [argument.clone(), format!("{key}={argument}")] {
            if let Ok(setting) = Override::parse(&argument) {
                let read = read_scenario("x.toml", COMPLETE.as_bytes(), &catalogue(), &[setting]);
                let _ = read.map_err(|complaints| complaints.to_string());
            }
        }
    }
}
