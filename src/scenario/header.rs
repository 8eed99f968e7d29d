//! What scenario and plan files have in common: decoding, syntax, version, flow and variant.

use toml::de::DeTable;

use super::catalogue::{Catalogue, Names, labels};
use super::complaint::Complaints;
use super::fields::Fields;
use super::findings::{Findings, TOP};
use super::serde_words;
use super::source::{Sources, decode};
use super::values::{Placed, in_words, whole_number};

/// The version of the format that this build reads and writes.
pub(super) const VERSION: u64 = 1;

/// The table of a file, and a place for what is wrong with it.
///
/// # Errors
/// It is not TOML: then nothing else can be checked.
pub(super) fn parse<'t>(path: &'t str, bytes: &'t [u8]) -> Result<(DeTable<'t>, Findings<'t>), Complaints> {
    let text = decode(path, bytes)?;
    let mut findings = Findings::new(Sources::new(path, text));
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok((table.into_inner(), findings));
    }
    // After an error the parser guesses how to go on; within one line its further errors are echoes.
    let places = errors.iter().map(|error| (error.span().unwrap_or(TOP), error.message()));
    let mut places: Vec<_> = places.collect();
    places.sort_by_key(|(span, _)| span.start);
    let mut line = 0;
    for (span, message) in places {
        if findings.sources.line(&span) != line {
            line = findings.sources.line(&span);
            let words = serde_words::of_syntax_error(message, text.get(span.clone()).unwrap_or(""));
            // Nothing is missing at the top of the file: there is something wrong with what begins it.
            let span = if span == TOP { 0..1 } else { span };
            findings.add_with(&span, words.message, || words.help);
        }
    }
    findings.finish(None)
}

/// Checks the version. `false`: it is another one, so the rest would be misread.
pub(super) fn check_version(root: &Fields<'_, '_>, findings: &mut Findings<'_>) -> bool {
    let Some(value) = root.get("seedbed") else {
        root.require("seedbed", "seedbed = 1", findings);
        return true;
    };
    let version = value.get_ref().as_integer().and_then(whole_number);
    if version == Some(VERSION) {
        return true;
    }
    let found = in_words(value.get_ref());
    let message = match version {
        Some(newer) if newer > VERSION => {
            format!("format version {newer} is newer than this build, which reads version {VERSION}")
        }
        _ => format!("unknown format version: found {found}, expected seedbed = {VERSION}"),
    };
    findings.add(&value.span(), message);
    false
}

/// The flow a file names, and the names valid under it.
pub(super) struct Subject<'a> {
    pub flow: Option<String>,
    pub variant: Option<String>,
    /// Only if the flow exists.
    pub names: Option<Names<'a>>,
    /// The variant, if the flow has it.
    pub valid_variant: Option<String>,
}

/// Reads `flow` and `variant`.
pub(super) fn read_subject<'a>(
    root: &Fields<'_, '_>,
    catalogue: &Catalogue<'a>,
    findings: &mut Findings<'_>,
) -> Subject<'a> {
    let example =
        catalogue.flow_names().first().map_or("flow = \"publish\"".to_owned(), |name| format!("flow = \"{name}\""));
    let flow = root.required_string("flow", &example, findings);
    let known = flow.as_ref().and_then(|flow| {
        let known = catalogue.flow(&flow.value);
        if known.is_none() {
            findings.unknown(&flow.span, "flow", &flow.value, &catalogue.flow_names());
        }
        known
    });
    let names = known.map(|flow| catalogue.names_of(flow));
    let variant = root.required_string("variant", "variant = \"correct\"", findings);
    let valid = match (&names, &variant) {
        (Some(names), Some(variant)) => check_variant(variant, names, findings),
        _ => false,
    };
    let variant = variant.map(|variant| variant.value);
    Subject { flow: flow.map(|flow| flow.value), valid_variant: variant.clone().filter(|_| valid), variant, names }
}

/// Whether the flow has the variant; complains if not.
pub(super) fn check_variant(variant: &Placed<String>, names: &Names<'_>, findings: &mut Findings<'_>) -> bool {
    let info = names.flow.info();
    let valid = labels(info.variants);
    let known = valid.contains(&variant.value.as_str());
    if !known {
        findings.not_of(&variant.span, info.name, "variant", &variant.value, &valid);
    }
    known
}

/// `<folder>/<file stem>` of a path, as in `publish/ticket-877`.
pub(super) fn name_of(path: &str) -> String {
    let mut parts = path.rsplit(['/', '\\']).filter(|part| !part.is_empty());
    let file = parts.next().unwrap_or(path);
    let stem = file.strip_suffix(".toml").unwrap_or(file);
    let stem = stem.strip_suffix(".plan").unwrap_or(stem);
    match parts.next().filter(|folder| !matches!(*folder, "." | "..")) {
        Some(folder) => format!("{folder}/{stem}"),
        None => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scenario is called by its folder and its stem.
    #[test]
    fn names_of_paths() {
        assert_eq!(name_of("scenarios/publish/ticket-877.toml"), "publish/ticket-877");
        assert_eq!(name_of("a\\publish\\x.plan.toml"), "publish/x");
        assert_eq!(name_of("./x.toml"), "x");
        assert_eq!(name_of("x"), "x");
    }
}
