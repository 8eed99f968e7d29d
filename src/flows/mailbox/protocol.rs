//! The wire protocol: JSON objects, one per WebSocket message. Frames, exact error texts, and Python's view
//! of a client's values, since a value of an unexpected type travelled a long way in the historical server.

use serde_json::{Map, Value as Json, json};

use super::database::Value;
use super::server::Raised;

/// A client's message: any JSON object.
pub type Command = Map<String, Json>;

/// The error texts clients see; each says itself what it means.
pub(super) mod text {
    pub const MISSING_TYPE: &str = "missing 'type'";
    pub const UNKNOWN_TYPE: &str = "unknown type";
    pub const BIND_FIRST: &str = "must bind first";
    pub const PING: &str = "ping requires 'ping'";
    pub const BIND_APPID: &str = "bind requires 'appid'";
    pub const BIND_SIDE: &str = "bind requires 'side'";
    pub const ALREADY_BOUND: &str = "already bound";
    pub const ONE_ALLOCATE: &str = "you already allocated one, don't be greedy";
    pub const CLAIM_NAMEPLATE: &str = "claim requires 'nameplate'";
    pub const ONE_CLAIM: &str = "only one claim per connection";
    pub const CROWDED: &str = "crowded";
    pub const RECLAIMED: &str = "reclaimed";
    pub const ONE_RELEASE: &str = "only one release per connection";
    pub const RELEASE_OTHER: &str = "release and claim must use same nameplate";
    pub const RELEASE_WITHOUT: &str = "release without nameplate must follow claim";
    pub const OPEN_MAILBOX: &str = "open requires 'mailbox'";
    pub const ONE_OPEN: &str = "only one open per connection";
    pub const ADD_UNOPENED: &str = "must open mailbox before adding";
    pub const MISSING_PHASE: &str = "missing 'phase'";
    pub const MISSING_BODY: &str = "missing 'body'";
    pub const ONE_CLOSE: &str = "only one close per connection";
    pub const CLOSE_OTHER: &str = "open and close must use same mailbox";
    pub const CLOSE_WITHOUT: &str = "close without mailbox must follow open";
    // The remaining ones are said by the corrected server only, where the historical ones drop the connection.
    pub const WRONG_TYPE: &str = "a field has the wrong type";
    pub const BAD_NAMEPLATE: &str = "a nameplate is at most 40 digits";
    pub const FOREIGN_MAILBOX: &str = "mailbox belongs to another app";
    pub const NO_NAMEPLATE: &str = "no nameplate is free";
}

/// A message in a mailbox, as its listeners get it. Fields are what the sender wrote: text, as a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMessage {
    /// Side of the sender.
    pub side: Json,
    /// Phase, chosen by the sender.
    pub phase: Json,
    /// Body, hex by convention.
    pub body: Json,
    /// The `id` of the sender's `add`, or null.
    pub id: Json,
    /// When the server received it, in seconds.
    pub server_rx: f64,
}

/// What the server sends.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerFrame {
    /// The first frame of every connection.
    Welcome(Map<String, Json>),
    /// A command with a type has arrived (nothing is promised by it).
    Ack {
        /// The command's `id`, or null.
        id: Json,
    },
    /// Answer to `ping`.
    Pong {
        /// What the ping carried.
        pong: Json,
    },
    /// Answer to `list`: names, sorted as strings.
    Nameplates(Vec<String>),
    /// Answer to `allocate`.
    Allocated {
        /// The name.
        nameplate: String,
    },
    /// Answer to `claim`.
    Claimed {
        /// Id of the nameplate's mailbox.
        mailbox: String,
    },
    /// Answer to `release`.
    Released,
    /// A message of the opened mailbox, old or new.
    Message(StoredMessage),
    /// Answer to `close`.
    Closed,
    /// A command was refused; the connection stays.
    Error {
        /// One of the protocol's texts.
        error: &'static str,
        /// The whole command.
        orig: Command,
    },
}

impl ServerFrame {
    /// The frame's `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            ServerFrame::Welcome(_) => "welcome",
            ServerFrame::Ack { .. } => "ack",
            ServerFrame::Pong { .. } => "pong",
            ServerFrame::Nameplates(_) => "nameplates",
            ServerFrame::Allocated { .. } => "allocated",
            ServerFrame::Claimed { .. } => "claimed",
            ServerFrame::Released => "released",
            ServerFrame::Message(_) => "message",
            ServerFrame::Closed => "closed",
            ServerFrame::Error { .. } => "error",
        }
    }

    /// The frame on the wire: one text message.
    #[must_use]
    pub fn to_bytes(&self, server_tx: f64) -> Vec<u8> {
        let mut frame = match self {
            ServerFrame::Welcome(welcome) => json!({ "welcome": welcome }),
            ServerFrame::Ack { id } => json!({ "id": id }),
            ServerFrame::Pong { pong } => json!({ "pong": pong }),
            ServerFrame::Nameplates(names) => {
                json!({ "nameplates": names.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() })
            }
            ServerFrame::Allocated { nameplate } => json!({ "nameplate": nameplate }),
            ServerFrame::Claimed { mailbox } => json!({ "mailbox": mailbox }),
            ServerFrame::Released | ServerFrame::Closed => json!({}),
            ServerFrame::Message(m) => {
                json!({ "side": m.side, "phase": m.phase, "body": m.body, "server_rx": m.server_rx, "id": m.id })
            }
            ServerFrame::Error { error, orig } => json!({ "error": error, "orig": orig }),
        };
        frame["type"] = self.kind().into();
        frame["server_tx"] = server_tx.into();
        frame.to_string().into_bytes()
    }
}

/// A client's frame, text or binary. Anything but a JSON object is an exception in the handler.
///
/// # Errors
/// Not UTF-8, not JSON, or no object.
pub fn parse(payload: &[u8]) -> Result<Command, Raised> {
    let text = std::str::from_utf8(payload).map_err(|_| Raised::value("frame is not UTF-8"))?;
    match serde_json::from_str(text) {
        Ok(Json::Object(command)) => Ok(command),
        Ok(_) => Err(Raised::assertion("frame is not a JSON object")),
        Err(_) => Err(Raised::value("frame is not JSON")),
    }
}

/// Whether the fields a command carries have the types the protocol gives them. Unknown fields do not matter.
#[must_use]
pub fn is_well_typed(command: &Command) -> bool {
    let is_text = |key: &str| command.get(key).is_none_or(Json::is_string);
    let is_text_or_null = |key: &str| command.get(key).is_none_or(|json| json.is_string() || json.is_null());
    match command.get("type").and_then(Json::as_str) {
        Some("bind") => is_text("appid") && is_text("side"),
        Some("claim" | "release") => is_text("nameplate"),
        Some("open") => is_text("mailbox"),
        Some("add") => is_text("phase") && is_text("body") && command.get("id").is_none_or(|id| bindable(id).is_ok()),
        Some("close") => is_text("mailbox") && is_text_or_null("mood"),
        _ => true,
    }
}

/// A client's value as a statement parameter: whatever Python's `sqlite3` can bind.
///
/// # Errors
/// Lists and objects cannot be bound; integers beyond 64 bits neither.
pub fn bindable(json: &Json) -> Result<Value, Raised> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::Bool(flag) => Ok(Value::from(*flag)),
        Json::String(text) => Ok(Value::Text(text.clone())),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(n), _, _) => Ok(Value::Integer(n)),
            (None, None, Some(x)) => Ok(Value::Real(x)),
            _ => Err(Raised::new("OverflowError", "integer does not fit into SQLite")),
        },
        Json::Array(_) | Json::Object(_) => Err(Raised::new("InterfaceError", "unsupported type of a parameter")),
    }
}

/// The two parts of a client's version. Whatever Python could index by 0 and 1 passed; `lenient` takes anything.
///
/// # Errors
/// The exception Python raises for a value without two elements.
pub fn client_version(json: Option<&Json>, lenient: bool) -> Result<[Json; 2], Raised> {
    let index_error = || Raised::new("IndexError", "client_version has fewer than two elements");
    match json {
        None => Ok([Json::Null, Json::Null]),
        Some(json) if lenient => {
            let part = |n: usize| json.get(n).filter(|part| part.is_string()).cloned().unwrap_or_default();
            Ok([part(0), part(1)])
        }
        Some(Json::Array(parts)) => match parts.as_slice() {
            [implementation, version, ..] => Ok([implementation.clone(), version.clone()]),
            _ => Err(index_error()),
        },
        Some(Json::String(text)) => {
            let mut chars = text.chars().map(|c| Json::String(c.to_string()));
            chars.next().zip(chars.next()).map(|(a, b)| [a, b]).ok_or_else(index_error)
        }
        Some(Json::Object(_)) => Err(Raised::new("KeyError", "0")),
        Some(_) => Err(Raised::new("TypeError", "client_version is not subscriptable")),
    }
}

/// A column as it goes out in a frame.
#[must_use]
pub fn outgoing(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Integer(n) => json!(n),
        Value::Real(x) => json!(x),
        Value::Text(text) => json!(text),
    }
}

/// Whether a name passes for a number: at most 40 characters, digits of any script, and, as the pattern ends
/// with `$`, perhaps one newline after them.
#[must_use]
pub fn is_digits(name: &str) -> bool {
    let digits = name.strip_suffix('\n').unwrap_or(name);
    name.chars().count() <= 40 && !digits.is_empty() && digits.chars().all(is_decimal_digit)
}

/// Unicode's decimal digits (general category Nd), which is what Python's `\d` accepts. They come in runs of
/// ten; these are the starts of the runs in the basic plane, and of the mathematical digits beyond it.
fn is_decimal_digit(c: char) -> bool {
    const ZEROS: &[u32] = &[
        0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
        0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620,
        0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6,
    ];
    let code = u32::from(c);
    ZEROS.iter().any(|zero| (*zero..zero + 10).contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(frame: &ServerFrame) -> Json {
        serde_json::from_slice(&frame.to_bytes(1.5)).unwrap()
    }

    /// Claim: every server frame carries `type` and `server_tx`; only `message` has `server_rx`, and only it
    /// and `ack` have `id`.
    #[test]
    fn frames_carry_what_clients_expect() {
        assert_eq!(wire(&ServerFrame::Released), json!({ "type": "released", "server_tx": 1.5 }));
        assert_eq!(wire(&ServerFrame::Ack { id: json!(7) }), json!({ "type": "ack", "id": 7, "server_tx": 1.5 }));
        assert_eq!(
            wire(&ServerFrame::Nameplates(vec!["1".into(), "10".into()])),
            json!({ "type": "nameplates", "nameplates": [{ "id": "1" }, { "id": "10" }], "server_tx": 1.5 })
        );
        let message =
            StoredMessage { side: json!("a"), phase: json!("0"), body: json!("ff"), id: Json::Null, server_rx: 1.25 };
        assert_eq!(
            wire(&ServerFrame::Message(message)),
            json!({ "type": "message", "side": "a", "phase": "0", "body": "ff", "id": null, "server_rx": 1.25, "server_tx": 1.5 })
        );
    }

    /// Claim: only a JSON object is a command.
    #[test]
    fn only_objects_are_commands() {
        assert!(
            parse(br#"{"type": "list", "type": "ping"}"#).is_ok_and(|c| c["type"] == "ping"),
            "the last key counts"
        );
        assert_eq!(parse(b"[1]").unwrap_err().name, "AssertionError");
        assert_eq!(parse(b"{").unwrap_err().name, "ValueError");
        assert_eq!(parse(b"\xff").unwrap_err().name, "ValueError");
    }

    /// Claim: what Python could not bind cannot be bound.
    #[test]
    fn lists_objects_and_huge_integers_cannot_be_bound() {
        assert_eq!(bindable(&json!(true)).unwrap(), Value::Integer(1));
        assert_eq!(bindable(&json!(0.5)).unwrap(), Value::Real(0.5));
        assert_eq!(bindable(&json!([])).unwrap_err().name, "InterfaceError");
        assert_eq!(bindable(&json!({})).unwrap_err().name, "InterfaceError");
        assert_eq!(bindable(&json!(u64::MAX)).unwrap_err().name, "OverflowError");
    }

    /// Claim: the digit check has the holes of the pattern it models.
    #[test]
    fn digit_check_has_its_holes() {
        assert!(is_digits("7") && is_digits(&"1".repeat(40)));
        assert!(is_digits("\u{667}") && is_digits("7\n"));
        assert!(!is_digits("") && !is_digits("\n") && !is_digits("x7") && !is_digits("7\n\n") && !is_digits(" 7"));
        assert!(!is_digits(&"1".repeat(41)) && !is_digits(&format!("{}\n", "1".repeat(40))));
    }
}
