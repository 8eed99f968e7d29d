//! The form of a merge: which fields it offers, which choices each allows, and what was chosen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::schema::{THREE_WAY, TWO_WAY};

/// One of the two events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// What is chosen for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// What A has.
    A,
    /// What B has.
    B,
    /// Both.
    Combine,
}

impl Choice {
    /// Its name in a request.
    #[must_use]
    pub fn wire(self) -> &'static str {
        match self {
            Choice::A => "obj_a",
            Choice::B => "obj_b",
            Choice::Combine => "combine",
        }
    }

    fn from_wire(word: &str) -> Option<Choice> {
        [Choice::A, Choice::B, Choice::Combine].into_iter().find(|choice| choice.wire() == word)
    }
}

/// Relations the form offers, in the order in which they are merged.
pub const RELATIONS: [&str; 3] = ["tags", "task_set", "todoitem_set"];

/// Columns the form calls by another name than the table does.
const RENAMED: [(&str, &str); 3] =
    [("assigned_to", "assigned_to_id"), ("host", "host_id"), ("administrator", "administrator_id")];

/// The column behind a field of the form.
#[must_use]
pub fn column_of(field: &str) -> &str {
    RENAMED.iter().find(|(name, _)| *name == field).map_or(field, |(_, column)| *column)
}

fn field_of(column: &'static str) -> &'static str {
    RENAMED.iter().find(|(_, name)| *name == column).map_or(column, |(field, _)| *field)
}

/// Every field the form offers; each must be chosen. `id` chooses which event survives.
pub fn fields() -> impl Iterator<Item = &'static str> {
    std::iter::once("id").chain(TWO_WAY.iter().chain(THREE_WAY).map(|column| field_of(column))).chain(RELATIONS)
}

/// Whether the form lets both sides of a field be combined.
#[must_use]
pub fn may_combine(field: &str) -> bool {
    THREE_WAY.contains(&field) || RELATIONS.contains(&field)
}

/// One choice per field.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choices(BTreeMap<&'static str, Choice>);

impl Choices {
    /// What the form shows at first: everything from A.
    #[must_use]
    pub fn defaults() -> Choices {
        Choices(fields().map(|field| (field, Choice::A)).collect())
    }

    /// Chooses; a field that the form does not have is left out.
    pub fn choose(&mut self, field: &str, choice: Choice) {
        if let Some(known) = fields().find(|known| *known == field) {
            self.0.insert(known, choice);
        }
    }

    /// What is chosen for a field.
    #[must_use]
    pub fn of(&self, field: &str) -> Option<Choice> {
        self.0.get(field).copied()
    }

    /// Which event survives.
    #[must_use]
    pub fn base(&self) -> Side {
        if self.of("id") == Some(Choice::B) { Side::B } else { Side::A }
    }

    /// Reads them from the body of a request.
    ///
    /// # Errors
    /// The fields without a choice, or with one they do not allow.
    pub fn validate(body: &BTreeMap<String, String>) -> Result<Choices, Vec<&'static str>> {
        let mut choices = Choices::default();
        let mut wrong = Vec::new();
        for field in fields() {
            let choice = body.get(field).and_then(|word| Choice::from_wire(word));
            match choice {
                Some(choice) if choice != Choice::Combine || may_combine(field) => {
                    choices.0.insert(field, choice);
                }
                _ => wrong.push(field),
            }
        }
        if wrong.is_empty() { Ok(choices) } else { Err(wrong) }
    }

    /// As pairs for the body of a request.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
        self.0.iter().map(|(field, choice)| (*field, choice.wire()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: choosing to combine everything is refused exactly for the fields that have two choices.
    #[test]
    fn only_some_fields_may_be_combined() {
        let body = fields().map(|field| (field.to_owned(), "combine".to_owned())).collect();
        let wrong = Choices::validate(&body).unwrap_err();
        for field in fields() {
            let allowed = ["tags", "contact", "venue", "address", "notes", "task_set", "todoitem_set"].contains(&field);
            assert_eq!(!wrong.contains(&field), allowed, "{field}");
        }
    }

    /// Claim: the fields are those of the form of that day.
    #[test]
    fn the_set_of_fields_is_pinned() {
        let mut all: Vec<_> = fields().collect();
        all.sort_unstable();
        let expected = "address admin_fee administrator assigned_to attendance completed contact country end host id \
                        instructors_post instructors_pre invoice_status latitude learners_longterm learners_post \
                        learners_pre longitude notes reg_key slug start tags task_set todoitem_set url venue";
        assert_eq!(all.join(" "), expected);
    }

    /// Claim: choices survive the body of a request, and a missing one is named.
    #[test]
    fn choices_survive_a_request() {
        let mut choices = Choices::defaults();
        choices.choose("tags", Choice::Combine);
        choices.choose("host", Choice::B);
        let mut body: BTreeMap<_, _> = choices.pairs().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        assert_eq!(Choices::validate(&body), Ok(choices));
        body.remove("venue");
        assert_eq!(Choices::validate(&body), Err(vec!["venue"]));
    }
}
