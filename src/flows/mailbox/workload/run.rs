//! A careless client: one connection on which steps are taken, each after the answer to the one before.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::step::{About, Step};
use crate::flows::mailbox::client::{Heard, Line, Listens};
use crate::flows::mailbox::trace;
use crate::flows::mailbox::websocket::PORT;
use crate::reentry::Completer;
use crate::world::Node;

/// How long a step waits for its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an operation has made that others may refer to.
#[derive(Default)]
pub(super) struct Made {
    pub(super) name: RefCell<Option<String>>,
    pub(super) mailbox: RefCell<Option<String>>,
}

/// What ends the wait of a step.
struct Waiting {
    /// Types of frames that answer it, apart from `error`.
    answers: &'static [&'static str],
    /// How many of them.
    count: u8,
    done: Completer<&'static str>,
}

/// The connection of a session.
pub(super) struct Careless {
    node: Node,
    server: String,
    app: String,
    side: String,
    line: RefCell<Option<Rc<Line>>>,
    waiting: RefCell<Option<Waiting>>,
    made: Rc<Made>,
    messages: Cell<u32>,
    number: usize,
}

impl Careless {
    pub(super) fn new(
        node: &Node,
        server: &str,
        (app, side): (&str, &str),
        number: usize,
        made: &Rc<Made>,
    ) -> Rc<Careless> {
        Rc::new(Careless {
            node: node.clone(),
            server: server.to_owned(),
            app: app.to_owned(),
            side: side.to_owned(),
            line: RefCell::default(),
            waiting: RefCell::default(),
            made: Rc::clone(made),
            messages: Cell::new(0),
            number,
        })
    }

    /// Connects, and binds unless told otherwise.
    pub(super) async fn connect(self: &Rc<Self>, bind: bool) {
        let Ok(stream) = self.node.net().connect(&self.server, PORT).await else {
            return self.node.outcome("refused-connection");
        };
        let line = Line::new(&self.node, stream, self);
        self.line.replace(Some(line));
        if bind {
            let bind =
                json!({ "type": "bind", "appid": self.app, "side": self.side, "client_version": ["careless", "0"] });
            self.ask(&[bind.to_string()], &["ack"]).await;
        }
    }

    /// Takes the steps. `of` finds what another operation has made.
    pub(super) async fn take(self: &Rc<Self>, steps: &[Step], of: &dyn Fn(usize) -> Option<Rc<Made>>) {
        for step in steps {
            self.node.note(&trace::STEP, &self.side, format_args!("{step}"));
            self.step(step, of).await;
        }
    }

    async fn step(self: &Rc<Self>, step: &Step, of: &dyn Fn(usize) -> Option<Rc<Made>>) {
        let named = |about: &About, pick: &dyn Fn(&Made) -> Option<String>| match about {
            About::Own => pick(&self.made),
            About::Of(operation) => of(*operation).and_then(|made| pick(&made)),
            About::Named(name) => Some(name.clone()),
        };
        let name = |about: &About| named(about, &|made| made.name.borrow().clone());
        let mailbox = |about: &About| named(about, &|made| made.mailbox.borrow().clone());
        match step {
            Step::Wait(seconds) => self.node.sleep(Duration::from_secs(u64::from(*seconds))).await,
            Step::Leave => self.hang_up(Line::leave),
            Step::Linger => self.hang_up(Line::linger),
            Step::Drop => self.hang_up(Line::abort),
            Step::Vanish => self.hang_up(Line::vanish),
            Step::Allocate => self.ask(&[json!({ "type": "allocate" }).to_string()], &["allocated"]).await,
            Step::List => self.ask(&[json!({ "type": "list" }).to_string()], &["nameplates"]).await,
            Step::Ping => self.ask(&[json!({ "type": "ping", "ping": 1 }).to_string()], &["pong"]).await,
            Step::Claim(about) => {
                let Some(name) = name(about) else { return self.skipped() };
                self.ask(&[json!({ "type": "claim", "nameplate": name }).to_string()], &["claimed"]).await;
            }
            Step::Release(About::Own) => self.ask(&[json!({ "type": "release" }).to_string()], &["released"]).await,
            Step::Release(about) => {
                let Some(name) = name(about) else { return self.skipped() };
                self.ask(&[json!({ "type": "release", "nameplate": name }).to_string()], &["released"]).await;
            }
            Step::Open(about) => {
                let Some(id) = mailbox(about) else { return self.skipped() };
                self.made.mailbox.replace(Some(id.clone()));
                self.ask(&[json!({ "type": "open", "mailbox": id }).to_string()], &["ack"]).await;
            }
            Step::Add(messages) => {
                let adds: Vec<_> = (0..*messages).map(|_| self.next_message()).collect();
                self.ask(&adds, &["message"]).await;
            }
            Step::Close(about, mood) => {
                let mut close = json!({ "type": "close" });
                if *about != About::Own {
                    let Some(id) = mailbox(about) else { return self.skipped() };
                    close["mailbox"] = json!(id);
                }
                if let Some(mood) = mood {
                    close["mood"] = json!(mood);
                }
                self.ask(&[close.to_string()], &["closed"]).await;
            }
            Step::Say(text) => self.ask(std::slice::from_ref(text), &["ack"]).await,
        }
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn side(&self) -> &str {
        &self.side
    }

    /// What people see of it.
    pub(super) fn state(&self) -> Json {
        let is_open = self.line.borrow().as_ref().is_some_and(|line| line.is_open());
        json!({
            "connection": if is_open { "open" } else { "none" },
            "name": *self.made.name.borrow(),
            "mailbox": *self.made.mailbox.borrow(),
        })
    }

    /// At the end of everything: whoever is still there leaves. Who is deaf stays, and the server has to find out.
    pub(super) fn go_away(&self) {
        let line = self.line.borrow().clone();
        if let Some(line) = line.filter(|line| line.is_open() && !line.is_deaf()) {
            line.leave();
        }
    }

    fn next_message(&self) -> String {
        let number = self.messages.get();
        self.messages.set(number + 1);
        let body = format!("{}.{number}", self.number);
        json!({ "type": "add", "phase": "m", "body": body, "id": body }).to_string()
    }

    fn skipped(&self) {
        self.node.outcome("skipped");
    }

    fn hang_up(&self, how: impl Fn(&Line)) {
        let line = self.line.borrow().clone();
        match line.filter(|line| line.is_open()) {
            Some(line) => how(&line),
            None => self.skipped(),
        }
    }

    /// Sends commands, one behind the other, and waits until all are answered, one is refused, the connection breaks
    /// or patience is at its end.
    async fn ask(self: &Rc<Self>, commands: &[String], answers: &'static [&'static str]) {
        let line = self.line.borrow().clone();
        let Some(line) = line.filter(|line| line.is_open()) else {
            return self.skipped();
        };
        let (done, answered) = self.node.pending("answer");
        let count = u8::try_from(commands.len()).unwrap_or(u8::MAX);
        self.waiting.replace(Some(Waiting { answers, count, done }));
        for command in commands {
            line.say(command);
        }
        let outcome = self.node.timeout(PATIENCE, answered).await.unwrap_or("unanswered");
        self.waiting.replace(None);
        self.node.outcome(outcome);
    }

    fn answered(&self, outcome: &'static str) {
        let waiting = self.waiting.take();
        if let Some(waiting) = waiting {
            waiting.done.complete(outcome);
        }
    }
}

impl Listens for Careless {
    fn heard(self: Rc<Self>, frame: &Heard) {
        let text = |key: &str| frame.get(key).and_then(Json::as_str);
        let kind = text("type").unwrap_or_default();
        if let Some(name) = text("nameplate").filter(|_| kind == "allocated") {
            self.made.name.replace(Some(name.to_owned()));
        }
        if let Some(mailbox) = text("mailbox").filter(|_| kind == "claimed") {
            self.made.mailbox.replace(Some(mailbox.to_owned()));
        }
        if kind == "error" {
            return self.answered("refused");
        }
        if kind == "message" && text("side") != Some(&self.side) {
            return;
        }
        let all = match &mut *self.waiting.borrow_mut() {
            Some(waiting) if waiting.answers.contains(&kind) => {
                waiting.count = waiting.count.saturating_sub(1);
                waiting.count == 0
            }
            _ => false,
        };
        if all {
            self.answered("answered");
        }
    }

    fn lost(self: Rc<Self>) {
        self.answered("dropped");
    }
}
