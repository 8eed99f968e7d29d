//! What every domain promises, checked for the ready-made ones.

use std::fmt::Debug;
use std::time::Duration;

use proptest::prelude::*;

use super::{Coin, Latency, OneOf, Permutation, Subset, UpTo, Word};
use crate::choice::{Domain, Expander};

const MODES: OneOf<u8> = OneOf(&[("eventual", 0, 2), ("inline", 1, 5), ("never", 2, 0)]);

/// Representatives deviate, are in the domain, and none comes twice.
fn is_represented<D: Domain<Value: Debug>>(domain: &D) -> Result<(), TestCaseError> {
    let some = domain.representatives();
    for (index, value) in some.iter().enumerate() {
        prop_assert_ne!(value, &domain.quiet());
        prop_assert!(!some[..index].contains(value), "{:?} comes twice", value);
        let read_back = domain.parse(&domain.words(value));
        prop_assert_eq!(read_back.as_ref(), Some(value));
    }
    Ok(())
}

/// Simpler values are in the domain, deviate, and following them comes to an end.
fn gets_simpler<D: Domain<Value: Debug>>(domain: &D, word: u64) -> Result<(), TestCaseError> {
    let mut value = domain.draw(&mut Expander::new(word));
    let mut seen = Vec::new();
    loop {
        let simpler = domain.simpler(&value);
        seen.push(value);
        for value in &simpler {
            prop_assert_eq!(domain.parse(&domain.words(value)), Some(value.clone()));
            prop_assert_ne!(value, &domain.quiet());
            prop_assert!(!seen.contains(value), "{:?} comes back", value);
        }
        // The least simple one is the longest way.
        match simpler.last() {
            Some(last) if seen.len() < 30 => value = last.clone(),
            _ => return Ok(()),
        }
    }
}

/// Words mean the value they came from, notes say the same words, drawn values are in the domain, and a
/// finite domain lists the quiet value first and misses nothing.
fn obeys<D: Domain<Value: Debug>>(domain: &D, word: u64) -> Result<(), TestCaseError> {
    is_represented(domain)?;
    gets_simpler(domain, word)?;
    let drawn = domain.draw(&mut Expander::new(word));
    for value in [domain.quiet(), drawn] {
        let words = domain.words(&value);
        prop_assert_eq!(domain.note(&value).words(), words.clone());
        prop_assert_eq!(domain.parse(&words), Some(value.clone()));
        if let Some(values) = domain.values() {
            prop_assert_eq!(&values[0], &domain.quiet());
            prop_assert!(values.contains(&value), "{:?} is not listed", value);
            for (index, value) in values.iter().enumerate() {
                prop_assert!(!values[..index].contains(value), "{:?} is listed twice", value);
                prop_assert_eq!(domain.parse(&domain.words(value)), Some(value.clone()));
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn coin(word: u64) {
        obeys(&Coin, word)?;
    }

    #[test]
    fn one_of(word: u64) {
        obeys(&MODES, word)?;
    }

    #[test]
    fn up_to(word: u64, quiet: u64, max: u64, small in 0_u64..70) {
        obeys(&UpTo { quiet, max }, word)?;
        obeys(&UpTo { quiet: small, max: small.saturating_sub(1) }, word)?;
        obeys(&UpTo { quiet: 0, max: small }, word)?;
    }

    #[test]
    fn any_word(word: u64) {
        obeys(&Word, word)?;
    }

    #[test]
    fn latency(word: u64, quiet in 0..=u64::MAX, max in 0..=u64::MAX, small in 0_u64..5_000) {
        obeys(&Latency { quiet: Duration::from_nanos(quiet), max: Duration::from_nanos(max) }, word)?;
        obeys(&Latency { quiet: Duration::from_nanos(small), max: Duration::from_nanos(small) }, word)?;
    }

    #[test]
    fn permutation(word: u64, n: u8) {
        obeys(&Permutation(n % 40), word)?;
        obeys(&Permutation(n % 6), word)?;
    }

    #[test]
    fn subset(word: u64, n in 0_u8..=64) {
        obeys(&Subset(n), word)?;
        obeys(&Subset(n % 9), word)?;
    }
}

/// What is not in the domain is refused, so that a script which no longer fits says so.
#[test]
fn outside_is_refused() {
    assert_eq!(Coin.parse("true"), None);
    assert_eq!(MODES.parse("Inline"), None);
    let short = UpTo { quiet: 512, max: 511 };
    for wrong in ["0", "513", "-1", "all", ""] {
        assert_eq!(short.parse(wrong), None, "{wrong}");
    }
    assert_eq!(Word.parse("salt"), None);
    for wrong in ["[0,1]", "[0,1,1]", "[0,1,3]", "0,1,2", "[0,1,2"] {
        assert_eq!(Permutation(3).parse(wrong), None, "{wrong}");
    }
    for wrong in ["{3}", "{1,1}", "1", "{-1}", "{70}"] {
        assert_eq!(Subset(3).parse(wrong), None, "{wrong}");
    }
    assert_eq!(Permutation(3).parse("[2, 0, 1]"), Some(vec![2, 0, 1]));
    assert_eq!(Permutation(0).parse("[]"), Some(vec![]));
    assert_eq!(Subset(3).parse("{ 0, 2 }"), Some(0b101));
}

/// A weight of zero is never drawn, and a short write is often of one byte and often all but one.
#[test]
fn draws_favour_what_they_should() {
    let short = UpTo { quiet: 4_096, max: 4_095 };
    let mut edges = [0_u32; 3];
    for word in 0..4_000 {
        assert_ne!(MODES.draw(&mut Expander::new(word)), 2);
        match short.draw(&mut Expander::new(word)) {
            1 => edges[0] += 1,
            4_095 => edges[1] += 1,
            drawn if drawn.is_power_of_two() => edges[2] += 1,
            _ => {}
        }
    }
    assert!(edges[0] > 450 && edges[1] > 450 && edges[2] > 850, "{edges:?}");
}
