//! A monitoring probe: every five minutes it connects, waits for the welcome, pings and leaves. It never binds, so the
//! server does nothing for it but answer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;

use super::line::Listens;
use super::{Heard, Line, field};
use crate::choice::Latency;
use crate::flows::mailbox::websocket::PORT;
use crate::flows::mailbox::{sites, trace};
use crate::world::Node;

/// How often it looks: the usual period of such programs.
const PERIOD: Duration = Duration::from_secs(300);
/// How much later it may begin than it should.
const DELAY: Latency = Latency { quiet: Duration::ZERO, max: Duration::from_secs(60) };

/// A probe.
pub struct Probe {
    node: Node,
    server: String,
    line: RefCell<Option<Rc<Line>>>,
    answers: Cell<u64>,
}

impl Probe {
    /// A probe that looks at the server for as long as its node is up.
    pub fn start(node: &Node, server: &str) {
        let probe = Rc::new(Probe {
            node: node.clone(),
            server: server.to_owned(),
            line: RefCell::default(),
            answers: Cell::new(0),
        });
        node.spawn("probe", async move {
            loop {
                let delay = probe.node.choose(&sites::PROBE, &DELAY);
                probe.node.sleep(PERIOD + delay).await;
                probe.look().await;
            }
        });
    }

    async fn look(self: &Rc<Self>) {
        if let Some(line) = self.line.take() {
            line.abort();
        }
        match self.node.net().connect(&self.server, PORT).await {
            Ok(stream) => drop(self.line.replace(Some(Line::new(&self.node, stream, self)))),
            Err(error) => drop(self.node.note(&trace::PROBE, "no answer", format_args!("{error}"))),
        }
    }
}

impl Listens for Probe {
    fn heard(self: Rc<Self>, frame: &Heard) {
        let line = self.line.borrow().clone();
        let Some(line) = line else { return };
        match field(frame, "type") {
            "welcome" => line.say(&json!({ "type": "ping", "ping": self.answers.get() }).to_string()),
            "pong" => {
                self.answers.set(self.answers.get() + 1);
                self.node.note(&trace::PROBE, "answered", format_args!("{} so far", self.answers.get()));
                line.leave();
            }
            _ => {}
        }
    }

    fn lost(self: Rc<Self>) {
        self.node.note(&trace::PROBE, "dropped", format_args!("{} answers so far", self.answers.get()));
    }
}
