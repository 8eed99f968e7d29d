//! Finding and reading scenario and plan files.

pub(crate) mod stored;

use std::fs;
use std::path::Path;

use seedbed::run::AnyFlow;
use seedbed::scenario::{
    Catalogue, Complaint, Complaints, MAX_FILE_BYTES, Override, Plan, Scenario, read_plan, read_scenario,
};

use crate::Harness;

/// Where scenarios are looked for when nothing is named.
pub const DEFAULT_FOLDER: &str = "scenarios";

/// The ending of plan files.
const PLAN_SUFFIX: &str = ".plan.toml";

/// A file that passed validation.
pub enum Loaded<'a> {
    /// A scenario, to be swept.
    Scenario(Box<LoadedScenario<'a>>),
    /// A plan, to be followed.
    Plan(Box<LoadedPlan<'a>>),
}

/// A scenario and its flow.
pub struct LoadedScenario<'a> {
    /// The system under test.
    pub flow: &'a dyn AnyFlow,
    /// What the file says.
    pub scenario: Scenario,
}

/// A plan and its flow.
pub struct LoadedPlan<'a> {
    /// The system under test.
    pub flow: &'a dyn AnyFlow,
    /// The path as it was given.
    pub path: String,
    /// What the file says.
    pub plan: Plan,
}

impl LoadedPlan<'_> {
    /// A short name: the flow and the file's stem.
    #[must_use]
    pub fn name(&self) -> String {
        let file = self.path.rsplit('/').next().unwrap_or(&self.path);
        format!("{}/{}", self.plan.flow, file.strip_suffix(".toml").unwrap_or(file))
    }
}

/// Whether a path names a plan.
#[must_use]
pub fn is_plan(path: &str) -> bool {
    path.ends_with(PLAN_SUFFIX)
}

/// The files that are meant: those named, and those in the folders named; plans first within a folder. Without
/// any name, all of `default`.
///
/// # Errors
/// What does not exist or cannot be listed.
pub fn find(paths: &[String], default: &str) -> Result<Vec<String>, Vec<Complaint>> {
    let default = [default.to_owned()];
    let paths = if paths.is_empty() { &default[..] } else { paths };
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        match fs::metadata(path) {
            Ok(about) if about.is_dir() => {
                let mut files = Vec::new();
                if let Err(error) = collect(path.trim_end_matches('/'), &mut files) {
                    wrong.push(Complaint::unreadable(path, &error.to_string()));
                }
                if files.is_empty() {
                    wrong.push(Complaint::whole_file(path, "holds no scenario (`*.toml`)"));
                }
                files.sort_by_key(|file| (!is_plan(file), file.clone()));
                found.append(&mut files);
            }
            Ok(_) => found.push(path.clone()),
            Err(_) => wrong.push(missing(path, &default[0])),
        }
    }
    let mut seen = Vec::new();
    found.retain(|path| {
        let new = !seen.contains(path);
        seen.push(path.clone());
        new
    });
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

/// A path that is not there, with the nearest one that is.
fn missing(path: &str, default: &str) -> Complaint {
    if path == default {
        let help = format!("name a scenario, or go to the folder that holds `{default}`");
        return Complaint::whole_file(path, "there is no such folder here").with_help(help);
    }
    let mut there = Vec::new();
    let parent = Path::new(path).parent().and_then(Path::to_str);
    for folder in [default].into_iter().chain(parent.filter(|parent| !parent.is_empty())) {
        // Only for a better message: what cannot be listed is not suggested.
        let _ = collect(folder, &mut there);
    }
    let near: Vec<&str> = there.iter().map(String::as_str).collect();
    Complaint::missing_file(path, &near)
}

/// All scenario and plan files of a folder and the folders in it.
fn collect(folder: &str, files: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            collect(&path, files)?;
        } else if name.ends_with(".toml") {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads and checks one file. `settings` are laid over a scenario; a plan takes none.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load<'a>(harness: &'a Harness, path: &str, settings: &[Override]) -> Result<Loaded<'a>, Complaints> {
    let bytes = read(path, harness.folder())?;
    let catalogue = harness.catalogue();
    if is_plan(path) {
        let plan = read_plan(path, &bytes, &catalogue)?;
        let flow = harness.flow_named(path, &plan.flow)?;
        return Ok(Loaded::Plan(Box::new(LoadedPlan { flow, path: path.to_owned(), plan })));
    }
    let mut scenario = read_scenario(path, &bytes, &catalogue, settings)?;
    let flow = harness.flow_named(path, &scenario.flow)?;
    stored::fetch(flow, &mut scenario, |path| read_plan(path, &read(path, harness.folder())?, &catalogue))?;
    Ok(Loaded::Scenario(Box::new(LoadedScenario { flow, scenario })))
}

/// Writes a file as a whole: a reader sees the old one or the new one. Folders on the way are made.
///
/// # Errors
/// When it cannot be written.
pub fn save(path: &str, text: &str) -> Result<(), Complaint> {
    let unwritable = |error: std::io::Error| Complaint::whole_file(path, format!("cannot be written: {error}"));
    if let Some(folder) = Path::new(path).parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let unfinished = format!("{path}.new");
    fs::write(&unfinished, text).map_err(unwritable)?;
    fs::rename(&unfinished, path).map_err(unwritable)
}

fn read(path: &str, default: &str) -> Result<Vec<u8>, Complaint> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => missing(path, default),
        _ => Complaint::unreadable(path, &error.to_string()),
    };
    let about = fs::metadata(path).map_err(unreadable)?;
    if about.is_dir() {
        return Err(Complaint::unreadable(path, "it is a folder"));
    }
    if about.len() > MAX_FILE_BYTES {
        return Err(Complaint::too_large(path, about.len()));
    }
    fs::read(path).map_err(unreadable)
}

impl Harness {
    /// The names that scenario files may use.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue<'_> {
        Catalogue {
            flows: self.flows().map(|flow| flow as &dyn seedbed::flow::FlowSchema).collect(),
            engine_sites: seedbed::run::engine_sites(),
        }
    }

    /// The flow of a validated file, if it can run here.
    fn flow_named(&self, path: &str, name: &str) -> Result<&dyn AnyFlow, Complaint> {
        let found = self.flows().find(|flow| flow.info().name == name);
        let flow = found.ok_or_else(|| Complaint::whole_file(path, format!("unknown flow `{name}`")))?;
        if flow.info().needs.host && seedbed::host() == "none" {
            let message = format!("flow `{name}` needs the madsim host, and this program was built without it");
            return Err(Complaint::whole_file(path, message).with_help("build with RUSTFLAGS=\"--cfg madsim\""));
        }
        Ok(flow)
    }
}
