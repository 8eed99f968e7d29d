//! `list`: flows with their variants, sites, invariants and marks; what the engine adds; the scenarios there are.

use std::fmt::Write;
use std::path::Path;

use seedbed::check::{BUILT_IN, InvariantInfo, InvariantKind, Promise};
use seedbed::choice::Site;
use seedbed::flow::{FlowInfo, Named};
use serde::Serialize;

use super::Done;
use super::check::json;
use crate::Harness;
use crate::cli::Format;
use crate::exit::Exit;
use crate::files::{Loaded, find, load};
use crate::judge::{expected, expected_of_plan, variants_of_plan};
use crate::output::{line, print};

pub fn list(harness: &Harness, format: Format) -> Done {
    let scenarios = scenarios(harness);
    let engine = EngineLine {
        v: 1,
        kind: "engine",
        sites: seedbed::run::engine_sites().into_iter().map(SiteLine::from).collect(),
        invariants: BUILT_IN.iter().map(InvariantLine::from).collect(),
    };
    let flows: Vec<FlowLine> = harness.flows().map(|flow| FlowLine::from(flow.info())).collect();
    match format {
        Format::Json => {
            for flow in &flows {
                line(&json(flow)?)?;
            }
            line(&json(&engine)?)?;
            for scenario in &scenarios {
                line(&json(scenario)?)?;
            }
        }
        Format::Text => print(&text(&flows, &engine, &scenarios))?,
    }
    Ok(Exit::AsExpected)
}

#[derive(Serialize)]
struct FlowLine {
    v: u32,
    kind: &'static str,
    name: &'static str,
    doc: &'static str,
    source: &'static str,
    variants: Vec<NamedLine>,
    sites: Vec<SiteLine>,
    invariants: Vec<InvariantLine>,
    sometimes: Vec<NamedLine>,
    marks: Vec<NamedLine>,
    events: Vec<NamedLine>,
    outcomes: Vec<NamedLine>,
    needs_host: bool,
}

#[derive(Serialize)]
struct EngineLine {
    v: u32,
    kind: &'static str,
    sites: Vec<SiteLine>,
    invariants: Vec<InvariantLine>,
}

#[derive(Serialize)]
struct NamedLine {
    label: &'static str,
    doc: &'static str,
}

#[derive(Serialize)]
struct SiteLine {
    label: &'static str,
    aliases: &'static [&'static str],
    class: &'static str,
    doc: &'static str,
    /// Where the real world does this.
    ground: &'static str,
}

#[derive(Serialize)]
struct InvariantLine {
    id: &'static str,
    kind: &'static str,
    doc: &'static str,
    /// Sites whose firing lifts the promise.
    unless: &'static [&'static str],
}

#[derive(Serialize)]
struct ScenarioLine {
    v: u32,
    kind: &'static str,
    path: String,
    valid: bool,
    name: String,
    flow: String,
    variant: String,
    expected: String,
    goal: String,
}

impl From<&FlowInfo> for FlowLine {
    fn from(info: &FlowInfo) -> FlowLine {
        let named = |names: &'static [Named]| names.iter().map(NamedLine::from).collect();
        FlowLine {
            v: 1,
            kind: "flow",
            name: info.name,
            doc: info.doc,
            source: info.source,
            variants: named(info.variants),
            sites: info.sites.iter().map(|site| SiteLine::from(*site)).collect(),
            invariants: info.invariants.iter().map(InvariantLine::from).collect(),
            sometimes: named(info.sometimes),
            marks: named(info.marks),
            events: named(info.events),
            outcomes: named(info.outcomes),
            needs_host: info.needs.host,
        }
    }
}

impl From<&'static Named> for NamedLine {
    fn from(named: &'static Named) -> NamedLine {
        NamedLine { label: named.label, doc: named.doc }
    }
}

impl From<&'static Site> for SiteLine {
    fn from(site: &'static Site) -> SiteLine {
        SiteLine {
            label: site.label,
            aliases: site.aliases,
            class: site.class.label(),
            doc: site.doc,
            ground: site.ground,
        }
    }
}

impl From<&'static InvariantInfo> for InvariantLine {
    fn from(info: &'static InvariantInfo) -> InvariantLine {
        let kind = match info.kind {
            InvariantKind::Always => "always",
            InvariantKind::Eventually => "eventually",
            InvariantKind::AtEnd => "at-end",
        };
        let unless = match info.promise {
            Promise::Always => &[][..],
            Promise::Unless(sites) => sites,
        };
        InvariantLine { id: info.id, kind, doc: info.doc, unless }
    }
}

/// The scenarios and plans of the default folder, if there is one.
fn scenarios(harness: &Harness) -> Vec<ScenarioLine> {
    if !Path::new(harness.folder()).is_dir() {
        return Vec::new();
    }
    let files = find(&[], harness.folder()).unwrap_or_default();
    files.into_iter().map(|path| scenario(harness, path)).collect()
}

fn scenario(harness: &Harness, path: String) -> ScenarioLine {
    let line = |kind, valid, [name, flow, variant, expected, goal]: [String; 5]| ScenarioLine {
        v: 1,
        kind,
        path: path.clone(),
        valid,
        name,
        flow,
        variant,
        expected,
        goal,
    };
    match load(harness, &path, &[]) {
        Ok(Loaded::Scenario(loaded)) => {
            let scenario = loaded.scenario;
            let expected = expected(&scenario.expect.claim);
            line("scenario", true, [scenario.name, scenario.flow, scenario.variant, expected, scenario.goal])
        }
        Ok(Loaded::Plan(loaded)) => {
            let plan = &loaded.plan;
            let variants = variants_of_plan(plan);
            let expected =
                variants.iter().map(|(variant, fails)| format!("{variant} {}", expected_of_plan(plan, *fails)));
            let words = [
                loaded.name(),
                plan.flow.clone(),
                plan.variant.clone(),
                expected.collect::<Vec<_>>().join(", "),
                plan.sentence.clone().unwrap_or_default(),
            ];
            line("plan", true, words)
        }
        Err(_) => line("scenario", false, Default::default()),
    }
}

fn text(flows: &[FlowLine], engine: &EngineLine, scenarios: &[ScenarioLine]) -> String {
    let mut out = String::new();
    for flow in flows {
        let _ = writeln!(out, "flow {}: {}", flow.name, flow.doc);
        let _ = writeln!(out, "  source: {}", flow.source);
        let groups = [
            ("variants", &flow.variants),
            ("sometimes", &flow.sometimes),
            ("marks", &flow.marks),
            ("events", &flow.events),
            ("outcomes", &flow.outcomes),
        ];
        let (first, rest) = groups.split_at(1);
        named(&mut out, first);
        sites(&mut out, &flow.sites);
        invariants(&mut out, &flow.invariants);
        named(&mut out, rest);
        out.push('\n');
    }
    out.push_str("under every flow\n");
    sites(&mut out, &engine.sites);
    invariants(&mut out, &engine.invariants);
    if !scenarios.is_empty() {
        out.push_str("\nscenarios\n");
    }
    let rows = scenarios.iter().map(|line| {
        let about = if line.valid { line.expected.clone() } else { "not valid: see `seedbed check`".to_owned() };
        [line.path.clone(), line.variant.clone(), about, line.goal.clone()]
    });
    columns(&mut out, "  ", rows.collect());
    out
}

fn named(out: &mut String, groups: &[(&str, &Vec<NamedLine>)]) {
    for (title, group) in groups {
        if !group.is_empty() {
            let _ = writeln!(out, "  {title}");
            columns(out, "    ", group.iter().map(|named| [named.label.to_owned(), named.doc.to_owned()]).collect());
        }
    }
}

fn sites(out: &mut String, sites: &[SiteLine]) {
    if !sites.is_empty() {
        out.push_str("  sites\n");
    }
    let rows = sites.iter().map(|site| [site.label.to_owned(), site.class.to_owned(), site.doc.to_owned()]);
    columns(out, "    ", rows.collect());
}

fn invariants(out: &mut String, invariants: &[InvariantLine]) {
    if !invariants.is_empty() {
        out.push_str("  invariants\n");
    }
    let rows = invariants.iter().map(|info| {
        let promise =
            if info.unless.is_empty() { String::new() } else { format!(" (unless {})", info.unless.join(", ")) };
        [info.id.to_owned(), info.kind.to_owned(), format!("{}{promise}", info.doc)]
    });
    columns(out, "    ", rows.collect());
}

/// Rows whose cells line up.
fn columns<const N: usize>(out: &mut String, indent: &str, rows: Vec<[String; N]>) {
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        let mut line = indent.to_owned();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}
