//! What people read when a section of a file is wrong; see `errors` for what these tests claim.

use super::catalogue;
use super::errors::{HEAD, HOLDS, cases, complaints_of};
use crate::scenario::read_plan;

/// The top of a plan with nothing wrong in it.
const PLAN_HEAD: &str = "seedbed = 1\nscenario = \"publish/x\"\nflow = \"publish\"\nvariant = \"1.5.0\"\n";

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
fn faults_and_contract() {
    scenarios(
        "scenario-errors-faults",
        &[
            ("a site with a slip", "[faults]\n\"publish/dead-refrence\" = 0.1\n"),
            ("a site without its folder", "[faults]\nreset = 0.1\n"),
            ("a site that is none", "[faults]\n\"weather/rain\" = 0.1\n"),
            ("a site by both labels", "[faults]\n\"net/delay\" = 0.1\n\"net/latency\" = 0.2\n"),
            (
                "rates",
                "[faults]\n\"net/reset\" = 1.5\n\"net/latency\" = -0.1\n\"publish/dead-reference\" = \"often\"\n",
            ),
            ("a percentage", "[faults]\n\"net/reset\" = 25\n"),
            ("not a number", "[faults]\n\"net/reset\" = nan\n"),
            ("in a table", "[faults]\n\"net/reset\" = { rat = 0.1, rate = 7, actors = [], max = -1, pin = 3 }\n"),
            ("a profile with a slip", "[faults]\nprofil = \"quiet\"\n"),
            ("an unknown profile", "[faults]\nprofile = \"swarn\"\n"),
            ("an unknown contract", "[contract]\ndisc = \"ordered\"\n"),
            ("an unknown value of a contract", "[contract]\ndisk = \"reliable\"\n"),
            ("a slip in a list of profiles", "[contract]\ndisk = \"ordered | posix_strict|\"\n"),
            ("too many profiles", "[contract]\ndisk = 'any | ordered | ordered'\n"),
            ("no list of profiles", "[contract]\ndisk = [\"ordered\"]\n"),
            ("a slip in a list of faults", "[contract]\ndisk-faults = \"sync-error, bitrot, disk/lost-write\"\n"),
            ("faults that are in every contract", "[contract]\ndisk-faults = \"power-cut, latency\"\n"),
            ("none behind others", "[contract]\ndisk-faults = \"bit-rot, none\"\n"),
            ("written with an escape", "[contract]\ndisk = \"\\u006frderly | strict\"\n"),
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
            ("wrong types", "[budget]\nsteps = \"many\"\nvirtual = 10\nseeds = 5\n"),
            ("too large", "[budget]\nsteps = 99999999999999999999\n"),
            ("negative", "[budget]\nsteps = -5\n"),
            ("not a duration", "[budget]\nvirtual = \"10 minutes\"\n"),
            ("seeds out of order", "[budget]\nseeds = { test = 100, run = 50, full = 10 }\n"),
            (
                "out of bounds",
                "[budget]\nsteps = 0x1_0000_0000_0000_0000\n[expect]\nviolates = \"happiness\"\nminimal = { deviations = 5_000_000_000, operations = 1 }\n",
            ),
            ("unknown keys", "[budget]\nstep = 5\npolls_per_step = 5\nseeds = { tests = 1 }\n"),
        ],
    );
}

#[test]
fn workload() {
    scenarios(
        "scenario-errors-workload",
        &[
            ("drawn and listed", "[workload]\noperations = 6\n[[workload.op]]\nflush = {}\n"),
            ("neither", "[workload]\n"),
            ("too many", "[workload]\noperations = 10_000_000\n"),
            ("one table instead of a list", "[workload.op]\nflush = {}\n"),
            ("an unknown operation", "[[workload.op]]\noverwrit = { bytes = 1 }\n"),
            ("an unknown field", "[[workload.op]]\noverwrite = { byte = 1 }\n"),
            ("a missing field", "[[workload.op]]\noverwrite = {}\n"),
            ("a wrong type", "[[workload.op]]\noverwrite = { bytes = \"x\" }\n"),
            ("two in one", "[[workload.op]]\noverwrite = { bytes = 1 }\nflush = {}\n"),
            ("each of several", "[workload]\nop = [\"flsh\", 3, { overwrite = { bytes = -1 } }]\n"),
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
            ("in a table of its own", "[flow-config]\nk = 1\n[flow-config.placement]\ns3 = \"x\"\n"),
            ("what the flow says", "[flow-config]\nk = 11\n[flow-config.placement]\ns3 = 20\n"),
            ("not a table", "flow-config = 5\n"),
            ("a number too large", "[flow-config]\nservers = 99999999999999999999\n"),
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
            ("an unknown invariant", "[expect]\nviolates = \"no-self-rejecton\"\n"),
            ("unknown invariants", "[expect]\nholds = [\"hapiness\", \"no-panic\", \"rain\", 5]\n"),
            ("holds is false", "[expect]\nholds = false\n"),
            ("holds is a text", "[expect]\nholds = \"happiness\"\n"),
            ("holds is empty", "[expect]\nholds = []\n"),
            (
                "a search for what holds",
                "[expect]\nholds = true\nwithin-seeds = 5\nminimal = { deviations = 1, operations = 1 }\n",
            ),
            ("more seeds than there are", "[expect]\nviolates = \"happiness\"\nwithin-seeds = 30_000\n"),
            ("a claim with a slip", "[expect]\nviolate = \"happiness\"\n"),
            ("zero seeds", "[expect]\nviolates = \"happiness\"\nwithin-seeds = 0\n"),
            ("half a minimum", "[expect]\nviolates = \"happiness\"\nminimal = { deviation = 1 }\n"),
            ("an unknown mark", "[expect]\nholds = true\nsometimes = [\"dead-reference\"]\n"),
            (
                "in explore",
                "[explore]\nfrom = \"publish-start\"\nevents = [\"request\", \"replies\", \"x\"]\nsites = [\"net/rest\"]\n",
            ),
            (
                "unknown checks",
                "[expect]\nholds = true\n[checks]\nhapiness = \"off\"\nno-panic = \"maybe\"\nno-hang = 1\n",
            ),
            ("checks against the claim", "[expect]\nviolates = \"happiness\"\n[checks]\nhappiness = \"off\"\n"),
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
                read("operations = [\n  { n = 1, op = \"flush\" },\n  { n = 1, op = \"flush\" },\n]\n"),
            ),
            (
                "bad operations",
                read("operations = [ { op = \"flush\" }, { n = 2 }, { n = 3, op = { flsh = {} } }, \"flush\" ]\n"),
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
            ("half a failure", read("[failure]\ninvariant = \"hapiness\"\n")),
            ("fails without a failure", read("fails-on = [\"1.5.0\"]\n")),
            (
                "fails and holds",
                read(
                    "fails-on = [\"correct\"]\nholds-on = [\"correct\", \"1.5.0\", \"2\"]\n[failure]\ninvariant = \"happiness\"\ncause = \"c\"\n",
                ),
            ),
            ("keys of a scenario", read("goal = \"g\"\n[faults]\nprofile = \"swarm\"\n[workload]\noperations = 5\n")),
            ("no expectation", read("# expect\n")),
        ],
    );
}
