//! What outlives its step without a message or a timer: a link between events beyond their causes.
//!
//! A rollback journal that is created in one step and removed in a later one means that a transaction stayed open when
//! its step ended: whoever ends it decides about changes that somebody else made.

use std::collections::BTreeMap;

use seedbed::run::engine_kinds;
use seedbed::trace::{Event, EventId, Kind, NameId};

use super::align::Steps;

/// A transaction that was still open when its step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOpen {
    /// Its journal is created.
    pub begin: EventId,
    /// The step of that.
    pub step: u64,
    /// Its journal is removed; `None`: it never was.
    pub end: Option<EventId>,
    /// Between the two the database itself was written.
    pub written: bool,
    /// The database.
    pub file: String,
}

impl LeftOpen {
    /// What there is to say where it begins.
    pub fn words_at_begin(&self) -> String {
        format!("the transaction on {} that begins here is left open", self.file)
    }

    /// What there is to say where it ends.
    pub fn words_at_end(&self) -> String {
        let verb = if self.written { "commits" } else { "takes back" };
        format!("{verb} what step {} left pending in {}", self.step, self.file)
    }
}

/// The kinds of disk operations that say how a transaction goes.
struct Kinds {
    open: &'static Kind,
    write: &'static Kind,
    set_len: &'static Kind,
    names: &'static Kind,
    down: [&'static Kind; 2],
}

impl Kinds {
    fn new() -> Option<Kinds> {
        let all = engine_kinds();
        let kind = |label: &str| all.iter().copied().find(|kind| kind.label == label);
        Some(Kinds {
            open: kind("open")?,
            write: kind("write")?,
            set_len: kind("set-len")?,
            names: kind("names")?,
            down: [kind("down")?, kind("power-cut")?],
        })
    }
}

/// Transactions that outlived their step, in the order in which they began; as far as the run went up to a step.
pub(super) fn left_open(steps: &Steps<'_>, until: u64) -> Vec<LeftOpen> {
    let Some(kinds) = Kinds::new() else {
        return Vec::new();
    };
    let is = |event: &Event, kind: &'static Kind| std::ptr::eq(event.header.kind, kind);
    let names = steps.trace.names();
    let mut open: BTreeMap<(NameId, String), LeftOpen> = BTreeMap::new();
    let mut found = Vec::new();
    let events = steps.trace.events().iter().enumerate();
    for (index, event) in events.take_while(|(_, event)| event.step <= until) {
        let id = EventId(index as u32 + 1);
        let node = event.header.node;
        if kinds.down.iter().any(|kind| is(event, kind)) {
            open.retain(|(of, _), _| *of != node);
            continue;
        }
        let subject = names.text(event.header.subject);
        let Some(file) = subject.strip_suffix("-journal") else {
            if is(event, kinds.write)
                && let Some(transaction) = open.get_mut(&(node, subject.to_owned()))
            {
                transaction.written = true;
            }
            continue;
        };
        let key = (node, file.to_owned());
        if is(event, kinds.open) && event.header.args[0] == 1 {
            let begun = LeftOpen { begin: id, step: event.step, end: None, written: false, file: file.to_owned() };
            open.insert(key, begun);
            continue;
        }
        let removed = is(event, kinds.names) && steps.trace.text(event).starts_with("unlink ")
            || is(event, kinds.set_len) && event.header.args[0] == 0;
        if removed
            && let Some(transaction) = open.remove(&key)
            && transaction.step < event.step
        {
            found.push(LeftOpen { end: Some(id), ..transaction });
        }
    }
    found.extend(open.into_values().filter(|transaction| transaction.step < until));
    found.sort_by_key(|transaction| transaction.begin);
    found
}
