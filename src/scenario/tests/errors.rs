//! What people read when a file is wrong: every complaint there is, as snapshots in `snapshots/`.
//!
//! Each test claims that the complaints of its table are exactly those in its snapshot. Reviewing one means
//! asking: would I know at once what to change?

use std::fmt::Write;

use super::catalogue;
use crate::scenario::{Complaint, Complaints, Override, read_scenario};

/// Compares with `snapshots/<name>.snap`.
pub(super) fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "../../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!(name, text) });
}

/// The top of a scenario with nothing wrong in it.
pub(super) const HEAD: &str = "seedbed = 1\ngoal = \"g\"\nflow = \"publish\"\nvariant = \"1.5.0\"\n";
pub(super) const HOLDS: &str = "[expect]\nholds = true\n";

pub(super) fn complaints_of(text: &str, settings: &[Override]) -> Complaints {
    let read = read_scenario("scenarios/publish/x.toml", text.as_bytes(), &catalogue(), settings);
    read.map(|_| ()).expect_err(text)
}

/// A snapshot of many small cases, each with a title.
pub(super) fn cases<'c>(name: &str, cases: impl IntoIterator<Item = (&'c str, Complaints)>) {
    let mut page = String::new();
    for (title, complaints) in cases {
        let _ = writeln!(page, "--- {title}\n{complaints}\n");
    }
    snapshot(name, &page);
}

#[test]
fn whole_files() {
    let read =
        |bytes: &[u8]| read_scenario("x.toml", bytes, &catalogue(), &[]).map(|_| ()).expect_err("not a scenario");
    cases(
        "scenario-errors-whole-file",
        [
            ("empty", read(b"")),
            ("blank", read(b"\xef\xbb\xbf \r\n\n")),
            ("10 MiB", read(&vec![b'a'; 10 << 20])),
            ("one byte too many", read(&vec![b'a'; (1 << 20) + 1])),
            ("binary", read(b"seedbed = 1\n\x7fELF\x02\xff\xfe")),
            ("missing", Complaint::missing_file("scenarios/x.toml", &[]).into()),
            (
                "missing, with a near one",
                Complaint::missing_file("scenarios/publish/tiket-877.toml", &["scenarios/publish/ticket-877.toml"])
                    .into(),
            ),
            ("unreadable", Complaint::unreadable("scenarios", "it is a directory").into()),
        ],
    );
}

#[test]
fn syntax() {
    let read = |text: &str| complaints_of(text, &[]);
    let long = format!("goal = \"{}\" oops \"{}\"", "long ".repeat(40), "very ".repeat(40));
    cases(
        "scenario-errors-syntax",
        [
            ("not TOML at all", read("Hello, world!\n")),
            ("a value without quotes", read("seedbed = 1\nflow = publish\n")),
            ("a duration without quotes", read("seedbed = 1\n[budget]\nvirtual = 10m\n")),
            ("a version without quotes", read("seedbed = 1\nvariant = 1.5.0\n")),
            ("a site without quotes", read("seedbed = 1\n[faults]\nnet/reset = 0.1\n")),
            ("an empty key", read("= 1\n")),
            ("no value", read("seedbed = 1\nflow =\ngoal = \"g\"\n")),
            ("two errors", read("seedbed = 1\nflow = \"publish\ngoal = x\n")),
            ("a key twice", read("seedbed = 1\ngoal = \"a\"\ngoal = \"b\"\n")),
            ("a table twice", read("seedbed = 1\n[faults]\n[budget]\n[faults]\n")),
            ("an open list", read("seedbed = 1\n[expect]\nholds = [\"a\",\n")),
            ("an open header", read("seedbed = 1\n[expect\nholds = true\n")),
            ("with Windows line ends", read("seedbed = 1\r\n\r\nflow = publish\r\n")),
            ("behind tabs and accents", read("seedbed = 1\n\tgoal\t= \"é\" \tß\n")),
            ("in a long line", read(&long)),
            ("with an escape sequence", read("seedbed = 1\ngoal = \u{1b}[31m\n")),
        ],
    );
}

#[test]
fn top_level() {
    let read = |text: &str| complaints_of(text, &[]);
    let body = "goal = \"g\"\nflow = \"publish\"\nvariant = \"correct\"\n[expect]\nholds = true\n";
    cases(
        "scenario-errors-top-level",
        [
            ("no version", read(body)),
            ("a newer version", read(&format!("seedbed = 2\n{body}future = true\n"))),
            ("not a version", read(&format!("seedbed = \"1\"\n{body}"))),
            ("nothing but a version", read("seedbed = 1\n")),
            ("an unknown key", read(&format!("seedbed = 1\ngaol = 1\n{body}"))),
            ("an unknown table", read(&format!("seedbed = 1\n{body}[weather]\nrain = true\n"))),
            ("a key below the wrong header", read(&format!("seedbed = 1\n{body}steps = 5\nflow = \"x\"\n"))),
            (
                "wrong types",
                read("seedbed = 1\ngoal = 1\nflow = true\nvariant = 1.5\nfaults = 1\nexpect = \"x\"\nbudget = []\n"),
            ),
            ("an unknown flow", read(&format!("seedbed = 1\n{}", body.replace("publish", "publsh")))),
            ("an unknown variant", read(&format!("seedbed = 1\n{}", body.replace("correct", "1.5.1")))),
            ("keys of a plan", read(&format!("seedbed = 1\nfound-at = \"here\"\n{body}"))),
            (
                "a flow nobody has heard of",
                read(&format!("seedbed = 1\n{}[faults]\n\"a/b\" = 1\n", body.replace("publish", "weather"))),
            ),
        ],
    );
}

#[test]
fn all_at_once() {
    let text = "seedbed = 1
goal = 5
flow = \"publish\"
variant = \"1.5\"
[expect]
violates = \"no-self-rejecton\"
[faults]
\"net/rest\" = 2
[budget]
virtual = \"soon\"
[flow-config]
servers = []
";
    snapshot("scenario-errors-all-at-once", &complaints_of(text, &[]).to_string());
    // What nobody would read to the end is cut, and counted.
    let sites: String = (0..1_000).map(|n| format!("\"rain-{n}\" = 1\n")).collect();
    let complaints = complaints_of(&format!("{HEAD}{HOLDS}[faults]\n{sites}"), &[]);
    assert_eq!((complaints.list().len(), complaints.more()), (50, 950));
    assert!(complaints.to_string().ends_with("… and 950 more"));
}

#[test]
fn settings() {
    let read = |argument: &str| match Override::parse(argument) {
        Ok(setting) => complaints_of(&format!("{HEAD}{HOLDS}"), &[setting]),
        Err(complaint) => complaint.into(),
    };
    cases(
        "scenario-errors-settings",
        [
            ("no value", read("flow-config.servers")),
            ("an empty value", read("flow-config.servers=")),
            ("no key", read("=5")),
            ("an unknown key", read("flow-config.servrs=5")),
            ("an unknown table", read("bugdet.steps=5")),
            ("a wrong type", read("flow-config.servers=many")),
            ("a bad duration", read("budget.virtual=10")),
            ("not TOML", read("flow-config.placement={ s3 = ")),
            ("through something that is no table", read("goal.x=5")),
            ("an unknown variant", complaints_of(&format!("{HEAD}{HOLDS}"), &[Override::variant("1.5.0+inline")])),
            ("and in the file", complaints_of(&format!("{HEAD}{HOLDS}rain = 1\n"), &[Override::variant("x")])),
        ],
    );
}
