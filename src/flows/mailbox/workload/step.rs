//! What a careless client does, one step at a time, written in a few words each.

use std::fmt;
use std::str::FromStr;

use proptest::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An object a command is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum About {
    /// Left out, or the session's own if the command needs one.
    #[default]
    Own,
    /// That of another operation.
    Of(usize),
    /// This one.
    Named(String),
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `allocate`
    Allocate,
    /// `claim`, `claim of 3`, `claim 4`
    Claim(About),
    /// `release` (the message names no nameplate), `release of 3`, `release 4`
    Release(About),
    /// `open`, `open of 3`, `open m`
    Open(About),
    /// `add`, `add 3`: that many messages, one behind the other
    Add(u8),
    /// `close` (names no mailbox), `close of 3`, `close m`, each also with a mood: `close as happy`
    Close(About, Option<String>),
    /// `list`
    List,
    /// `ping`
    Ping,
    /// `leave`: the closing handshake
    Leave,
    /// `linger`: begins the closing handshake, reads nothing any more, and stays
    Linger,
    /// `drop`: resets the connection
    Drop,
    /// `vanish`: neither sends nor answers any more; the server is not told
    Vanish,
    /// `wait 30`: seconds
    Wait(u32),
    /// `say …`: the rest as it is
    Say(String),
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            About::Own => Ok(()),
            About::Of(operation) => write!(f, " of {operation}"),
            About::Named(name) => write!(f, " {name}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Allocate => write!(f, "allocate"),
            Step::Claim(about) => write!(f, "claim{about}"),
            Step::Release(about) => write!(f, "release{about}"),
            Step::Open(about) => write!(f, "open{about}"),
            Step::Add(1) => write!(f, "add"),
            Step::Add(messages) => write!(f, "add {messages}"),
            Step::Close(about, None) => write!(f, "close{about}"),
            Step::Close(about, Some(mood)) => write!(f, "close{about} as {mood}"),
            Step::List => write!(f, "list"),
            Step::Ping => write!(f, "ping"),
            Step::Leave => write!(f, "leave"),
            Step::Linger => write!(f, "linger"),
            Step::Drop => write!(f, "drop"),
            Step::Vanish => write!(f, "vanish"),
            Step::Wait(seconds) => write!(f, "wait {seconds}"),
            Step::Say(text) => write!(f, "say {text}"),
        }
    }
}

/// Text that is no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no step: expected `allocate`, `claim`, `release`, `open` or `close` (alone, with `of <operation>` or a name; `close` also with `as <mood>`), `add [n]`, `list`, `ping`, `leave`, `linger`, `drop`, `vanish`, `wait <seconds>` or `say <text>`"
)]
pub struct NoStep(String);

impl FromStr for Step {
    type Err = NoStep;

    fn from_str(text: &str) -> Result<Step, NoStep> {
        let no_step = || NoStep(text.to_owned());
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        if verb == "say" {
            return Ok(Step::Say(rest.to_owned()));
        }
        let words: Vec<&str> = rest.split_whitespace().collect();
        let about = |words: &[&str]| match words {
            [] => Ok(About::Own),
            ["of", operation] => operation.parse().map(About::Of).map_err(|_| no_step()),
            // A preposition is no name: something is missing behind it.
            [name] if !["of", "as"].contains(name) => Ok(About::Named((*name).to_owned())),
            _ => Err(no_step()),
        };
        let alone = |step| if words.is_empty() { Ok(step) } else { Err(no_step()) };
        match verb {
            "allocate" => alone(Step::Allocate),
            "claim" => about(&words).map(Step::Claim),
            "release" => about(&words).map(Step::Release),
            "open" => about(&words).map(Step::Open),
            "add" if words.is_empty() => Ok(Step::Add(1)),
            "add" => rest.parse().map(Step::Add).map_err(|_| no_step()),
            "close" => match words.as_slice() {
                [before @ .., "as", mood] => about(before).map(|about| Step::Close(about, Some((*mood).to_owned()))),
                words => about(words).map(|about| Step::Close(about, None)),
            },
            "list" => alone(Step::List),
            "ping" => alone(Step::Ping),
            "leave" => alone(Step::Leave),
            "linger" => alone(Step::Linger),
            "drop" => alone(Step::Drop),
            "vanish" => alone(Step::Vanish),
            "wait" => rest.parse().map(Step::Wait).map_err(|_| no_step()),
            _ => Err(no_step()),
        }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Step, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What no client should say: wrong types, no objects, nonsense, names that are almost numbers.
const NONSENSE: [&str; 16] = [
    "[1]",
    "{",
    "{}",
    r#"{"type": 7}"#,
    r#"{"type": "jump"}"#,
    r#"{"type": "ping"}"#,
    r#"{"type": "bind", "appid": "app", "side": 3}"#,
    r#"{"type": "claim", "nameplate": 4}"#,
    r#"{"type": "claim", "nameplate": "11111111111111111111111111111111111111111"}"#,
    r#"{"type": "claim", "nameplate": "4\n"}"#,
    r#"{"type": "open", "mailbox": null}"#,
    r#"{"type": "open", "mailbox": ""}"#,
    r#"{"type": "add", "phase": [], "body": ""}"#,
    r#"{"type": "add", "phase": 1, "body": true}"#,
    r#"{"type": "release", "nameplate": null}"#,
    r#"{"type": "close", "mood": {}}"#,
];

/// How steps are drawn.
pub(super) fn strategy(malformed: bool, references: usize) -> BoxedStrategy<Step> {
    let about = |names: &'static [&'static str]| {
        prop_oneof![
            3 => Just(About::Own),
            2 => (0..references).prop_map(About::Of),
            3 => proptest::sample::select(names).prop_map(|name| About::Named(name.to_owned())),
        ]
    };
    let name = about(&["1", "2"]);
    let mailbox = about(&["m", "n"]);
    let mood = proptest::option::weighted(0.3, proptest::sample::select(&["happy", "lonely", "errory", "scary"][..]));
    let sensible = prop_oneof![
        6 => Just(Step::Allocate),
        6 => name.clone().prop_map(Step::Claim),
        3 => name.prop_map(Step::Release),
        8 => mailbox.clone().prop_map(Step::Open),
        7 => (1_u8..4).prop_map(Step::Add),
        6 => (mailbox, mood).prop_map(|(about, mood)| Step::Close(about, mood.map(str::to_owned))),
        1 => Just(Step::List),
        1 => Just(Step::Ping),
        1 => Just(Step::Leave),
        1 => Just(Step::Linger),
        1 => Just(Step::Drop),
        1 => Just(Step::Vanish),
    ];
    if !malformed {
        return sensible.boxed();
    }
    let nonsense = proptest::sample::select(&NONSENSE[..]).prop_map(|text| Step::Say(text.to_owned()));
    prop_oneof![20 => sensible, 1 => nonsense].boxed()
}

/// The steps without one of them, and with fewer messages.
pub(super) fn fewer(steps: &[Step]) -> Vec<Vec<Step>> {
    let without = (0..steps.len()).rev().map(|left_out| {
        let others = steps.iter().enumerate().filter(|(index, _)| *index != left_out);
        others.map(|(_, step)| step.clone()).collect()
    });
    let fewer_messages = steps.iter().enumerate().filter_map(|(index, step)| {
        let Step::Add(2..) = step else { return None };
        let mut steps = steps.to_vec();
        steps[index] = Step::Add(1);
        Some(steps)
    });
    without.chain(fewer_messages).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        /// Claim: every step survives its words.
        #[test]
        fn steps_survive_their_words(step in strategy(true, 9)) {
            prop_assert_eq!(step.to_string().parse::<Step>(), Ok(step));
        }
    }

    /// Claim: what is no step is refused.
    #[test]
    fn nonsense_is_refused() {
        for text in ["", "jump", "allocate 4", "add many", "claim of", "claim of x", "open a b", "wait"] {
            assert!(text.parse::<Step>().is_err(), "{text}");
        }
        assert_eq!("close of 3 as scary".parse(), Ok(Step::Close(About::Of(3), Some("scary".into()))));
    }
}
