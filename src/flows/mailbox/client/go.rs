//! The Go client of late August 2019: both ends close with a mood, only the receiver releases, and a broken connection
//! is the end.

use serde_json::{Value as Json, json};

use super::{Action, Heard, Machine, Part, field, is_numbered};
use crate::flows::mailbox::model::ClientEnd;

/// The Go client.
pub struct Go {
    part: Part,
    name: Option<String>,
    connected: bool,
    has_version: bool,
    numbered: u8,
    /// Own messages that have not come back.
    unheard: usize,
    closing: bool,
    end: ClientEnd,
}

impl Go {
    /// A client that has not begun.
    #[must_use]
    pub fn new(part: Part) -> Go {
        Go {
            part,
            name: None,
            connected: false,
            has_version: false,
            numbered: 0,
            unheard: 0,
            closing: false,
            end: ClientEnd::Waiting,
        }
    }

    fn claim(&self, out: &mut Vec<Action>) {
        if let (true, Some(name)) = (self.connected, &self.name) {
            out.push(Action::Send(json!({ "type": "claim", "nameplate": name })));
        }
    }

    fn add(&mut self, phase: &str, out: &mut Vec<Action>) {
        self.unheard += 1;
        out.push(Action::Sends(phase.to_owned()));
        out.push(Action::Send(json!({ "type": "add", "phase": phase, "body": self.part.body(phase) })));
    }

    fn close(&mut self, mood: &str, out: &mut Vec<Action>) {
        self.closing = true;
        out.push(Action::Send(json!({ "type": "close", "mood": mood })));
    }

    fn message(&mut self, side: &str, phase: &str, out: &mut Vec<Action>) {
        if side == self.part.side {
            self.unheard = self.unheard.saturating_sub(1);
        } else {
            out.push(Action::Accepts(side.to_owned(), phase.to_owned()));
            match phase {
                "pake" => {
                    if !self.part.allocates {
                        out.push(Action::Send(json!({ "type": "release" })));
                    }
                    self.add("version", out);
                }
                "version" if self.part.wrong_code => return self.close("scary", out),
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
        if self.has_version && self.numbered >= self.part.messages && self.unheard == 0 {
            self.close("happy", out);
        }
    }
}

impl Machine for Go {
    fn connected(&mut self, out: &mut Vec<Action>) {
        self.connected = true;
        out.push(self.part.bind("go"));
        if self.part.allocates {
            out.push(Action::Send(json!({ "type": "allocate" })));
        }
        self.claim(out);
    }

    fn heard(&mut self, frame: &Heard, out: &mut Vec<Action>) {
        match field(frame, "type") {
            "allocated" => {
                let name = field(frame, "nameplate").to_owned();
                out.push(Action::Name(name.clone()));
                self.told_name(&name, out);
            }
            "claimed" => {
                let mailbox = field(frame, "mailbox");
                out.push(Action::Mailbox(mailbox.to_owned()));
                out.push(Action::Send(json!({ "type": "open", "mailbox": mailbox })));
                self.add("pake", out);
            }
            "message" if !self.closing => self.message(field(frame, "side"), field(frame, "phase"), out),
            "closed" => out.push(Action::End(ClientEnd::Finished)),
            "error" if frame.get("error").is_some_and(Json::is_string) => {
                self.end = ClientEnd::Refused;
                out.push(Action::End(ClientEnd::Refused));
            }
            _ => {}
        }
    }

    fn lost(&mut self, out: &mut Vec<Action>) -> bool {
        self.connected = false;
        out.push(Action::End(ClientEnd::Lost));
        false
    }

    fn told_name(&mut self, name: &str, out: &mut Vec<Action>) {
        self.name = Some(name.to_owned());
        self.claim(out);
    }

    fn give_up(&mut self, out: &mut Vec<Action>) {
        if self.connected && !self.closing {
            self.close("lonely", out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(allocates: bool) -> Vec<String> {
        let part = Part { app: "app".into(), side: "a".into(), allocates, messages: 0, wrong_code: false };
        let (mut client, mut out) = (Go::new(part), Vec::new());
        client.connected(&mut out);
        client.told_name("4", &mut out);
        let frames = [
            json!({ "type": "claimed", "mailbox": "m" }),
            json!({ "type": "message", "side": "a", "phase": "pake" }),
            json!({ "type": "message", "side": "b", "phase": "pake" }),
            json!({ "type": "message", "side": "a", "phase": "version" }),
            json!({ "type": "message", "side": "b", "phase": "version" }),
        ];
        for frame in &frames {
            client.heard(frame.as_object().unwrap(), &mut out);
        }
        let commands = out.iter().filter_map(|action| match action {
            Action::Send(command) => Some(command["type"].as_str().unwrap().to_owned()),
            _ => None,
        });
        commands.collect()
    }

    /// Claim: the receiver releases, the sender never does, and both close.
    #[test]
    fn only_the_receiver_releases() {
        assert_eq!(says(true), ["bind", "allocate", "claim", "open", "add", "add", "close"]);
        assert_eq!(says(false), ["bind", "claim", "open", "add", "release", "add", "close"]);
    }
}
