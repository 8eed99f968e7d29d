//! What people read when a file is wrong: every complaint there is, as snapshots in `snapshots/`.
//!
//! Each test claims that the complaints of its table are exactly those in its snapshot. Reviewing one means
//! asking: would I know at once what to change?

use std::fmt::Write;

use super::catalogue;
use crate::scenario::{Complaint, Complaints, Override, read_plan, read_scenario};

/// Compares with `snapshots/<name>.snap`.
pub(super) fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "../../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!(name, text) });
}

/// The top of a scenario with nothing wrong in it.
const HEAD: &str = "seedbed = 1\ngoal = \"g\"\nflow = \"publish\"\nvariant = \"1.5.0\"\n";
/// The same of a plan.
const PLAN_HEAD: &str =
    "seedbed = 1\nscenario = \"publish/x\"\nflow = \"publish\"\nvariant = \"1.5.0\"\n";
const HOLDS: &str = "[expect]\nholds = true\n";

fn complaints_of(text: &str, settings: &[Override]) -> Complaints {
    let read = read_scenario(
        "scenarios/publish/x.toml",
        text.as_bytes(),
        &catalogue(),
        settings,
    );
    read.map(|_| ()).expect_err(text)
}

/// A snapshot of many small cases, each with a title.
fn cases<'c>(name: &str, cases: impl IntoIterator<Item = (&'c str, Complaints)>) {
    let mut page = String::new();
    for (title, complaints) in cases {
        let _ = writeln!(page, "--- {title}\n{complaints}\n");
    }
    snapshot(name, &page);
}

/// Scenarios that are `HEAD`, the given text and, unless the text has one, an `[expect]`.
fn scenarios(name: &str, table: &[(&'static str, &str)]) {
    cases(
        name,
        table.iter().map(|(title, text)| {
            let expect = if text.contains("expect") { "" } else { HOLDS };
            (*title, complaints_of(&format!("{HEAD}{text}{expect}"), &[]))
        }),
    );
}

#[test]
fn whole_files() {
    let read = |bytes: &[u8]| {
        read_scenario("x.toml", bytes, &catalogue(), &[])
            .map(|_| ())
            .expect_err("not a scenario")
    };
    cases(
        "scenario-errors-whole-file",
        [
            ("empty", read(b"")),
            ("blank", read(b"\xef\xbb\xbf \r\n\n")),
            ("10 MiB", read(&vec![b'a'; 10 << 20])),
            ("one byte too many", read(&vec![b'a'; (1 << 20) + 1])),
            ("binary", read(b"seedbed = 1\n\x7fELF\x02\xff\xfe")),
            (
                "missing",
                Complaint::missing_file("scenarios/x.toml", &[]).into(),
            ),
            (
                "missing, with a near one",
                Complaint::missing_file(
                    "scenarios/publish/tiket-877.toml",
                    &["scenarios/publish/ticket-877.toml"],
                )
                .into(),
            ),
            (
                "unreadable",
                Complaint::unreadable("scenarios", "it is a directory").into(),
            ),
        ],
    );
}

#[test]
fn syntax() {
    let read = |text: &str| complaints_of(text, &[]);
    let long = format!(
        "goal = \"{}\" oops \"{}\"",
        "long ".repeat(40),
        "very ".repeat(40)
    );
    cases(
        "scenario-errors-syntax",
        [
            ("not TOML at all", read("Hello, world!\n")),
            (
                "a value without quotes",
                read("seedbed = 1\nflow = publish\n"),
            ),
            (
                "a duration without quotes",
                read("seedbed = 1\n[budget]\nvirtual = 10m\n"),
            ),
            ("no value", read("seedbed = 1\nflow =\ngoal = \"g\"\n")),
            (
                "two errors",
                read("seedbed = 1\nflow = \"publish\ngoal = x\n"),
            ),
            (
                "a key twice",
                read("seedbed = 1\ngoal = \"a\"\ngoal = \"b\"\n"),
            ),
            (
                "a table twice",
                read("seedbed = 1\n[faults]\n[budget]\n[faults]\n"),
            ),
            (
                "an open list",
                read("seedbed = 1\n[expect]\nholds = [\"a\",\n"),
            ),
            (
                "an open header",
                read("seedbed = 1\n[expect\nholds = true\n"),
            ),
            (
                "with Windows line ends",
                read("seedbed = 1\r\n\r\nflow = publish\r\n"),
            ),
            (
                "behind tabs and accents",
                read("seedbed = 1\n\tgoal\t= \"é\" \tß\n"),
            ),
            ("in a long line", read(&long)),
            (
                "with an escape sequence",
                read("seedbed = 1\ngoal = \u{1b}[31m\n"),
            ),
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
            (
                "a newer version",
                read(&format!("seedbed = 2\n{body}future = true\n")),
            ),
            ("not a version", read(&format!("seedbed = \"1\"\n{body}"))),
            ("nothing but a version", read("seedbed = 1\n")),
            (
                "an unknown key",
                read(&format!("seedbed = 1\ngaol = 1\n{body}")),
            ),
            (
                "an unknown table",
                read(&format!("seedbed = 1\n{body}[weather]\nrain = true\n")),
            ),
            (
                "a key below the wrong header",
                read(&format!("seedbed = 1\n{body}steps = 5\nflow = \"x\"\n")),
            ),
            (
                "wrong types",
                read(
                    "seedbed = 1\ngoal = 1\nflow = true\nvariant = 1.5\nfaults = 1\nexpect = \"x\"\nbudget = []\n",
                ),
            ),
            (
                "an unknown flow",
                read(&format!(
                    "seedbed = 1\n{}",
                    body.replace("publish", "publsh")
                )),
            ),
            (
                "an unknown variant",
                read(&format!(
                    "seedbed = 1\n{}",
                    body.replace("correct", "1.5.1")
                )),
            ),
            (
                "a flow nobody has heard of",
                read(&format!(
                    "seedbed = 1\n{}[faults]\n\"a/b\" = 1\n",
                    body.replace("publish", "weather")
                )),
            ),
        ],
    );
}

#[test]
fn faults_and_contract() {
    scenarios(
        "scenario-errors-faults",
        &[
            (
                "a site with a slip",
                "[faults]\n\"publish/dead-refrence\" = 0.1\n",
            ),
            ("a site without its folder", "[faults]\nreset = 0.1\n"),
            ("a site that is none", "[faults]\n\"weather/rain\" = 0.1\n"),
            (
                "a site by both labels",
                "[faults]\n\"net/delay\" = 0.1\n\"net/latency\" = 0.2\n",
            ),
            (
                "rates",
                "[faults]\n\"net/reset\" = 1.5\n\"net/latency\" = -0.1\n\"publish/dead-reference\" = \"often\"\n",
            ),
            ("a percentage", "[faults]\n\"net/reset\" = 25\n"),
            ("not a number", "[faults]\n\"net/reset\" = nan\n"),
            (
                "in a table",
                "[faults]\n\"net/reset\" = { rat = 0.1, rate = 7, actors = [], max = -1, pin = 3 }\n",
            ),
            ("an unknown profile", "[faults]\nprofile = \"swarn\"\n"),
            ("an unknown contract", "[contract]\ndisc = \"ordered\"\n"),
            (
                "an unknown value of a contract",
                "[contract]\ndisk = \"reliable\"\n",
            ),
        ],
    );
}

#[test]
fn budget() {
    scenarios(
        "scenario-errors-budget",
        &[
            (
                "zeros",
                "[budget]\nsteps = 0\npolls-per-step = 0\ntrace-events = 0\nvirtual = \"0s\"\nseeds = { test = 0 }\n",
            ),
            (
                "wrong types",
                "[budget]\nsteps = \"many\"\nvirtual = 10\nseeds = 5\n",
            ),
            ("too large", "[budget]\nsteps = 99999999999999999999\n"),
            ("negative", "[budget]\nsteps = -5\n"),
            ("not a duration", "[budget]\nvirtual = \"10 minutes\"\n"),
            (
                "seeds out of order",
                "[budget]\nseeds = { test = 100, run = 50, full = 10 }\n",
            ),
            (
                "unknown keys",
                "[budget]\nstep = 5\npolls_per_step = 5\nseeds = { tests = 1 }\n",
            ),
        ],
    );
}

#[test]
fn workload() {
    scenarios(
        "scenario-errors-workload",
        &[
            (
                "drawn and listed",
                "[workload]\noperations = 6\n[[workload.op]]\nflush = {}\n",
            ),
            ("neither", "[workload]\n"),
            ("too many", "[workload]\noperations = 10_000_000\n"),
            ("one table instead of a list", "[workload.op]\nflush = {}\n"),
            (
                "an unknown operation",
                "[[workload.op]]\noverwrit = { bytes = 1 }\n",
            ),
            (
                "an unknown field",
                "[[workload.op]]\noverwrite = { byte = 1 }\n",
            ),
            ("a missing field", "[[workload.op]]\noverwrite = {}\n"),
            (
                "a wrong type",
                "[[workload.op]]\noverwrite = { bytes = \"x\" }\n",
            ),
            (
                "two in one",
                "[[workload.op]]\noverwrite = { bytes = 1 }\nflush = {}\n",
            ),
            (
                "each of several",
                "[workload]\nop = [\"flsh\", 3, { overwrite = { bytes = -1 } }]\n",
            ),
        ],
    );
}

#[test]
fn flow_config() {
    scenarios(
        "scenario-errors-flow-config",
        &[
            ("unknown key", "[flow-config]\nservrs = 5\n"),
            (
                "wrong types, all of them",
                "[flow-config]\nservers = \"x\"\nk = -1\nrain = 1\nplacement = { s3 = true }\n",
            ),
            (
                "in a table of its own",
                "[flow-config]\nk = 1\n[flow-config.placement]\ns3 = \"x\"\n",
            ),
            (
                "what the flow says",
                "[flow-config]\nk = 11\n[flow-config.placement]\ns3 = 20\n",
            ),
            ("not a table", "flow-config = 5\n"),
            (
                "a number too large",
                "[flow-config]\nservers = 99999999999999999999\n",
            ),
        ],
    );
}

#[test]
fn expectations() {
    scenarios(
        "scenario-errors-expect",
        &[
            ("both", "[expect]\nviolates = \"happiness\"\nholds = true\n"),
            ("neither", "[expect]\nsometimes = []\n"),
            (
                "an unknown invariant",
                "[expect]\nviolates = \"no-self-rejecton\"\n",
            ),
            (
                "unknown invariants",
                "[expect]\nholds = [\"hapiness\", \"no-panic\", \"rain\", 5]\n",
            ),
            ("holds is false", "[expect]\nholds = false\n"),
            ("holds is a text", "[expect]\nholds = \"happiness\"\n"),
            ("holds is empty", "[expect]\nholds = []\n"),
            (
                "a search for what holds",
                "[expect]\nholds = true\nwithin-seeds = 5\nminimal = { deviations = 1, operations = 1 }\n",
            ),
            (
                "more seeds than there are",
                "[expect]\nviolates = \"happiness\"\nwithin-seeds = 30_000\n",
            ),
            (
                "zero seeds",
                "[expect]\nviolates = \"happiness\"\nwithin-seeds = 0\n",
            ),
            (
                "half a minimum",
                "[expect]\nviolates = \"happiness\"\nminimal = { deviation = 1 }\n",
            ),
            (
                "an unknown mark",
                "[expect]\nholds = true\nsometimes = [\"dead-reference\"]\n",
            ),
            (
                "in explore",
                "[explore]\nfrom = \"publish-start\"\nevents = [\"request\", \"replies\", \"x\"]\nsites = [\"net/rest\"]\n",
            ),
            (
                "unknown checks",
                "[expect]\nholds = true\n[checks]\nhapiness = \"off\"\nno-panic = \"maybe\"\nno-hang = 1\n",
            ),
            (
                "checks against the claim",
                "[expect]\nviolates = \"happiness\"\n[checks]\nhappiness = \"off\"\n",
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
    snapshot(
        "scenario-errors-all-at-once",
        &complaints_of(text, &[]).to_string(),
    );
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
            (
                "an unknown variant",
                complaints_of(
                    &format!("{HEAD}{HOLDS}"),
                    &[Override::variant("1.5.0+inline")],
                ),
            ),
            (
                "and in the file",
                complaints_of(
                    &format!("{HEAD}{HOLDS}rain = 1\n"),
                    &[Override::variant("x")],
                ),
            ),
        ],
    );
}

#[test]
fn plans() {
    let read = |text: &str| {
        let expect = if text.contains("expect") { "" } else { HOLDS };
        let text = format!("{PLAN_HEAD}{text}{expect}");
        let read = read_plan("x.plan.toml", text.as_bytes(), &catalogue());
        read.map(|_| ()).expect_err(&text)
    };
    cases(
        "scenario-errors-plan",
        [
            (
                "an operation twice",
                read(
                    "operations = [\n  { n = 1, op = \"flush\" },\n  { n = 1, op = \"flush\" },\n]\n",
                ),
            ),
            (
                "bad operations",
                read(
                    "operations = [ { op = \"flush\" }, { n = 2 }, { n = 3, op = { flsh = {} } }, \"flush\" ]\n",
                ),
            ),
            (
                "a deviation twice",
                read(
                    "[[deviations]]\nsite = \"net/delay\"\nactor = \"a\"\nn = 0\nvalue = \"1ms\"\n[[deviations]]\nsite = \"net/latency\"\nactor = \"a\"\nn = 0\nvalue = \"2ms\"\n",
                ),
            ),
            (
                "bad deviations",
                read(
                    "deviations = [\n  { site = \"net/rest\", actor = \"a\", n = -1, value = true },\n  { sit = \"net/reset\" },\n]\n",
                ),
            ),
            (
                "half a failure",
                read("[failure]\ninvariant = \"hapiness\"\n"),
            ),
            ("fails without a failure", read("fails-on = [\"1.5.0\"]\n")),
            (
                "fails and holds",
                read(
                    "fails-on = [\"correct\"]\nholds-on = [\"correct\", \"1.5.0\", \"2\"]\n[failure]\ninvariant = \"happiness\"\ncause = \"c\"\n",
                ),
            ),
            (
                "keys of a scenario",
                read("goal = \"g\"\n[faults]\nprofile = \"swarm\"\n[workload]\noperations = 5\n"),
            ),
            ("no expectation", read("# expect\n")),
        ],
    );
}
