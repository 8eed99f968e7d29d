//! The Python client, as its state machines behave: nameplate, mailbox, and what drives both.

use std::collections::{BTreeSet, VecDeque};

use serde_json::json;

use super::{Action, Heard, Machine, Part, field, is_numbered};
use crate::flows::mailbox::model::ClientEnd;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nameplate {
    Unknown,
    Claiming,
    Claimed,
    Releasing,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mailbox {
    Unknown,
    Open,
    Closing,
    Done,
}

/// The Python client.
pub struct Python {
    part: Part,
    connected: bool,
    allocating: bool,
    name: Option<String>,
    nameplate: Nameplate,
    mailbox: Mailbox,
    mailbox_id: String,
    /// Messages whose echo has not been heard: sent again on every connection.
    pending: VecDeque<String>,
    known: BTreeSet<(String, String)>,
    has_version: bool,
    numbered: u8,
    commands: u32,
    mood: &'static str,
    end: ClientEnd,
}

impl Python {
    /// A client that has not begun.
    #[must_use]
    pub fn new(part: Part) -> Python {
        Python {
            connected: false,
            allocating: part.allocates,
            part,
            name: None,
            nameplate: Nameplate::Unknown,
            mailbox: Mailbox::Unknown,
            mailbox_id: String::new(),
            pending: VecDeque::new(),
            known: BTreeSet::new(),
            has_version: false,
            numbered: 0,
            commands: 0,
            mood: "",
            end: ClientEnd::Waiting,
        }
    }

    fn is_closing(&self) -> bool {
        !self.mood.is_empty()
    }

    fn send(&mut self, mut command: serde_json::Value, out: &mut Vec<Action>) {
        if self.connected {
            self.commands += 1;
            command["id"] = json!(format!("{:04x}", self.commands));
            out.push(Action::Send(command));
        }
    }

    fn send_nameplate(&mut self, out: &mut Vec<Action>) {
        let kind = match self.nameplate {
            Nameplate::Claiming => "claim",
            Nameplate::Releasing => "release",
            Nameplate::Unknown | Nameplate::Claimed | Nameplate::Done => return,
        };
        self.send(json!({ "type": kind, "nameplate": self.name }), out);
    }

    fn send_mailbox(&mut self, out: &mut Vec<Action>) {
        match self.mailbox {
            Mailbox::Unknown | Mailbox::Done => {}
            Mailbox::Open => {
                self.send(json!({ "type": "open", "mailbox": self.mailbox_id }), out);
                for phase in self.pending.clone() {
                    self.send_message(&phase, out);
                }
            }
            Mailbox::Closing => {
                self.send(json!({ "type": "close", "mailbox": self.mailbox_id, "mood": self.mood }), out);
            }
        }
    }

    fn send_message(&mut self, phase: &str, out: &mut Vec<Action>) {
        let body = self.part.body(phase);
        self.send(json!({ "type": "add", "phase": phase, "body": body }), out);
    }

    fn add(&mut self, phase: &str, out: &mut Vec<Action>) {
        self.pending.push_back(phase.to_owned());
        out.push(Action::Sends(phase.to_owned()));
        if self.mailbox == Mailbox::Open {
            self.send_message(phase, out);
        }
    }

    /// Nameplate first, then mailbox: the order that kept this client out of the incident.
    fn close(&mut self, mood: &'static str, out: &mut Vec<Action>) {
        self.mood = mood;
        self.allocating = false;
        match self.nameplate {
            Nameplate::Unknown => self.nameplate = Nameplate::Done,
            Nameplate::Claiming | Nameplate::Claimed => {
                self.nameplate = Nameplate::Releasing;
                self.send_nameplate(out);
            }
            Nameplate::Releasing | Nameplate::Done => {}
        }
        match self.mailbox {
            Mailbox::Unknown => self.mailbox = Mailbox::Done,
            Mailbox::Open => {
                self.mailbox = Mailbox::Closing;
                self.send_mailbox(out);
            }
            Mailbox::Closing | Mailbox::Done => {}
        }
        self.end_if_done(out);
    }

    fn end_if_done(&mut self, out: &mut Vec<Action>) {
        if self.is_closing() && self.nameplate == Nameplate::Done && self.mailbox == Mailbox::Done {
            if self.end == ClientEnd::Waiting {
                self.end = ClientEnd::Finished;
            }
            out.push(Action::End(self.end));
        }
    }

    fn claimed(&mut self, mailbox: &str, out: &mut Vec<Action>) {
        if self.nameplate == Nameplate::Claiming {
            self.nameplate = Nameplate::Claimed;
        }
        if self.mailbox == Mailbox::Unknown {
            self.mailbox = Mailbox::Open;
            mailbox.clone_into(&mut self.mailbox_id);
            out.push(Action::Mailbox(mailbox.to_owned()));
            self.send_mailbox(out);
            self.add("pake", out);
        }
    }

    fn message(&mut self, side: &str, phase: &str, out: &mut Vec<Action>) {
        if side == self.part.side {
            self.pending.retain(|pending| pending != phase);
        } else {
            if self.nameplate == Nameplate::Claimed {
                self.nameplate = Nameplate::Releasing;
                self.send_nameplate(out);
            }
            if self.known.insert((side.to_owned(), phase.to_owned())) {
                out.push(Action::Accepts(side.to_owned(), phase.to_owned()));
                self.accept(phase, out);
            }
        }
        let all = self.has_version && self.numbered >= self.part.messages && self.pending.is_empty();
        if all && !self.is_closing() {
            self.close("happy", out);
        }
    }

    fn accept(&mut self, phase: &str, out: &mut Vec<Action>) {
        if self.is_closing() {
            return;
        }
        match phase {
            "pake" => self.add("version", out),
            "version" if self.part.wrong_code => self.close("scary", out),
            "version" => {
                self.has_version = true;
                for number in 0..self.part.messages {
                    self.add(&number.to_string(), out);
                }
            }
            _ if is_numbered(phase) => self.numbered += 1,
            _ => {}
        }
    }

    /// The server refuses something: the session ends, and what was refused is not waited for.
    fn error(&mut self, frame: &Heard, out: &mut Vec<Action>) {
        self.end = ClientEnd::Refused;
        let kind = frame.get("orig").and_then(|orig| orig.get("type")).and_then(|kind| kind.as_str());
        match kind {
            Some("close") => self.mailbox = Mailbox::Done,
            Some("release") => self.nameplate = Nameplate::Done,
            _ => {}
        }
        if self.is_closing() {
            self.end_if_done(out);
        } else {
            self.close("errory", out);
        }
    }
}

impl Machine for Python {
    fn connected(&mut self, out: &mut Vec<Action>) {
        self.connected = true;
        out.push(self.part.bind("python"));
        self.send_nameplate(out);
        self.send_mailbox(out);
        if self.allocating {
            self.send(json!({ "type": "allocate" }), out);
        }
    }

    fn heard(&mut self, frame: &Heard, out: &mut Vec<Action>) {
        match field(frame, "type") {
            "allocated" if self.allocating => {
                self.allocating = false;
                let name = field(frame, "nameplate").to_owned();
                out.push(Action::Name(name.clone()));
                self.told_name(&name, out);
            }
            "claimed" if !self.is_closing() => self.claimed(field(frame, "mailbox"), out),
            "released" => {
                self.nameplate = Nameplate::Done;
                self.end_if_done(out);
            }
            "message" => self.message(field(frame, "side"), field(frame, "phase"), out),
            "closed" => {
                self.mailbox = Mailbox::Done;
                self.end_if_done(out);
            }
            "error" => self.error(frame, out),
            _ => {}
        }
    }

    fn lost(&mut self, _: &mut Vec<Action>) -> bool {
        self.connected = false;
        true
    }

    fn told_name(&mut self, name: &str, out: &mut Vec<Action>) {
        if self.nameplate == Nameplate::Unknown && !self.is_closing() {
            self.name = Some(name.to_owned());
            self.nameplate = Nameplate::Claiming;
            self.send_nameplate(out);
        }
    }

    fn give_up(&mut self, out: &mut Vec<Action>) {
        if !self.is_closing() {
            self.close("lonely", out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> Part {
        Part { app: "app".into(), side: "a".into(), allocates: true, messages: 1, wrong_code: false }
    }

    fn hear(client: &mut Python, frame: serde_json::Value) -> Vec<String> {
        let mut out = Vec::new();
        client.heard(frame.as_object().unwrap(), &mut out);
        kinds(&out)
    }

    fn kinds(out: &[Action]) -> Vec<String> {
        let kinds = out.iter().filter_map(|action| match action {
            Action::Send(command) => Some(command["type"].as_str().unwrap().to_owned()),
            Action::End(end) => Some(format!("{end:?}")),
            _ => None,
        });
        kinds.collect()
    }

    fn connect(client: &mut Python) -> Vec<String> {
        let mut out = Vec::new();
        client.connected(&mut out);
        kinds(&out)
    }

    fn message(side: &str, phase: &str) -> serde_json::Value {
        json!({ "type": "message", "side": side, "phase": phase })
    }

    /// Claim: the whole session, and release comes before close.
    #[test]
    fn releases_before_it_closes() {
        let mut client = Python::new(part());
        assert_eq!(connect(&mut client), ["bind", "allocate"]);
        assert_eq!(hear(&mut client, json!({ "type": "allocated", "nameplate": "4" })), ["claim"]);
        assert_eq!(hear(&mut client, json!({ "type": "claimed", "mailbox": "m" })), ["open", "add"]);
        assert!(hear(&mut client, message("a", "pake")).is_empty());
        assert_eq!(hear(&mut client, message("b", "pake")), ["release", "add"]);
        assert_eq!(hear(&mut client, message("b", "version")), ["add"]);
        assert!(hear(&mut client, message("b", "0")).is_empty(), "its own messages have not come back");
        assert!(hear(&mut client, message("a", "version")).is_empty());
        assert_eq!(hear(&mut client, message("a", "0")), ["close"]);
        assert!(hear(&mut client, json!({ "type": "closed" })).is_empty(), "the release is not answered");
        assert_eq!(hear(&mut client, json!({ "type": "released" })), ["Finished"]);
    }

    /// Claim: after a reconnect it says again what was not answered, and nothing else, the nameplate first.
    #[test]
    fn repeats_what_was_not_answered() {
        let mut client = Python::new(part());
        connect(&mut client);
        assert!(client.lost(&mut Vec::new()));
        assert_eq!(connect(&mut client), ["bind", "allocate"], "a lost answer makes it allocate twice");
        hear(&mut client, json!({ "type": "allocated", "nameplate": "4" }));
        client.lost(&mut Vec::new());
        assert_eq!(connect(&mut client), ["bind", "claim"]);
        hear(&mut client, json!({ "type": "claimed", "mailbox": "m" }));
        client.lost(&mut Vec::new());
        assert_eq!(connect(&mut client), ["bind", "open", "add"]);
        let mut out = Vec::new();
        client.give_up(&mut out);
        assert_eq!(kinds(&out), ["release", "close"]);
        client.lost(&mut Vec::new());
        assert_eq!(connect(&mut client), ["bind", "release", "close"]);
    }

    /// Claim: a duplicate is accepted once.
    #[test]
    fn drops_duplicates() {
        let mut client = Python::new(part());
        connect(&mut client);
        hear(&mut client, json!({ "type": "allocated", "nameplate": "4" }));
        hear(&mut client, json!({ "type": "claimed", "mailbox": "m" }));
        assert_eq!(hear(&mut client, message("b", "pake")), ["release", "add"]);
        assert!(hear(&mut client, message("b", "pake")).is_empty());
    }

    /// Claim: an error ends the session, and a refused close is not waited for.
    #[test]
    fn ends_after_an_error() {
        let mut client = Python::new(part());
        connect(&mut client);
        hear(&mut client, json!({ "type": "allocated", "nameplate": "4" }));
        let crowded = |kind: &str| json!({ "type": "error", "error": "crowded", "orig": { "type": kind } });
        assert_eq!(hear(&mut client, crowded("claim")), ["release"]);
        assert_eq!(hear(&mut client, json!({ "type": "released" })), ["Refused"]);
    }
}
