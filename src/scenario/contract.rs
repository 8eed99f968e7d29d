//! `[contract]`: what the system promises to survive.
//!
//! ```toml
//! [contract]
//! disk = "ordered | posix-strict"       # what its file system may be, or `any`
//! disk-faults = "sync-error, bit-rot"   # beyond the honest faults; `none` in front: without those
//! ```
//!
//! The words and their meaning are those of [`disk::Contract`](crate::disk::Contract).

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use super::findings::{Findings, shown};
use super::nearest;
use super::values::{self, Placed};
use crate::disk::{Contract, FAULTS};

/// The key for profiles, and the key for faults.
const KEYS: [&str; 2] = ["disk", "disk-faults"];

/// Reads the table; what it answers is understood by [`Contract::parse`].
pub(super) fn read(table: &DeTable<'_>, findings: &mut Findings<'_>) -> BTreeMap<String, String> {
    let mut contract = BTreeMap::new();
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        if !KEYS.contains(&name) {
            findings.unknown(&key.span(), "contract", name, &KEYS);
            continue;
        }
        let Some(text) = values::string(value, &format!("contract.{name}"), findings) else {
            continue;
        };
        if name == "disk" {
            check_profiles(&text, findings)
        } else {
            check_faults(&text, findings)
        }
        contract.insert(name.to_owned(), text.value);
    }
    contract
}

fn check_profiles(text: &Placed<String>, findings: &mut Findings<'_>) {
    let valid = Contract::profile_words();
    let words = Words { separator: '|', kind: "disk profile", valid: &valid };
    let found = words.check(text, findings);
    let any = found.iter().find(|word| word.value == "any");
    if let Some(any) = any.filter(|_| found.len() > 1) {
        findings.add(&any.span, "`any` means every profile, so it stands alone");
    }
}

fn check_faults(text: &Placed<String>, findings: &mut Findings<'_>) {
    let valid = Contract::fault_words();
    let words = Words { separator: ',', kind: "disk fault", valid: &valid };
    let found = words.check(text, findings);
    for none in found.iter().skip(1).filter(|word| word.value == "none") {
        let help = "in front it means: without the honest faults, only those that follow";
        findings.add_help(&none.span, "`none` stands in front of other faults", help);
    }
}

/// A list of words in one string.
struct Words<'v> {
    separator: char,
    kind: &'static str,
    valid: &'v [&'static str],
}

impl Words<'_> {
    /// The words that are valid; complains about the others, and about repetitions.
    fn check(&self, text: &Placed<String>, findings: &mut Findings<'_>) -> Vec<Placed<String>> {
        let mut found: Vec<Placed<String>> = Vec::new();
        let mut start = 0;
        for part in text.value.split(self.separator) {
            let word = part.trim();
            let at = start + (part.len() - part.trim_start().len());
            start += part.len() + self.separator.len_utf8();
            let span = inside(text, at..at + word.len());
            if word.is_empty() {
                let message = format!("there is no {} here", self.kind);
                findings.add_help(&span, message, format!("valid: {}", nearest::listed(self.valid)));
            } else if !self.valid.contains(&word) {
                let message = format!("unknown {} {}", self.kind, shown(word));
                findings.add_with(&span, message, || self.way_out(word));
            } else if found.iter().any(|other| other.value == word) {
                findings.add(&span, format!("{} is there twice", shown(word)));
            } else {
                found.push(Placed { value: word.to_owned(), span });
            }
        }
        found
    }

    fn way_out(&self, word: &str) -> Option<String> {
        // The site of a fault is called like the fault, with its layer in front.
        let name = word.trim_start_matches("disk/");
        if FAULTS.iter().any(|info| info.fault.name() == name) && !self.valid.contains(&name) {
            return Some("it is part of every contract".to_owned());
        }
        nearest::way_out(name, self.valid)
    }
}

/// The place of a part of a string: exact if the string is written without escapes, else that of the whole.
fn inside(text: &Placed<String>, part: Range<usize>) -> Range<usize> {
    let before = match text.span.len().checked_sub(text.value.len()) {
        Some(0) => text.span.start,
        Some(2) => text.span.start + 1,
        _ => return text.span.clone(),
    };
    before + part.start..before + part.end
}
