//! A trace as text: one line per event, one narrow column per node, so that position tells who acted.

use std::fmt::Write;

use super::{Event, EventId, NameId, Trace};

impl Trace {
    /// The whole trace: a legend of columns, then a line per event with step, time, cause, the acting
    /// node's column, and what happened.
    #[must_use]
    pub fn render(&self) -> String {
        let columns = self.columns();
        let mut out = String::new();
        for (index, node) in columns.iter().enumerate() {
            let name = if *node == NameId::NONE { "(world)" } else { self.names().text(*node) };
            let _ = writeln!(out, "column {:>2}: {name}", index + 1);
        }
        let width = columns.len();
        let rule: String = (1..=width).map(|c| char::from_digit((c % 10) as u32, 10).unwrap_or('0')).collect();
        let _ = writeln!(out, "{:>6} {:>6} {:>16} {:>7}  {rule}  event", "event", "step", "time", "cause");
        for (index, event) in self.events().iter().enumerate() {
            let _ = writeln!(out, "{}", self.line(EventId(index as u32 + 1), event, &columns));
        }
        out
    }

    /// One line of [`Trace::render`], for the event's number, the event, and the columns in use.
    #[must_use]
    pub fn line(&self, id: EventId, event: &Event, columns: &[NameId]) -> String {
        let header = &event.header;
        let mut lanes = vec!['.'; columns.len()];
        if let Some(column) = columns.iter().position(|node| *node == header.node) {
            lanes[column] = header.kind.glyph;
        }
        let lanes: String = lanes.into_iter().collect();
        let cause = if header.cause == EventId::ROOT { "-".to_owned() } else { format!("#{}", header.cause.0) };
        format!(
            "{:>6} {:>6} {:>16} {cause:>7}  {lanes}  {}",
            format!("#{}", id.0),
            event.step,
            seconds(header.at_ns),
            self.describe(event)
        )
    }

    /// Kind, subject, numbers and text of an event.
    #[must_use]
    pub fn describe(&self, event: &Event) -> String {
        let header = &event.header;
        let mut out = header.kind.label.to_owned();
        let subject = self.names().text(header.subject);
        if !subject.is_empty() {
            let _ = write!(out, " {subject}");
        }
        for (name, value) in header.kind.args.iter().zip(header.args) {
            let _ = match name.strip_suffix("_ns") {
                Some(stem) => write!(out, " {stem}={}", seconds(value)),
                None => write!(out, " {name}={value}"),
            };
        }
        let text = self.text(event);
        if !text.is_empty() {
            let _ = write!(out, " {text}");
        }
        out
    }

    /// The nodes that act in this trace, in order of first appearance.
    #[must_use]
    pub fn columns(&self) -> Vec<NameId> {
        let mut columns = Vec::new();
        for event in self.events() {
            if !columns.contains(&event.header.node) {
                columns.push(event.header.node);
            }
        }
        columns
    }
}

/// Nanoseconds as seconds with nine digits, so that columns line up.
fn seconds(ns: u64) -> String {
    format!("{}.{:09}s", ns / 1_000_000_000, ns % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::super::{Header, Kind};
    use super::*;

    static SENT: Kind = Kind::new("sent", '>', "a message left", &["bytes", "after_ns"]);
    static GOT: Kind = Kind::new("got", '<', "a message came", &[]);

    #[test]
    fn a_trace_reads_in_columns_and_names_causes() {
        let mut trace = Trace::new(true, 10);
        let (a, b, link) = (trace.intern("alice"), trace.intern("bob"), trace.intern("alice->bob"));
        trace.begin_step(1);
        let base = Header { at_ns: 0, node: a, kind: &SENT, cause: EventId::ROOT, subject: link, args: [5, 1_500, 0] };
        let sent = trace.emit(base);
        trace.end_step();
        trace.begin_step(2);
        let got = Header { at_ns: 1_500, node: b, kind: &GOT, cause: sent, args: [0; 3], ..base };
        trace.emit_text(got, format_args!("\"hello\""));
        trace.end_step();
        insta::assert_snapshot!(trace.render(), @r#"
        column  1: alice
        column  2: bob
         event   step             time   cause  12  event
            #1      1     0.000000000s       -  >.  sent alice->bob bytes=5 after=0.000001500s
            #2      2     0.000001500s      #1  .<  got alice->bob "hello"
        "#);
        assert_eq!(trace.step_digests().len(), 2);
    }

    #[test]
    fn the_digest_does_not_depend_on_whether_events_are_kept() {
        let digest = |keep| {
            let mut trace = Trace::new(keep, 10);
            let (a, b) = (trace.intern("a"), trace.intern("b"));
            trace.begin_step(1);
            let header = Header { at_ns: 3, node: a, kind: &SENT, cause: EventId::ROOT, subject: b, args: [1, 2, 3] };
            trace.emit(header);
            trace.emit_text(header, format_args!("text {}", 4));
            trace.end_step();
            trace.digest()
        };
        assert_eq!(digest(true), digest(false));
    }
}
