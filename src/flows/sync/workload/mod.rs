//! Operations as data: what users and operators do. A message is named by the operation that delivered or copied it,
//! and its place in that operation: `[2, 0]` is the first message of operation 2.

mod driver;
mod mail;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::config::{Config, OpKind};

pub use driver::Driver;
pub use mail::{mail, mail_of_cache_size};

/// A message, by operation and place.
pub type Ref = (usize, usize);

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Op {
    /// Messages arrive.
    Deliver(Deliver),
    /// Messages are copied to the other mailbox.
    Copy(Messages),
    /// Messages are expunged.
    Expunge(Messages),
    /// The same by a program that forces it: at once, whatever the server is configured for.
    Force(Messages),
    /// Messages are brought back.
    Unexpunge(Messages),
    /// A flag is set or cleared.
    Flag(Flag),
    /// Until the replica has caught up, or ten minutes have passed.
    Sync {},
    /// Hours pass.
    Wait(Hours),
    /// Somebody runs expire by hand.
    Expire(Expire),
    /// The next two operations begin at the same moment.
    AtOnce {},
    /// The servers swap their roles.
    Failover {},
}

/// Messages that arrive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Deliver {
    /// Which mailbox, 0 or 1.
    pub mailbox: usize,
    /// How many.
    pub messages: usize,
    /// How long their subjects are, about.
    pub subject: usize,
    /// Bytes of each one's cache record, instead: messages with as little as it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cache_sizes: Vec<usize>,
    /// The log says MAILBOX instead of APPEND, as after an IMAP COPY or when more than one thing has changed.
    pub as_mailbox: bool,
    /// A flag they arrive with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag: Option<String>,
}

impl Default for Deliver {
    fn default() -> Deliver {
        Deliver { mailbox: 0, messages: 1, subject: 20, cache_sizes: Vec::new(), as_mailbox: false, flag: None }
    }
}

/// Some messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Messages {
    /// Which ones.
    pub of: Vec<Ref>,
}

/// A flag of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Flag {
    /// Which message.
    pub of: Ref,
    /// The flag's name.
    pub flag: String,
    /// Set, or cleared.
    pub on: bool,
}

/// A number of hours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Hours {
    /// How many.
    pub hours: u32,
}

/// An expire by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expire {
    /// On the replica instead of the master.
    pub replica: bool,
    /// Days for which expunged messages are kept.
    pub days: u32,
}

/// Flags users set.
const FLAGS: [&str; 5] = ["\\Flagged", "\\Answered", "\\Deleted", "$Junk", "todo"];
/// Operations that others refer to: the first ones, so that most references find something.
const REFERENCES: usize = 5;
/// Places within them.
const PLACES: usize = 3;

/// How operations are drawn.
pub fn strategy(config: &Config) -> BoxedStrategy<Op> {
    let has = |kind| config.kinds.contains(&kind);
    let reference = || (0..REFERENCES, 0..PLACES);
    let some = || proptest::collection::vec(reference(), 1..7).prop_map(|of| Messages { of });
    let flag_name = || proptest::sample::select(&FLAGS[..]).prop_map(str::to_owned);
    let deliver = (0_usize..2, 1_usize..5, 0_usize..200, any::<bool>(), proptest::option::weighted(0.2, flag_name()))
        .prop_map(|(mailbox, messages, subject, as_mailbox, flag)| {
            // One mailbox sees most of it.
            let mailbox = if messages > 1 { 0 } else { mailbox };
            Op::Deliver(Deliver { mailbox, messages, subject, cache_sizes: Vec::new(), as_mailbox, flag })
        });
    let mut all: Vec<(u32, BoxedStrategy<Op>)> = Vec::new();
    let mut add = |kind, weight, strategy: BoxedStrategy<Op>| {
        if has(kind) {
            all.push((weight, strategy));
        }
    };
    add(OpKind::Deliver, 14, deliver.boxed());
    add(OpKind::Copy, 3, some().prop_map(Op::Copy).boxed());
    add(OpKind::Expunge, 8, some().prop_map(Op::Expunge).boxed());
    add(OpKind::Force, 4, some().prop_map(Op::Force).boxed());
    add(OpKind::Unexpunge, 4, some().prop_map(Op::Unexpunge).boxed());
    let flag = (reference(), flag_name(), proptest::bool::weighted(0.7))
        .prop_map(|(of, flag, on)| Op::Flag(Flag { of, flag, on }));
    add(OpKind::Flag, 4, flag.boxed());
    add(OpKind::Wait, 3, (1_u32..40).prop_map(|hours| Op::Wait(Hours { hours })).boxed());
    let expire = (any::<bool>(), 0_u32..3).prop_map(|(replica, days)| Op::Expire(Expire { replica, days }));
    add(OpKind::Expire, 3, expire.boxed());
    add(OpKind::AtOnce, 4, Just(Op::AtOnce {}).boxed());
    add(OpKind::Failover, 2, Just(Op::Failover {}).boxed());
    if all.is_empty() {
        return Just(Op::Sync {}).boxed();
    }
    proptest::strategy::Union::new_weighted(all).boxed()
}

/// Simpler forms of an operation, simplest first.
#[must_use]
pub fn simpler(op: &Op) -> Vec<Op> {
    let fewer = |messages: &Messages, make: fn(Messages) -> Op| -> Vec<Op> {
        let len = messages.of.len();
        let without = |at: usize| messages.of.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, r)| *r).collect();
        (0..len).filter(|_| len > 1).map(|at| make(Messages { of: without(at) })).collect()
    };
    match op {
        Op::Deliver(deliver) => {
            let mut simpler = Vec::new();
            if deliver.messages > 1 && deliver.cache_sizes.is_empty() {
                simpler.extend((1..deliver.messages).map(|messages| Deliver { messages, ..deliver.clone() }));
            }
            if deliver.flag.is_some() {
                simpler.push(Deliver { flag: None, ..deliver.clone() });
            }
            if deliver.as_mailbox {
                simpler.push(Deliver { as_mailbox: false, ..deliver.clone() });
            }
            if deliver.mailbox > 0 {
                simpler.push(Deliver { mailbox: 0, ..deliver.clone() });
            }
            if deliver.subject != 20 && deliver.cache_sizes.is_empty() {
                simpler.push(Deliver { subject: 20, ..deliver.clone() });
            }
            simpler.into_iter().map(Op::Deliver).collect()
        }
        Op::Copy(messages) => fewer(messages, Op::Copy),
        Op::Expunge(messages) => fewer(messages, Op::Expunge),
        Op::Force(messages) => {
            let mut simpler = vec![Op::Expunge(messages.clone())];
            simpler.extend(fewer(messages, Op::Force));
            simpler
        }
        Op::Unexpunge(messages) => fewer(messages, Op::Unexpunge),
        Op::Flag(flag) if flag.flag != FLAGS[0] => vec![Op::Flag(Flag { flag: FLAGS[0].to_owned(), ..flag.clone() })],
        Op::Wait(Hours { hours }) => {
            [1, 24].into_iter().filter(|round| round < hours).map(|hours| Op::Wait(Hours { hours })).collect()
        }
        Op::Flag(_) | Op::Sync {} | Op::Expire(_) | Op::AtOnce {} | Op::Failover {} => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        op: Op,
    }

    /// Claim: operations are written as tables under their names, and unknown keys are refused.
    #[test]
    fn operations_are_tables() {
        let file: File = toml::from_str("op.expunge = { of = [[0, 1], [2, 0]] }").unwrap();
        assert_eq!(file.op, Op::Expunge(Messages { of: vec![(0, 1), (2, 0)] }));
        assert!(toml::from_str::<File>("op.sync = {}").is_ok());
        assert!(toml::from_str::<File>("op.wait = { days = 1 }").is_err());
    }

    /// Claim: every drawn operation survives its text, and simplifying one ends.
    #[test]
    fn drawn_operations_survive_and_simplify() {
        let mut config = Config::default();
        config.kinds.extend([OpKind::Force, OpKind::Failover]);
        crate::flows::testing::assert_operations_survive_and_simplify(&strategy(&config), simpler);
    }
}
