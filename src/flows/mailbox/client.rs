//! Clients. The machines are free of input and output: events go in, commands come out; an `Agent` carries one over the
//! simulated network, reconnecting if its client does.
//!
//! | file | is |
//! |---|---|
//! | `python` | the Python client: reconnects with the same side, sends again what was not echoed, drops duplicates, releases before it closes |
//! | `go` | the Go client of the week of the incident: never reconnects, and its sender never releases |
//! | `agent` | a machine on the network |
//! | `line` | one connection of a client |
//! | `probe` | a monitoring program, which looks every five minutes |

mod agent;
mod go;
mod line;
mod probe;
mod python;

use serde_json::{Map, Value as Json, json};

use super::model::ClientEnd;

pub use agent::{Agent, Meeting};
pub use go::Go;
pub use line::{Line, Listens};
pub use probe::Probe;
pub use python::Python;

/// A server's frame, as JSON.
pub type Heard = Map<String, Json>;

/// What a machine wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send a command.
    Send(Json),
    /// Tell the people: this is the code.
    Name(String),
    /// Note for checks: this is the mailbox.
    Mailbox(String),
    /// Note for checks: a message of this phase is on its way for good.
    Sends(String),
    /// Note for checks: a message was accepted (side and phase).
    Accepts(String, String),
    /// It is over; the connection is closed.
    End(ClientEnd),
}

/// A client's protocol machine.
pub trait Machine {
    /// A connection is there.
    fn connected(&mut self, out: &mut Vec<Action>);
    /// A frame has arrived.
    fn heard(&mut self, frame: &Heard, out: &mut Vec<Action>);
    /// The connection is gone. Answers whether the client comes back.
    fn lost(&mut self, out: &mut Vec<Action>) -> bool;
    /// Somebody has typed the code.
    fn told_name(&mut self, name: &str, out: &mut Vec<Action>);
    /// The person at the client has had enough.
    fn give_up(&mut self, out: &mut Vec<Action>);
}

/// Who a client is and what it wants.
#[derive(Clone, Debug)]
pub struct Part {
    /// App id.
    pub app: String,
    /// Its side: a random word in reality.
    pub side: String,
    /// Whether it allocates the name, or waits to be told.
    pub allocates: bool,
    /// Application messages it sends, and as many it expects.
    pub messages: u8,
    /// The two have different passwords.
    pub wrong_code: bool,
}

impl Part {
    fn bind(&self, implementation: &str) -> Action {
        Action::Send(json!({
            "type": "bind", "appid": self.app, "side": self.side, "client_version": [implementation, "1.0"],
        }))
    }

    fn body(&self, phase: &str) -> String {
        format!("{}-{phase}", self.side)
    }
}

fn field<'a>(frame: &'a Heard, key: &str) -> &'a str {
    frame.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// Application messages have numbers for phases.
fn is_numbered(phase: &str) -> bool {
    phase.bytes().all(|byte| byte.is_ascii_digit())
}
