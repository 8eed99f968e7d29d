//! Operations as data: what people do with clients, and what else happens to the server. An operation names objects of
//! another one by its number: `open of 3` opens the mailbox that operation 3 claimed or opened.

mod driver;
mod run;
mod step;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::config::{Config, Kind};

pub use driver::Driver;
pub use step::Step;

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Op {
    /// Two people meet under a name and exchange messages; the next operation does not wait for them.
    Transfer(Transfer),
    /// A connection of a careless client: bound, then step by step. It stays open when the steps are done.
    Session(Session),
    /// More steps on the connection of another operation.
    Continue(Continue),
    /// Seconds pass.
    Wait(Seconds),
    /// The server's process is killed, and started again after some seconds.
    Kill(Seconds),
}

/// A pair of clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Transfer {
    /// App id.
    pub app: String,
    /// The client that allocates the name.
    pub sender: Client,
    /// The client that is told the name.
    pub receiver: Client,
    /// There is no receiver: nobody comes, and the sender gives up.
    pub alone: bool,
    /// Application messages each sends.
    pub messages: u8,
    /// Seconds until the code is typed, or until the sender gives up.
    pub after: u32,
    /// They have different passwords.
    pub wrong_code: bool,
}

/// A client of a pair.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Client {
    /// Which program it is.
    pub is: Program,
    /// Its connection breaks, once, while the first frame of this type is on its way to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loses: Option<String>,
}

/// A client program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// Reconnects, releases before it closes.
    #[default]
    Python,
    /// The sender never releases; nobody reconnects.
    Go,
}

/// A connection and what is said on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Session {
    /// App id.
    pub app: String,
    /// Side: a later session of the same side is the same client coming back.
    pub side: String,
    /// Nothing is said before the steps, not even `bind`.
    pub unbound: bool,
    /// The next operation does not wait for the steps.
    pub with_next: bool,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// Further steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Continue {
    /// The operation that opened the connection.
    pub of: usize,
    /// The next operation does not wait for the steps.
    #[serde(default)]
    pub with_next: bool,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// A number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seconds {
    /// How many.
    pub seconds: u32,
}

impl Default for Transfer {
    fn default() -> Transfer {
        Transfer {
            app: "pairs".to_owned(),
            sender: Client::default(),
            receiver: Client::default(),
            alone: false,
            messages: 1,
            after: 1,
            wrong_code: false,
        }
    }
}

impl Default for Session {
    fn default() -> Session {
        Session { app: "app".to_owned(), side: "a".to_owned(), unbound: false, with_next: false, steps: Vec::new() }
    }
}

/// Apps of careless clients: one is pruned before the pairs' app, one after it.
const APPS: [&str; 2] = ["app", "zoo"];
/// Their sides. Few, so that they meet and come back.
const SIDES: [&str; 3] = ["a", "b", "c"];
/// Frames in whose way a connection may break.
const FRAMES: [&str; 7] = ["welcome", "ack", "allocated", "claimed", "message", "released", "closed"];
/// Operations that others refer to: the first ones, so that most references find something.
const REFERENCES: usize = 6;

/// How operations are drawn.
pub fn strategy(config: &Config) -> BoxedStrategy<Op> {
    let has = |kind| u32::from(config.clients.contains(&kind) || config.clients.is_empty());
    let (python, go) = (has(Kind::Python), has(Kind::Go));
    let (careless, malformed) = (has(Kind::Careless), has(Kind::Malformed));
    let program = weighted(vec![
        (3 * python + u32::from(go == 0), Just(Program::Python).boxed()),
        (go, Just(Program::Go).boxed()),
    ]);
    let loses = prop_oneof![
        2 => Just(None),
        1 => proptest::sample::select(&FRAMES[..]).prop_map(|frame| Some(frame.to_owned())),
    ];
    let client = (program, loses).prop_map(|(is, loses)| Client { is, loses });
    let after = prop_oneof![3 => 0_u32..5, 1 => 5_u32..120];
    let receiver = (client.clone(), proptest::bool::weighted(0.125));
    let transfer = (client, receiver, 0_u8..3, after, proptest::bool::weighted(0.1)).prop_map(
        |(sender, (receiver, alone), messages, after, wrong_code)| {
            Op::Transfer(Transfer { sender, receiver, alone, messages, after, wrong_code, ..Transfer::default() })
        },
    );
    let steps = proptest::collection::vec(step::strategy(malformed > 0, REFERENCES), 1..6);
    let first = |names: &'static [&'static str], count: u8| &names[..usize::from(count).clamp(1, names.len())];
    let (apps, sides) = (first(&APPS, config.apps), first(&SIDES, config.sides));
    let session = (proptest::sample::select(apps), proptest::sample::select(sides), any::<bool>(), steps.clone())
        .prop_map(|(app, side, with_next, steps)| {
            Op::Session(Session { app: app.to_owned(), side: side.to_owned(), unbound: false, with_next, steps })
        });
    let more = (0..REFERENCES, any::<bool>(), steps)
        .prop_map(|(of, with_next, steps)| Op::Continue(Continue { of, with_next, steps }));
    let wait = prop_oneof![
        2 => 1_u32..60,
        2 => 200_u32..400,
        3 => 650_u32..1_100,
    ]
    .prop_map(|seconds| Op::Wait(Seconds { seconds }));
    weighted(vec![
        (3 * (python + go), transfer.boxed()),
        (4 * careless.max(malformed), session.boxed()),
        (2 * careless.max(malformed), more.boxed()),
        (2, wait.boxed()),
    ])
}

/// One of these, those of weight zero left out.
fn weighted<T: std::fmt::Debug + 'static>(mut options: Vec<(u32, BoxedStrategy<T>)>) -> BoxedStrategy<T> {
    options.retain(|(weight, _)| *weight > 0);
    proptest::strategy::Union::new_weighted(options).boxed()
}

/// Simpler forms of an operation, simplest first.
#[must_use]
pub fn simpler(op: &Op) -> Vec<Op> {
    match op {
        Op::Transfer(transfer) => simpler_transfers(transfer).into_iter().map(Op::Transfer).collect(),
        Op::Session(session) => {
            let mut simpler: Vec<_> =
                step::fewer(&session.steps).into_iter().map(|steps| Session { steps, ..session.clone() }).collect();
            if session.with_next {
                simpler.push(Session { with_next: false, ..session.clone() });
            }
            simpler.into_iter().map(Op::Session).collect()
        }
        Op::Continue(more) => {
            let mut simpler: Vec<_> =
                step::fewer(&more.steps).into_iter().map(|steps| Continue { steps, ..more.clone() }).collect();
            if more.with_next {
                simpler.push(Continue { with_next: false, ..more.clone() });
            }
            simpler.into_iter().map(Op::Continue).collect()
        }
        Op::Wait(Seconds { seconds }) => shorter(*seconds).map(|seconds| Op::Wait(Seconds { seconds })).collect(),
        Op::Kill(Seconds { seconds }) => shorter(*seconds).map(|seconds| Op::Kill(Seconds { seconds })).collect(),
    }
}

/// Round times below this one: around the server's periods.
fn shorter(seconds: u32) -> impl Iterator<Item = u32> {
    [1, 60, 300, 700, 1_000].into_iter().filter(move |round| *round < seconds)
}

fn simpler_transfers(transfer: &Transfer) -> Vec<Transfer> {
    let mut simpler = Vec::new();
    if transfer.messages > 0 {
        simpler.push(Transfer { messages: 0, ..transfer.clone() });
    }
    if transfer.wrong_code {
        simpler.push(Transfer { wrong_code: false, ..transfer.clone() });
    }
    if transfer.sender.loses.is_some() {
        let sender = Client { loses: None, ..transfer.sender.clone() };
        simpler.push(Transfer { sender, ..transfer.clone() });
    }
    if transfer.receiver.loses.is_some() {
        let receiver = Client { loses: None, ..transfer.receiver.clone() };
        simpler.push(Transfer { receiver, ..transfer.clone() });
    }
    if transfer.after > 1 {
        simpler.push(Transfer { after: 1, ..transfer.clone() });
    }
    simpler
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
        let file: File =
            toml::from_str(r#"op.session = { side = "b", steps = ["claim of 0", "open", "close as happy"] }"#).unwrap();
        let Op::Session(session) = &file.op else { panic!("{:?}", file.op) };
        assert_eq!(session.steps.len(), 3);
        let text = toml::to_string(&toml::Value::try_from(&file.op).unwrap()).unwrap();
        assert!(text.contains(r#""claim of 0""#), "{text}");
        assert!(toml::from_str::<File>("op.wait = { hours = 1 }").is_err());
        assert!(toml::from_str::<File>(r#"op.session = { steps = ["jump"] }"#).is_err());
    }

    /// Claim: every drawn operation survives its text, and simplifying one ends.
    #[test]
    fn drawn_operations_survive_and_simplify() {
        crate::flows::testing::assert_operations_survive_and_simplify(&strategy(&Config::default()), simpler);
    }
}
