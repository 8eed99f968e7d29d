//! Stored plans that mutations of a scenario go back to: past failures, of which something may be left.
//!
//! With `[search] plans = true`, or `--plans`, these are the plans in the folder `regressions` beside the scenario that fit
//! it: they were made from it, or with its flow and configuration, and under its contract. Nobody gets them unasked: what
//! a seed does would change with each plan that is promoted. A plan that `--parents` names is read wherever it lies.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use seedbed::run::AnyFlow;
use seedbed::scenario::{Complaint, Complaints, Parent, Plan, Scenario, StoredPlan};

use super::is_plan;

/// The folder of stored plans, beside a scenario.
const FOLDER: &str = "regressions";

/// Fetches the plans that a scenario asks for; `read` reads one.
///
/// # Errors
/// A plan that cannot be read; one that is named and does not fit.
pub fn fetch(
    flow: &dyn AnyFlow,
    scenario: &mut Scenario,
    read: impl Fn(&str) -> Result<Plan, Complaints>,
) -> Result<(), Complaints> {
    let mut stored = Vec::new();
    if scenario.search.from_plans {
        for path in beside(&scenario.path)? {
            let plan = read(&path)?;
            let related = plan.scenario == scenario.name || plan.config == scenario.config;
            if related && misfit(flow, scenario, &plan).is_none() {
                stored.push(of(path, plan));
            }
        }
    }
    if let Some(Parent::Plan(path)) = scenario.search.parents.first()
        && !stored.iter().any(|known| known.path == *path)
    {
        if !is_plan(path) {
            let message = "neither a seed nor a plan: the name of a plan ends with .plan.toml";
            return Err(Complaint::whole_file(path, message).into());
        }
        let plan = read(path)?;
        if let Some(why) = misfit(flow, scenario, &plan) {
            return Err(
                Complaint::whole_file(path, format!("is no parent for runs of {}: {why}", scenario.name)).into()
            );
        }
        stored.push(of(path.clone(), plan));
    }
    scenario.search.plans = stored.into_iter().map(Arc::new).collect();
    Ok(())
}

fn of(path: String, plan: Plan) -> StoredPlan {
    StoredPlan { path, config: plan.config, operations: plan.operations, script: plan.script }
}

/// Why a plan cannot be gone back to; none: it can.
fn misfit(flow: &dyn AnyFlow, scenario: &Scenario, plan: &Plan) -> Option<&'static str> {
    if plan.flow != scenario.flow {
        return Some("it has another flow");
    }
    if plan.contract != scenario.contract {
        return Some("it has another [contract]");
    }
    let config = toml::Value::Table(plan.config.clone()).to_string();
    let config = toml::de::ValueDeserializer::parse(&config).ok()?;
    match flow.check_config(&scenario.variant, config) {
        Ok(complaints) if complaints.is_empty() => None,
        _ => Some("the variant does not take its [flow-config]"),
    }
}

/// The plans beside a scenario, in the order of their names.
fn beside(scenario: &str) -> Result<Vec<String>, Complaints> {
    let folder = match Path::new(scenario).parent().and_then(Path::to_str) {
        Some(folder) if !folder.is_empty() => format!("{folder}/{FOLDER}"),
        _ => FOLDER.to_owned(),
    };
    let unreadable = |error: std::io::Error| Complaint::unreadable(&folder, &error.to_string());
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error).into()),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        paths.extend(name.to_str().filter(|name| is_plan(name)).map(|name| format!("{folder}/{name}")));
    }
    paths.sort();
    Ok(paths)
}
