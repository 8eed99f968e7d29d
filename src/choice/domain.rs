//! What can be chosen at a site.

use super::expand::Expander;

/// The values a choice can take. A domain is built at the call and says what is possible there and then
/// ("1 to 511 bytes"), so a scripted value that is no longer possible is noticed.
///
/// Laws, which the tests of the ready-made domains check: `parse(words(v)) == Some(v)` for the quiet value
/// and for every drawn one, and `values`, where there are any, lists the quiet value first and every value
/// that `draw` returns.
pub trait Domain {
    /// A value.
    type Value: Clone + PartialEq;

    /// What happens when nothing interesting happens.
    fn quiet(&self) -> Self::Value;

    /// A value that deviates; where it happens to be the quiet one, nothing is recorded.
    fn draw(&self, expander: &mut Expander) -> Self::Value;

    /// The value in stable, readable words: `inline`, `{1,3}`, `12ms`.
    fn words(&self, value: &Self::Value) -> String;

    /// The value these words mean; `None` when it is not in the domain.
    fn parse(&self, words: &str) -> Option<Self::Value>;

    /// All values, the quiet one first; `None` when there are too many to enumerate.
    fn values(&self) -> Option<Vec<Self::Value>>;

    /// Some deviating values that stand for all of them, each once: what is tried where every fault point gets its
    /// turn. All values where there are at most eight, else some draws; worth overriding where the edges are
    /// known to matter.
    fn representatives(&self) -> Vec<Self::Value> {
        const ALL_MAX: usize = 8;
        const DRAWS: u64 = 4;
        let quiet = self.quiet();
        let mut some = match self.values() {
            Some(values) if values.len() <= ALL_MAX => values,
            _ => (0..DRAWS).map(|word| self.draw(&mut Expander::new(word))).collect(),
        };
        some.retain(|value| *value != quiet);
        distinct(some)
    }

    /// Deviating values that say the same with less, the simplest first: what shrinking tries instead of this
    /// one. Without more knowledge, those that [`Domain::values`] lists before it.
    ///
    /// Law: "simpler" never leads back, so that shrinking ends; neither the value itself nor the quiet one is
    /// listed.
    fn simpler(&self, value: &Self::Value) -> Vec<Self::Value> {
        let mut values = self.values().unwrap_or_default();
        match values.iter().position(|listed| listed == value) {
            Some(at) if at > 0 => {
                values.truncate(at);
                values.remove(0);
                values
            }
            _ => Vec::new(),
        }
    }

    /// The quiet value made slower by a power of two, for durations; `None` where that makes no sense.
    fn slowed(&self, doublings: u32) -> Option<Self::Value> {
        let _ = doublings;
        None
    }

    /// Whether the operation that asks makes something durable: right before it the most is pending.
    fn is_barrier(&self) -> bool {
        false
    }

    /// How a recorded value is kept until somebody asks for its words. Worth overriding where choices are
    /// made often; it must stand for the same text as `words`.
    fn note(&self, value: &Self::Value) -> Note {
        Note::Text(self.words(value))
    }
}

/// Each value once, where it stands first.
#[must_use]
pub fn distinct<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut once: Vec<T> = Vec::new();
    for value in values {
        if !once.contains(&value) {
            once.push(value);
        }
    }
    once
}

/// Words, possibly not yet written out: a run that nobody reads about never formats its deviations.
#[derive(Clone, Debug)]
pub enum Note {
    /// The words.
    Text(String),
    /// The words, known in advance.
    Fixed(&'static str),
    /// A number, and how it is put in words.
    Number(u64, fn(u64) -> String),
}

impl Note {
    /// The words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Note::Text(words) => words.clone(),
            Note::Fixed(words) => (*words).to_owned(),
            Note::Number(number, words) => words(*number),
        }
    }
}
