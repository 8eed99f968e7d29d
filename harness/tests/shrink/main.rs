//! Shrinking, and what is built on it, on a toy with two distinct bugs.

mod check;
mod drawn;
mod explaining;
mod runs;
mod shrinking;
#[path = "../toy/mod.rs"]
mod toy;
