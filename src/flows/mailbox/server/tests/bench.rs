//! A server, a clock that tests set, and clients whose frames can be looked at.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rusqlite::Connection as Sqlite;
use serde_json::{Value as Json, json};

use crate::flows::mailbox::database::{Database, Value};
use crate::flows::mailbox::model::{ChannelRows, UsageRows};
use crate::flows::mailbox::protocol::ServerFrame;
use crate::flows::mailbox::schema::{create_channel, create_usage};
use crate::flows::mailbox::server::{Config, Connection, Listener, Raised, Server, Storage, Surroundings, TickReport};
use crate::flows::mailbox::variants::{Discipline, Rules};

pub const START: f64 = 1_000_000.5;

pub struct Clock {
    pub now: Cell<f64>,
    ids: Cell<u32>,
    /// Sets are walked backwards.
    pub backwards: Cell<bool>,
}

impl Surroundings for Clock {
    fn now(&self) -> f64 {
        self.now.get()
    }
    fn mailbox_id(&self) -> String {
        self.ids.set(self.ids.get() + 1);
        format!("mailbox{:06}", self.ids.get())
    }
    fn below(&self, _: usize) -> usize {
        0
    }
    fn set_order(&self, n: usize) -> Vec<usize> {
        if self.backwards.get() { (0..n).rev().collect() } else { (0..n).collect() }
    }
}

type Hook = Box<dyn FnMut(&Json) -> Result<(), Raised>>;

/// A transport that keeps what it is given and can call back.
#[derive(Default)]
pub struct Wire {
    pub frames: RefCell<Vec<Json>>,
    pub on_send: RefCell<Option<Hook>>,
    pub on_stop: RefCell<Option<Hook>>,
    pub abandoned: Cell<bool>,
}

impl Listener for Wire {
    fn send(&self, frame: &ServerFrame, server_tx: f64) -> Result<(), Raised> {
        let frame: Json = serde_json::from_slice(&frame.to_bytes(server_tx)).unwrap();
        self.frames.borrow_mut().push(frame.clone());
        // Taken out while it runs: a hook fires once at a time.
        let hook = self.on_send.borrow_mut().take();
        hook.map_or(Ok(()), |mut hook| {
            let result = hook(&frame);
            self.on_send.borrow_mut().get_or_insert(hook);
            result
        })
    }
    fn stop(&self) -> Result<(), Raised> {
        let hook = self.on_stop.borrow_mut().take();
        hook.map_or(Ok(()), |mut hook| hook(&Json::Null))
    }
    fn abandon(&self) {
        self.abandoned.set(true);
    }
}

/// A connected client.
#[derive(Clone)]
pub struct Client {
    pub connection: Rc<Connection>,
    pub wire: Rc<Wire>,
}

impl Client {
    /// Sends a command; returns the frames that came back to this client meanwhile, without acks and times.
    pub fn ask(&self, command: Json) -> Result<Vec<Json>, Raised> {
        self.wire.frames.borrow_mut().clear();
        self.connection.on_message(command.to_string().as_bytes())?;
        Ok(self.frames())
    }

    /// Like `ask`, for a command that must not raise; the type of its only reply, or "".
    pub fn say(&self, command: Json) -> String {
        let frames = self.ask(command).unwrap();
        match frames.as_slice() {
            [] => String::new(),
            [frame] if frame["type"] == "error" => frame["error"].as_str().unwrap().to_owned(),
            [frame] => frame["type"].as_str().unwrap().to_owned(),
            _ => panic!("several frames: {frames:?}"),
        }
    }

    /// Frames so far, without acks and times.
    pub fn frames(&self) -> Vec<Json> {
        let mut frames = self.wire.frames.borrow().clone();
        frames.retain(|frame| frame["type"] != "ack");
        for frame in &mut frames {
            frame.as_object_mut().unwrap().remove("server_tx");
        }
        frames
    }

    /// Bodies of the messages received since the last command, in order.
    pub fn bodies(&self) -> Vec<String> {
        self.frames()
            .iter()
            .filter(|f| f["type"] == "message")
            .map(|f| f["body"].as_str().unwrap().to_owned())
            .collect()
    }

    pub fn claim(&self, name: &str) -> String {
        self.ask(json!({ "type": "claim", "nameplate": name })).unwrap()[0]["mailbox"].as_str().unwrap().to_owned()
    }

    pub fn open(&self, mailbox: &str) -> Vec<String> {
        self.ask(json!({ "type": "open", "mailbox": mailbox })).unwrap();
        self.bodies()
    }

    pub fn add(&self, body: &str) -> Result<Vec<Json>, Raised> {
        self.ask(json!({ "type": "add", "phase": "p", "body": body }))
    }

    pub fn close(&self) -> Result<Vec<Json>, Raised> {
        self.ask(json!({ "type": "close" }))
    }
}

pub struct Bench {
    pub rules: &'static Rules,
    pub server: RefCell<Rc<Server>>,
    pub clock: Rc<Clock>,
    channel: Rc<Sqlite>,
    usage: Rc<Sqlite>,
    config: Config,
}

impl Bench {
    pub fn new(rules: &'static Rules) -> Bench {
        Bench::with(rules, Config::default())
    }

    pub fn with(rules: &'static Rules, config: Config) -> Bench {
        let channel = Rc::new(Sqlite::open_in_memory().unwrap());
        channel.script("PRAGMA foreign_keys = ON").unwrap();
        create_channel(channel.as_ref()).unwrap();
        let usage = match rules.discipline {
            Discipline::SharedImplicit => Rc::new(Sqlite::open_in_memory().unwrap()),
            Discipline::PerCommand => Rc::clone(&channel),
        };
        let schema = usage_schema(rules);
        if schema == "usage" {
            channel.script("ATTACH ':memory:' AS usage").unwrap();
        }
        create_usage(usage.as_ref(), schema).unwrap();
        let clock = Rc::new(Clock { now: Cell::new(START), ids: Cell::new(0), backwards: Cell::new(false) });
        let server = start(rules, &channel, &usage, &clock, &config);
        Bench { rules, server: RefCell::new(server), clock, channel, usage, config }
    }

    /// Every variant.
    pub fn all() -> Vec<Bench> {
        crate::flows::mailbox::variants::ALL.iter().map(Bench::new).collect()
    }

    /// The process dies: open transactions are lost, everything in memory too.
    pub fn crash(&self) {
        for db in [&self.channel, &self.usage] {
            if db.in_transaction() {
                db.script("ROLLBACK").unwrap();
            }
        }
        *self.server.borrow_mut() = start(self.rules, &self.channel, &self.usage, &self.clock, &self.config);
    }

    pub fn connect(&self) -> Client {
        let wire = Rc::new(Wire::default());
        let connection = self.server.borrow().connect(Rc::clone(&wire) as Rc<dyn Listener>, None).unwrap();
        Client { connection, wire }
    }

    /// A client bound to the app "app".
    pub fn bound(&self, side: &str) -> Client {
        self.bound_to("app", side)
    }

    pub fn bound_to(&self, app: &str, side: &str) -> Client {
        let client = self.connect();
        assert_eq!(client.say(json!({ "type": "bind", "appid": app, "side": side })), "");
        client
    }

    pub fn later(&self, seconds: f64) {
        self.clock.now.set(self.clock.now.get() + seconds);
    }

    pub fn tick(&self) -> TickReport {
        self.server.borrow().tick()
    }

    /// A command of somebody unrelated that commits.
    pub fn bystander(&self) {
        self.bound("bystander").open("bystanders");
    }

    pub fn sql(&self, sql: &str) {
        self.channel.script(sql).unwrap();
    }

    pub fn usage_sql(&self, sql: &str) {
        self.usage.script(&sql.replace("TABLE ", &format!("TABLE {}.", usage_schema(self.rules)))).unwrap();
    }

    /// Rows as the server's own connection sees them, what is not committed included.
    pub fn rows(&self) -> ChannelRows {
        ChannelRows::read(self.channel.as_ref()).unwrap()
    }

    pub fn usage(&self) -> UsageRows {
        UsageRows::read(self.usage.as_ref(), usage_schema(self.rules)).unwrap()
    }

    /// (implementation, version, connect time) of every bind.
    pub fn client_versions(&self) -> Vec<(String, String, f64)> {
        let sql = format!(
            "SELECT implementation, version, connect_time FROM {}.client_versions ORDER BY rowid",
            usage_schema(self.rules)
        );
        let text = |value: &Value| value.text().unwrap_or_default().to_owned();
        let rows = self.usage.query(&sql, &[]).unwrap();
        rows.iter().map(|row| (text(&row[0]), text(&row[1]), row[2].number().unwrap())).collect()
    }

    /// Results of all usage rows: mailboxes, then nameplates.
    pub fn results(&self) -> (Vec<String>, Vec<String>) {
        let usage = self.usage();
        let results = |rows: &[crate::flows::mailbox::model::UsageRow]| rows.iter().map(|r| r.result.clone()).collect();
        (results(&usage.mailboxes), results(&usage.nameplates))
    }
}

fn start(
    rules: &'static Rules,
    channel: &Rc<Sqlite>,
    usage: &Rc<Sqlite>,
    clock: &Rc<Clock>,
    config: &Config,
) -> Rc<Server> {
    let storage = match rules.discipline {
        Discipline::SharedImplicit => {
            Storage::Apart { channel: Rc::clone(channel) as _, usage: Some(Rc::clone(usage) as _) }
        }
        Discipline::PerCommand => Storage::Attached(Rc::clone(channel) as _),
    };
    Server::start(rules, storage, config.clone(), Rc::clone(clock) as _).unwrap()
}

fn usage_schema(rules: &Rules) -> &'static str {
    match rules.discipline {
        Discipline::SharedImplicit => "main",
        Discipline::PerCommand => "usage",
    }
}
