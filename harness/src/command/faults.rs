//! `list --faults`: the reference of faults, as Markdown. `docs/faults.md` is its output, and a test compares the two.

use std::fmt::Write;

use seedbed::choice::{Rate, Site, SiteClass};
use seedbed::flow::FlowInfo;

use super::Done;
use crate::Harness;
use crate::exit::Exit;
use crate::output::print;

const HEAD: &str = "\
# Reference of faults

Everything unusual that Seedbed can make happen, by site: what a scenario names in `[faults]`, a plan in its deviations
and a trace in its events. Generated from the code by `seedbed list --faults`.

The *default* is the share of offers at which it happens when a scenario names the site without a rate, and the lowest
share that a swarm draws; the *cap* is the highest. Of a *dose*, a swarm also draws how often it happens in a run: not at
all, once, twice or three times (60, 25, 10 and 5 %). A scenario's `[contract]` decides which faults of the disk are
possible at all. Choices without a rate are made every time.
";

pub fn faults(harness: &Harness) -> Done {
    print(&reference(harness.flows().map(|flow| flow.info())))?;
    Ok(Exit::AsExpected)
}

fn reference<'a>(flows: impl Iterator<Item = &'a FlowInfo>) -> String {
    let mut out = HEAD.to_owned();
    let engine = seedbed::run::engine_sites();
    let mut rest = &engine[..];
    while let Some(first) = rest.first() {
        let layer = layer(first);
        let (of_layer, others) = rest.split_at(rest.iter().take_while(|site| self::layer(site) == layer).count());
        let _ = write!(out, "\n## Under every flow: {layer}\n\n");
        table(&mut out, of_layer, "");
        rest = others;
    }
    for info in flows.filter(|info| info.sites.iter().any(|site| is_shown(site))) {
        let _ =
            write!(out, "\n## Flow {}\n\n{}. Where nothing else is said: {}.\n\n", info.name, info.doc, info.source);
        table(&mut out, info.sites, "see above");
    }
    out
}

/// The first part of a label.
fn layer(site: &Site) -> &'static str {
    site.label.split('/').next().unwrap_or(site.label)
}

/// Neutral choices are no faults, unless something in the real world makes them.
fn is_shown(site: &Site) -> bool {
    site.class != SiteClass::Value || !site.ground.is_empty()
}

/// `ground`: for sites that have none of their own.
fn table(out: &mut String, sites: &[&'static Site], ground: &str) {
    out.push_str("| site | kind | what happens | default | cap | where the real world does this |\n");
    out.push_str("|---|---|---|---|---|---|\n");
    for site in sites.iter().filter(|site| is_shown(site)) {
        let ground = if site.ground.is_empty() { ground } else { site.ground };
        let (default, cap) = match site.class {
            SiteClass::Value => (String::new(), String::new()),
            _ => (percent(site.default_rate), percent(site.cap_rate)),
        };
        let dose = if site.dosed { ", a dose" } else { "" };
        let cells = [site.class.label(), site.doc, &format!("{default}{dose}"), &cap, ground];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(out, "| `{}` | {} |", site.label, cells.join(" | "));
    }
}

fn percent(rate: Rate) -> String {
    let millionths = (u128::from(rate.threshold()) * 1_000_000 + (1 << 63)) >> 64;
    let text = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Percentages are exact, down to a millionth.
    #[test]
    fn percentages() {
        let shown = [1, 500, 10_000, 125_000, 1_000_000].map(|n| percent(Rate::per_million(n)));
        assert_eq!(shown, ["0.0001 %", "0.05 %", "1 %", "12.5 %", "100 %"]);
    }

    /// Every site that is no neutral choice is in the reference, with a reason in the real world.
    #[test]
    fn nothing_is_left_out() {
        let reference = reference(std::iter::empty());
        for site in seedbed::run::engine_sites() {
            let row = reference.lines().find(|line| line.starts_with(&format!("| `{}` |", site.label)));
            assert!(row.is_some_and(|row| row.contains(site.doc) && row.contains(site.ground)), "{}", site.label);
        }
    }
}
