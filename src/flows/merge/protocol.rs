//! Requests and answers: a request line, who asks, a form as body; a status, a place to go to, a text.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The server's port.
pub const PORT: &str = "http";

/// Where events are merged.
pub const MERGE: &str = "/workshops/events/merge";
/// The published feed.
pub const FEED: &str = "/api/v1/events/published";
/// Where somebody who is not logged in is sent.
pub const LOGIN: &str = "/account/login";

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `POST`, not `GET`.
    pub is_post: bool,
    /// The path without its query.
    pub path: String,
    /// What follows the path, in order.
    pub query: Vec<(String, String)>,
    /// Who asks; empty for somebody not logged in.
    pub user: String,
    /// A number the client has given it, by which a repetition is told from a new request.
    pub number: u64,
    /// The form.
    pub body: BTreeMap<String, String>,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// 200, 302, 400, 403, 404, 409, 500 or 503.
    pub status: u16,
    /// Where a 302 leads to.
    pub location: String,
    /// A page, or a list.
    pub body: String,
}

impl Reply {
    /// An answer with a text.
    #[must_use]
    pub fn new(status: u16, body: impl Into<String>) -> Reply {
        Reply { status, location: String::new(), body: body.into() }
    }

    /// An answer that leads elsewhere.
    #[must_use]
    pub fn redirect(location: impl Into<String>) -> Reply {
        Reply { status: 302, location: location.into(), body: String::new() }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        format!("{} {}\n{}", self.status, self.location, self.body).into_bytes()
    }

    /// Reads one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Reply> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once('\n')?;
        let (status, location) = head.split_once(' ')?;
        Some(Reply { status: status.parse().ok()?, location: location.to_owned(), body: body.to_owned() })
    }
}

impl Request {
    /// Asks for a page.
    #[must_use]
    pub fn get(user: &str, path: impl Into<String>, query: &[(&str, &str)]) -> Request {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Request { path: path.into(), query, user: user.to_owned(), ..Request::default() }
    }

    /// Sends a form.
    #[must_use]
    pub fn post(user: &str, path: impl Into<String>, query: &[(&str, &str)], body: &[(&str, &str)]) -> Request {
        let body = body.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Request { is_post: true, body, ..Request::get(user, path, query) }
    }

    /// The first value of a name in the query.
    #[must_use]
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A number in the form.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<i64> {
        self.body.get(name)?.parse().ok()
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut text = String::from(if self.is_post { "POST " } else { "GET " });
        text.push_str(&self.path);
        for (index, (name, value)) in self.query.iter().enumerate() {
            let _ = write!(text, "{}{}={}", if index == 0 { '?' } else { '&' }, quoted(name), quoted(value));
        }
        let _ = write!(text, "\nuser: {}\nnumber: {}\n\n", self.user, self.number);
        for (index, (name, value)) in self.body.iter().enumerate() {
            let _ = write!(text, "{}{}={}", if index == 0 { "" } else { "&" }, quoted(name), quoted(value));
        }
        text.into_bytes()
    }

    /// Reads one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Request> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\n\n")?;
        let mut lines = head.lines();
        let (method, target) = lines.next()?.split_once(' ')?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Request { is_post: method == "POST", path: path.to_owned(), ..Request::default() };
        for line in lines {
            match line.split_once(": ") {
                Some(("user", user)) => request.user = user.to_owned(),
                Some(("number", number)) => request.number = number.parse().ok()?,
                _ => {}
            }
        }
        request.query = pairs(query).collect();
        request.body = pairs(body).collect();
        Some(request)
    }
}

fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unquoted(name), unquoted(value)))
}

/// What separates is written as a number in hexadecimal.
fn quoted(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '%' | '&' | '=' | '?' | '\n' => {
                let _ = write!(all, "%{:02X}", character as u32);
            }
            _ => all.push(character),
        }
    }
    all
}

fn unquoted(text: &str) -> String {
    let mut parts = text.split('%');
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                all.push(char::from(code));
                all.push_str(&part[2..]);
            }
            None => {
                all.push('%');
                all.push_str(part);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claim: requests and answers survive the wire, whatever is in their fields.
    #[test]
    fn the_wire_keeps_everything() {
        let query = [("event_a_0", "A"), ("event_b_0", "50 % & more"), ("tag", "")];
        let mut request = Request::post("admin", MERGE, &query, &[("notes", "a=b&c%26\nd?"), ("tags", "obj_a")]);
        request.number = 7;
        assert_eq!(Request::decode(&request.encode()), Some(request.clone()));
        let get = Request::get("", FEED, &[]);
        assert_eq!(Request::decode(&get.encode()), Some(get));
        assert_eq!(Request::decode(b"nonsense"), None);
        let reply = Reply { body: "several\nlines".to_owned(), ..Reply::redirect("/workshops/event/A/") };
        assert_eq!(Reply::decode(&reply.encode()), Some(reply));
    }
}
