//! Numbers, deviations and command lines in words.

use std::fmt::Write;

use seedbed::check::Failure;
use seedbed::choice::Deviation;

/// A number with its digits grouped: `12,345`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Deviations in aligned columns, one per line, at most `most` of them.
#[must_use]
pub fn deviations(deviations: &[Deviation], most: usize) -> String {
    let shown = &deviations[..deviations.len().min(most)];
    let width = |text: fn(&Deviation) -> &str| shown.iter().map(|d| text(d).chars().count()).max().unwrap_or(0);
    let (sites, actors, values) = (width(|d| &d.site), width(|d| &d.actor), width(|d| &d.value));
    let mut out = String::new();
    for (index, d) in shown.iter().enumerate() {
        let line = format!(
            "  {:>3}  {:sites$}  {:actors$}  {:>5}  {:values$}  step {}",
            index + 1,
            d.site,
            d.actor,
            format!("#{}", d.n),
            d.value,
            thousands(d.step),
        );
        let _ = writeln!(out, "{line}");
    }
    if shown.len() < deviations.len() {
        let _ = writeln!(out, "       and {} more", thousands((deviations.len() - shown.len()) as u64));
    }
    out
}

/// A word as a POSIX shell takes it, quoted only where it must be.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A line to paste: this program, as it was called, with these arguments.
#[must_use]
pub fn command_line<S: AsRef<str>>(arguments: impl IntoIterator<Item = S>) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "seedbed".to_owned());
    let mut line = shell_word(&program);
    for argument in arguments {
        line.push(' ');
        line.push_str(&shell_word(argument.as_ref()));
    }
    line
}

/// The violations beside the one that ended a run, or of a run that none has ended: a line each.
pub fn also(violations: &[Failure]) -> String {
    let mut out = String::new();
    for Failure { invariant, step, cause, .. } in violations {
        let _ = writeln!(out, "also: {invariant} at step {}: {cause}", thousands(*step));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        let shown = [0, 12, 999, 1_000, 12_345, 1_234_567].map(thousands);
        assert_eq!(shown, ["0", "12", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn a_shell_takes_a_quoted_word_for_what_it_was() {
        assert_eq!(shell_word("scenarios/x.toml"), "scenarios/x.toml");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("faults.\"a/b\"=0.5"), "'faults.\"a/b\"=0.5'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }

    #[test]
    fn more_deviations_than_fit_are_counted() {
        let deviation =
            |n| Deviation { site: "net/cut".into(), actor: "a->b".into(), n, value: "yes".into(), step: n * 1_000 };
        let all: Vec<Deviation> = (0..12).map(deviation).collect();
        let lines = deviations(&all, 2);
        let lines: Vec<&str> = lines.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            ["1  net/cut  a->b     #0  yes  step 0", "2  net/cut  a->b     #1  yes  step 1,000", "and 10 more"]
        );
    }
}
