//! An explanation as a card for one screen. The order of its lines is the product: what broke, how small, what
//! matters, why, what nearby run passes, when it was too late, what to paste.

use std::borrow::Cow;
use std::fmt::Write;

use super::align::value_words;
use super::{ExplainEnd, Explanation, Jump, NoReturn, Part, Point, Subsets};
use crate::explain::slice::SliceLine;
use crate::report::{Paint, thousands};

/// Operations listed before the rest is only counted.
const OPERATIONS_MAX: usize = 10;

/// Characters of an event before the rest is left out.
const TEXT_MAX: usize = 120;

/// Sets of deviations listed before the rest is only counted.
const SUBSETS_MAX: usize = 6;

/// The card as text. `repro`: a line to paste.
#[must_use]
pub fn text(explanation: &Explanation, repro: Option<&str>, paint: Paint) -> String {
    let mut out = String::new();
    what_broke(&mut out, explanation, paint);
    how_small(&mut out, explanation);
    operations(&mut out, explanation);
    deviations(&mut out, explanation);
    subsets(&mut out, &explanation.subsets, explanation.deviations.len());
    why(&mut out, explanation, paint);
    twin(&mut out, explanation, paint);
    no_return(&mut out, explanation, paint);
    if let Some(repro) = repro {
        let _ = writeln!(out, "repro: {repro}");
    }
    out
}

fn what_broke(out: &mut String, explanation: &Explanation, paint: Paint) {
    let _ = write!(
        out,
        "{}  {} {}   invariant: {}   step {} of {}",
        paint.bad("FAIL"),
        explanation.scenario,
        explanation.variant,
        paint.strong(&explanation.invariant),
        thousands(explanation.step),
        thousands(explanation.steps),
    );
    if let Some(seed) = &explanation.seed {
        let _ = write!(out, "   seed {seed}");
    }
    out.push('\n');
    let _ = writeln!(out, "      {}", explanation.cause);
    for line in explanation.detail.lines() {
        let _ = writeln!(out, "      {line}");
    }
    for note in &explanation.notes {
        let _ = writeln!(out, "note: {note}");
    }
}

fn how_small(out: &mut String, explanation: &Explanation) {
    let of_deviations = explanation.deviations.iter().map(|part| &part.necessity);
    let parts: Vec<_> = of_deviations.chain(explanation.operations.iter().map(|part| &part.necessity)).collect();
    let unneeded = parts.iter().filter(|part| part.as_ref().is_some_and(|necessity| !necessity.needed)).count();
    let minimal = match unneeded {
        0 if parts.iter().any(|part| part.is_none()) => "not known whether anything can go".to_owned(),
        0 => "nothing single can go".to_owned(),
        count => {
            format!("{count} of these could go, one at a time (`shrink` takes out what it can)")
        }
    };
    let _ = writeln!(
        out,
        "small: {}, {}, {}: {minimal}   ({})",
        counted(explanation.steps, "step"),
        counted(explanation.operations.len() as u64, "operation"),
        counted(explanation.deviations.len() as u64, "deviation"),
        counted(explanation.executions, "execution"),
    );
    let _ = writeln!(out, "determinism: run twice, identical   {}", explanation.digest);
    let why = match explanation.ended {
        ExplainEnd::Complete => return,
        ExplainEnd::Budget => "the executions are used up",
        ExplainEnd::Interrupted => "interrupted",
    };
    let parts: Vec<&str> = explanation.unfinished.iter().map(|part| part.words()).collect();
    let _ = writeln!(out, "unfinished: {} ({why}; the rest is what is known so far)", parts.join(", "));
}

fn operations(out: &mut String, explanation: &Explanation) {
    let all = &explanation.operations;
    let rows: Vec<[String; 3]> = all
        .iter()
        .take(OPERATIONS_MAX)
        .map(|part| {
            let necessity = part.necessity.as_ref();
            let words = necessity.map_or_else(|| "(not looked at)".to_owned(), super::Necessity::words);
            [format!("#{}", part.n), part.op.to_string(), words]
        })
        .collect();
    if !rows.is_empty() {
        out.push_str("operations:\n");
        columns(out, &rows);
    }
    if all.len() > OPERATIONS_MAX {
        let _ = writeln!(out, "  and {} more", all.len() - OPERATIONS_MAX);
    }
}

fn deviations(out: &mut String, explanation: &Explanation) {
    if explanation.deviations.is_empty() {
        out.push_str("deviations: none; everything in this run is quiet\n");
        return;
    }
    out.push_str("deviations:\n");
    let parts = explanation.deviations.iter().enumerate();
    let rows: Vec<[String; 5]> = parts
        .map(|(index, part)| {
            let deviation = &part.deviation;
            [
                (index + 1).to_string(),
                format!("{}  {} #{}", deviation.site, deviation.actor, deviation.n),
                deviation.value.clone(),
                format!("step {}", thousands(deviation.step)),
                part.necessity.as_ref().map_or_else(|| "(not looked at)".to_owned(), super::Necessity::words),
            ]
        })
        .collect();
    columns(out, &rows);
}

fn columns<const N: usize>(out: &mut String, rows: &[[String; N]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "  {cell:width$}");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn subsets(out: &mut String, subsets: &Subsets, deviations: usize) {
    if deviations == 0 {
        return;
    }
    if subsets.minimal.is_empty() {
        return;
    }
    let everything = |set: &Vec<usize>| set.len() == deviations;
    if let ([set], true) = (&subsets.minimal[..], subsets.complete)
        && everything(set)
    {
        if deviations > 1 {
            let _ = writeln!(out, "suffices: nothing less than all {deviations} deviations together");
        }
        return;
    }
    if !subsets.complete && subsets.minimal.iter().all(everything) {
        return;
    }
    let words = |set: &Vec<usize>| {
        let numbers: Vec<String> = set.iter().map(|position| (position + 1).to_string()).collect();
        if numbers.is_empty() { "nothing: it fails without any deviation".to_owned() } else { numbers.join(" + ") }
    };
    let mut sets: Vec<String> = subsets.minimal.iter().take(SUBSETS_MAX).map(words).collect();
    if subsets.minimal.len() > SUBSETS_MAX {
        sets.push(format!("{} more", subsets.minimal.len() - SUBSETS_MAX));
    }
    let _ = writeln!(out, "suffices: {}", sets.join("; or "));
}

fn why(out: &mut String, explanation: &Explanation, paint: Paint) {
    let seen = match explanation.first_bad_step {
        Some(bad) if bad < explanation.step => {
            format!("first bad state: step {}   seen at: step {}", thousands(bad), thousands(explanation.step))
        }
        _ => format!("seen at: step {}", thousands(explanation.step)),
    };
    let _ = writeln!(out, "{}  {seen}", paint.strong("why:"));
    out.push_str(&slice_text(&explanation.why.lines, explanation.why.left_out));
}

/// The lines of a slice as text.
#[must_use]
pub fn slice_text(lines: &[SliceLine], left_out: u64) -> String {
    let mut out = String::new();
    let width = |text: fn(&SliceLine) -> String| lines.iter().map(|line| text(line).chars().count()).max().unwrap_or(0);
    let step = |line: &SliceLine| thousands(line.step);
    let id = |line: &SliceLine| {
        let event = line.event.map_or_else(|| "*".to_owned(), |event| format!("#{event}"));
        let cause = line.cause.map_or_else(String::new, |cause| format!(" <- #{cause}"));
        format!("{event}{cause}")
    };
    let node = |line: &SliceLine| line.node.clone();
    let (steps, ids, nodes) = (width(step), width(id), width(node));
    if left_out > 0 {
        let _ = writeln!(out, "  ({} further causes are left out)", thousands(left_out));
    }
    for line in lines {
        let mut row = format!(
            "  step {:>steps$}  {:ids$}  {:nodes$}  {}{}",
            step(line),
            id(line),
            line.node,
            if line.deviation { "DEVIATION " } else { "" },
            cut(&line.text)
        );
        if !line.notes.is_empty() {
            let _ = write!(row, "   ! {}", line.notes.join("; "));
        }
        if !line.changes.is_empty() {
            let _ = write!(row, "   [{}]", line.changes.join("; "));
        }
        let _ = writeln!(out, "{}", row.trim_end());
    }
    out
}

/// Long frames are cut; `replay --trace full` and JSON have all of them.
fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn twin(out: &mut String, explanation: &Explanation, paint: Paint) {
    let twin = explanation.twin.as_ref();
    let Some(twin) = twin else {
        if !explanation.unfinished.contains(&Part::Twin) {
            let _ = writeln!(out, "{}  no run with one thing less, more or altered passes", paint.strong("twin:"));
        }
        return;
    };
    let _ = writeln!(out, "{}  the same run {} passes", paint.strong("twin:"), twin.edit);
    if let Some(events) = &twin.difference.events {
        let or_end = |text: &Option<String>| text.clone().unwrap_or_else(|| "the end of the run".into());
        let _ = writeln!(
            out,
            "  first other event  step {}: {}  |  twin: {}",
            thousands(events.step),
            or_end(&events.one),
            or_end(&events.other)
        );
    }
    match &twin.difference.state {
        Some(state) => {
            let step = |step: Option<u64>| {
                step.map_or_else(|| "no such step".to_owned(), |step| format!("step {}", thousands(step)))
            };
            let _ = writeln!(
                out,
                "  first other state  {}: {} ({})  |  twin: {} ({})",
                state.field,
                value_words(state.one.as_ref()),
                step(state.step_one),
                value_words(state.other.as_ref()),
                step(state.step_other)
            );
        }
        None => out.push_str("  no state that the flow shows differs\n"),
    }
    if !twin.fields.is_empty() {
        let mut fields: Vec<String> = twin
            .fields
            .iter()
            .map(|field| {
                let (one, other) = (field.one.as_ref(), field.other.as_ref());
                format!("{} ({} vs {})", field.field, value_words(one), value_words(other))
            })
            .collect();
        if twin.more_fields > 0 {
            fields.push(format!("{} more", twin.more_fields));
        }
        let _ = writeln!(out, "  at the failure     {}", fields.join(", "));
    }
}

fn no_return(out: &mut String, explanation: &Explanation, paint: Paint) {
    let NoReturn { endings, points, jump } = &explanation.no_return;
    if points.is_empty() {
        return;
    }
    let label = paint.strong("no return:");
    let percent = |fails: u64| format!("{}%", fails * 100 / endings);
    match jump {
        Some(Jump { step, before, after }) => {
            let _ = writeln!(
                out,
                "{label}  step {}: followed so far, {after} of {endings} fresh endings fail; one step less, {before} of {endings}",
                thousands(*step),
            );
        }
        None => {
            let share = points.first().map_or(0, |point| point.fails);
            let _ = writeln!(out, "{label}  none: wherever the run is cut, {share} of {endings} fresh endings fail");
        }
    }
    let (mut steps, mut shares) = (String::new(), String::new());
    for point in telling(points) {
        let (step, share) = (thousands(point.step), percent(point.fails));
        let width = step.chars().count().max(share.chars().count());
        let mark = if jump.is_some_and(|jump| jump.step == point.step) { " |" } else { "" };
        let _ = write!(steps, "{mark}  {step:>width$}");
        let _ = write!(shares, "{mark}  {share:>width$}");
    }
    let _ = writeln!(out, "  cut after step {steps}");
    let _ = writeln!(out, "  endings failing{shares}");
    let _ = writeln!(out, "  (fresh endings draw from {})", explanation.fresh_faults);
}

/// Without the inner points of level stretches.
fn telling(points: &[Point]) -> impl Iterator<Item = &Point> {
    let level = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| points.get(at));
        let (Some(before), Some(after)) = (before, points.get(at + 1)) else {
            return false;
        };
        before.fails == points[at].fails && after.fails == points[at].fails
    };
    points.iter().enumerate().filter(move |(at, _)| !level(*at)).map(|(_, point)| point)
}

/// `1 step`, `2 steps`.
fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", thousands(count))
}
