//! The forms of the application, as data: each selects a merge function, an era, a view, a feed and a website.

use serde::Deserialize;

#[cfg(test)]
use super::functions::Mutant;
use super::schema::Era;

/// Which function merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Release 1.5.1.
    V1_5_1,
    /// Release 1.5.2.
    V1_5_2,
    /// Release 1.6.0.
    V1_6_0,
    /// Release 1.11.3.
    V1_11_3,
    /// Release 1.11.4.
    V1_11_4,
    /// What they should have done, with a view that looks again inside of the transaction.
    Correct,
    /// Wrong on purpose: tests let the checks find it.
    #[cfg(test)]
    Mutant(Mutant),
}

impl Function {
    /// Whether a form says what the person who fills it in has seen.
    #[must_use]
    pub fn compares(self) -> bool {
        match self {
            Function::Correct => true,
            #[cfg(test)]
            Function::Mutant(Mutant::RefusalCommits) => true,
            _ => false,
        }
    }
}

/// How the published feed looks for tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feed {
    /// Each tag that is found narrows the list; what is not found does not (releases 1.3 to 2.1.0).
    Lookup,
    /// The parameter `tags`; an unknown tag is refused, an unknown parameter ignored (release 2.1.1).
    Filter,
    /// Unknown tags and unknown parameters are refused; everything is read at one point in time.
    Strict,
}

/// How the website writes its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writing {
    /// Cuts the file off and writes it anew.
    InPlace,
    /// Writes another file and gives it the name at once, durable or not.
    Rename,
    /// Writes another file, makes it durable, and gives it the name.
    Replace,
}

/// The database's journal, and when SQLite syncs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Journal {
    /// None: what a commit has half written stays so, and nothing can be rolled back.
    Off,
    /// SQLite's default: the journal is deleted at a commit, its directory not synced.
    DeleteFull,
    /// The directory is synced too.
    DeleteExtra,
    /// The journal is cut off at a commit.
    TruncateFull,
    /// The journal's header is overwritten at a commit.
    PersistFull,
    /// A write-ahead log that is synced at each commit.
    WalFull,
    /// A write-ahead log that is synced when it is copied back.
    WalNormal,
}

/// What one form does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Label in scenario files.
    pub label: &'static str,
    /// One line: which code this is.
    pub doc: &'static str,
    /// The function.
    pub function: Function,
    /// The framework.
    pub era: Era,
    /// The feed.
    pub feed: Feed,
    /// The website.
    pub writing: Writing,
    /// The journal.
    pub journal: Journal,
}

const fn release(label: &'static str, doc: &'static str, function: Function, era: Era) -> Rules {
    Rules { label, doc, function, era, feed: Feed::Lookup, writing: Writing::InPlace, journal: Journal::DeleteFull }
}

/// All variants, oldest first.
pub const ALL: [Rules; 6] = [
    release(
        "1.5.1",
        "the code of the incident of 2016: taking the other side's tags deletes one's own for everybody",
        Function::V1_5_1,
        Era::Django1,
    ),
    release("1.5.2", "its fix, the day after", Function::V1_5_2, Era::Django1),
    release("1.6.0", "what both sides have no longer fails a combination", Function::V1_6_0, Era::Django1),
    release(
        "1.11.3",
        "the code of the incident of 2018: keeping one's own tags deletes the other side's for everybody",
        Function::V1_11_3,
        Era::Django2,
    ),
    release("1.11.4", "its fix", Function::V1_11_4, Era::Django2),
    Rules {
        label: "correct",
        doc: "one transaction, with everything looked up in it; join rows only; what refers to the loser comes along",
        function: Function::Correct,
        era: Era::Django2,
        feed: Feed::Strict,
        writing: Writing::Replace,
        journal: Journal::DeleteExtra,
    },
];

/// The rules of a variant.
#[must_use]
pub fn by_label(label: &str) -> Option<&'static Rules> {
    ALL.iter().find(|rules| rules.label == label)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: labels are unique, and each finds its rules.
    #[test]
    fn labels_find_their_rules() {
        assert!(ALL.iter().all(|rules| by_label(rules.label) == Some(rules)));
        assert_eq!(by_label("2.0.0"), None);
    }
}
