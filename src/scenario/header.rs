//! What scenario and plan files have in common: decoding, syntax, version, flow and variant.

use toml::de::DeTable;

use super::catalogue::{Catalogue, Names, labels};
use super::complaint::Complaints;
use super::fields::{Fields, Placed, value_in_words, whole_number};
use super::findings::Findings;

/// The version of the format that this build reads and writes.
pub(super) const VERSION: u64 = 1;

/// The file's table.
///
/// # Errors
/// It is not TOML: then nothing else can be checked.
pub(super) fn parse<'t>(
    text: &'t str,
    mut findings: Findings<'_>,
) -> Result<DeTable<'t>, Complaints> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(table.into_inner());
    }
    // After an error the parser guesses how to go on; within one line its further errors are echoes.
    let mut places: Vec<_> = errors
        .iter()
        .map(|error| (error.span().unwrap_or(0..0), error.message()))
        .collect();
    places.sort_by_key(|(span, _)| span.start);
    let mut line_end = None;
    for (span, message) in places {
        if line_end.is_some_and(|end| span.start <= end) {
            continue;
        }
        let start = span.start.min(text.len());
        line_end = Some(
            text.as_bytes()[start..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(text.len(), |at| start + at),
        );
        findings.add(&span, in_words(message, span.is_empty()));
    }
    findings.finish(None)
}

/// The parser's message, with the two that mislead put straight.
fn in_words(message: &str, nothing_there: bool) -> String {
    match message {
        "string values must be quoted, expected literal string" if nothing_there => {
            "not TOML: there is no value behind the `=`".to_owned()
        }
        "string values must be quoted, expected literal string" => {
            "not TOML: a text must stand in quotes, and a number must be a plain one".to_owned()
        }
        "duplicate key" => "this key was given before".to_owned(),
        message => format!("not TOML: {message}"),
    }
}

/// Checks the version. `false`: it is another one, so the rest would be misread.
pub(super) fn check_version(root: &Fields<'_, '_>, findings: &mut Findings<'_>) -> bool {
    let Some(value) = root.get("seedbed") else {
        root.missing("seedbed", "seedbed = 1", findings);
        return true;
    };
    let version = value.get_ref().as_integer().and_then(whole_number);
    if version == Some(VERSION) {
        return true;
    }
    let found = value_in_words(value.get_ref());
    let message = match version {
        Some(newer) if newer > VERSION => {
            format!(
                "format version {newer} is newer than this build, which reads version {VERSION}"
            )
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
    let example = catalogue
        .flow_names()
        .first()
        .map_or("flow = \"publish\"".to_owned(), |name| {
            format!("flow = \"{name}\"")
        });
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
    Subject {
        flow: flow.map(|flow| flow.value),
        valid_variant: variant.clone().filter(|_| valid),
        variant,
        names,
    }
}

/// Whether the flow has the variant; complains if not.
pub(super) fn check_variant(
    variant: &Placed<String>,
    names: &Names<'_>,
    findings: &mut Findings<'_>,
) -> bool {
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
        assert_eq!(
            name_of("scenarios/publish/ticket-877.toml"),
            "publish/ticket-877"
        );
        assert_eq!(name_of("a\\publish\\x.plan.toml"), "publish/x");
        assert_eq!(name_of("./x.toml"), "x");
        assert_eq!(name_of("x"), "x");
    }
}
