//! Ready-made domains: one value of a list, numbers, durations, orders and sets.

mod latency;
mod list;
mod number;
mod set;

pub use latency::Latency;
pub use list::{Coin, OneOf};
pub use number::{UpTo, Word, smaller};
pub use set::{Permutation, Subset};

#[cfg(test)]
mod laws;
