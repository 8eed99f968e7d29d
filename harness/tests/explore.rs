//! Explorations of a toy system whose schedules and fault placements can be counted by hand.

#[path = "toys/reading.rs"]
mod reading;
mod toys;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reading::scenario;
use seedbed::kernel::Dispatch;
use seedbed::scenario::{Plan, Scenario};
use seedbed_harness::execute::Execution;
use seedbed_harness::explore::{
    Bounds, Coverage, Deviations, Placements, Reduction, Schedules, Subject, Summary, Told, explore_schedules,
    place_faults, tell,
};
use seedbed_harness::sweep::Live;
use toys::toys;

static NEVER: AtomicBool = AtomicBool::new(false);

const LISTED: &str = "[explore]\nevents = [\"request\", \"reply\"]\n";
const HOLDS: &str = "[expect]\nholds = true\n";

fn with_bounds<R>(jobs: usize, runs_max: u64, work: impl FnOnce(&Bounds<'_>) -> R) -> R {
    let live = Live::default();
    let on_hang = |deviations: &Deviations| panic!("hangs: {deviations:?}");
    work(&Bounds {
        jobs,
        runs_max,
        interrupted: &NEVER,
        live: &live,
        run_limit: Duration::from_secs(60),
        on_hang: &on_hang,
    })
}

fn explored(scenario: &Scenario, jobs: usize, runs_max: u64) -> (Summary, bool) {
    let flow = toys();
    let subject = Subject { flow: &*flow, scenario, seed: 0 };
    let schedules = Schedules::new(subject, None);
    with_bounds(jobs, runs_max, |bounds| explore_schedules(&schedules, bounds))
        .unwrap_or_else(|trouble| panic!("{trouble:?}"))
}

/// Clients as chains of messages: `(requests, one_way)`, each with a server of its own.
fn chains(clients: &[(usize, bool)]) -> String {
    let clients: Vec<String> = clients
        .iter()
        .enumerate()
        .map(|(server, (requests, one_way))| {
            format!("{{ server = {server}, requests = {requests}, one-way = {one_way} }}")
        })
        .collect();
    format!("flow-config.clients = [{}]\n", clients.join(", "))
}

fn count(config: &str) -> u64 {
    let (summary, complete) = explored(&scenario(&format!("{config}{HOLDS}{LISTED}")), 2, 1_000_000);
    assert!(complete);
    assert_eq!(summary.exhausted, 0);
    summary.runs
}

/// Independent chains of events interleave in (sum)! / product of (length)! ways, no more and no fewer.
#[test]
fn schedules_are_counted_exactly() {
    assert_eq!(count(&chains(&[(1, false)])), 1);
    // Two messages on one link and one on another: 3!/(2! 1!).
    assert_eq!(count(&chains(&[(2, true), (1, true)])), 3);
    assert_eq!(count(&chains(&[(1, false), (1, false)])), 6);
    // 6!/(2! 2! 2!)
    assert_eq!(count(&chains(&[(1, false); 3])), 90);
    // 8!/(4! 2! 2!)
    assert_eq!(count(&chains(&[(2, false), (1, false), (2, true)])), 420);
    // Orders of arrival at one server.
    assert_eq!(
        count(
            "flow-config.clients = [{ requests = 1, one-way = true }, { requests = 1, one-way = true }, { requests = 1, one-way = true }, { requests = 1, one-way = true }]\n"
        ),
        24
    );
}

/// Neither the number of threads nor a second time changes anything, also where a limit cuts it off.
#[test]
fn threads_do_not_matter() {
    let forbidden = "flow-config.forbidden = [2, 1, 0]\n";
    let clients = chains(&[(2, false), (1, false), (2, true)]);
    let scenario = scenario(&format!("{clients}{forbidden}{HOLDS}{LISTED}"));
    for runs_max in [u64::MAX, 300, 7, 1] {
        let alone = explored(&scenario, 1, runs_max);
        assert_eq!(alone.0.runs, runs_max.min(420));
        assert_eq!(alone.1, runs_max > 420);
        assert_eq!(explored(&scenario, 3, runs_max), alone);
    }
}

/// Before the mark everything is quiet: only what happens after the first connection stands is permuted. What is
/// not listed never multiplies the count, and with nothing listed everything does.
#[test]
fn bounds_of_an_exploration() {
    let clients = chains(&[(1, true), (1, true)]);
    // By time until the first client is connected; the other one follows at the same instant.
    let from = format!("{clients}{HOLDS}{LISTED}from = \"started\"\n");
    assert_eq!(explored(&scenario(&from), 2, 1_000).0.runs, 2);
    let nothing_listed = explored(&scenario(&format!("{clients}{HOLDS}")), 2, 100_000);
    // Each client is a chain of five: connect, connected, request, and the end of either direction. 10!/(5! 5!)
    assert_eq!((nothing_listed.0.runs, nothing_listed.1), (252, true));
    let replies = format!("{}{HOLDS}[explore]\nevents = [\"reply\"]\n", chains(&[(1, false); 3]));
    assert_eq!(explored(&scenario(&replies), 2, 1_000).0.runs, 6);
}

/// Every value of a listed site is tried at each of its offers, and a pinned one stays what it is.
#[test]
fn listed_sites_take_all_their_values() {
    let one = "flow-config = { moody = true, clients = [{ server = 0, requests = 2 }] }\n";
    let sites = "[explore]\nevents = [\"timer\"]\nsites = [\"toys/mood\", \"toys/slip\"]\n";
    // Per request: gone ends it (1); otherwise 2 moods and 2 slips, then the next: 1 + 4 x (1 + 4).
    let all = explored(&scenario(&format!("{one}{HOLDS}{sites}")), 2, 1_000);
    assert_eq!((all.0.runs, all.1), (21, true));
    assert_eq!(all.0.by_outcome["done"], 16);
    let pinned = format!("{one}{HOLDS}{sites}[faults]\n\"toys/mood\" = {{ pin = \"grumpy\" }}\n");
    assert_eq!(explored(&scenario(&pinned), 2, 1_000).0.runs, 4);
}

/// Sites that are asked for take the place of those the scenario lists, and what is pinned stays pinned all the same.
#[test]
fn asked_sites_limit_what_is_enumerated() {
    let one = "flow-config = { moody = true, clients = [{ server = 0, requests = 2 }] }\n";
    let sites = "[explore]\nevents = [\"timer\"]\nsites = [\"toys/mood\", \"toys/slip\"]\n";
    let count = |asked: &[&str], rest: &str| {
        let scenario = scenario(&format!("{one}{HOLDS}{sites}{rest}"));
        let flow = toys();
        let asked: Vec<String> = asked.iter().map(|site| (*site).to_owned()).collect();
        let schedules = Schedules::new(Subject { flow: &*flow, scenario: &scenario, seed: 0 }, Some(&asked));
        let explored = with_bounds(2, 1_000, |bounds| explore_schedules(&schedules, bounds));
        explored.unwrap_or_else(|trouble| panic!("{trouble:?}")).0.runs
    };
    // Per request: gone ends it (1), of two other moods each goes on: 1 + 2 x (1 + 2).
    assert_eq!(count(&["toys/mood"], ""), 7);
    // Two requests, a slip or none each.
    assert_eq!(count(&["toys/slip"], ""), 4);
    assert_eq!(count(&["toys/mood", "toys/slip"], ""), 21);
    assert_eq!(count(&["toys/mood"], "[faults]\n\"toys/mood\" = { pin = \"grumpy\" }\n"), 1);
    assert_eq!(count(&[], ""), 1);
}

/// A violation found in some order is told as latencies: by time, as a plan, the same failure after the same
/// arrivals.
#[test]
fn an_order_is_told_as_latencies() {
    let forbidden = "forbidden = [2, 1, 0, 0]";
    let clients = chains(&[(2, false), (1, false), (1, true)]);
    let scenario = scenario(&format!("{clients}flow-config.{forbidden}\n{HOLDS}{LISTED}"));
    let (summary, complete) = explored(&scenario, 2, 100_000);
    assert!(complete);
    assert_eq!(summary.by_invariant.len(), 1);
    assert!(summary.violating > 0 && summary.violating < summary.runs);
    let flow = toys();
    let subject = Subject { flow: &*flow, scenario: &scenario, seed: 0 };
    let schedules = Schedules::new(subject, None);
    let told = tell(&subject, &summary, schedules.sites(), &subject.by_choice()).expect("the toy works");
    let Told::Plan(plan) = told else {
        panic!("{told:?}");
    };
    assert!(plan.script.iter().all(|deviation| deviation.site == "net/latency"), "{plan:?}");
    let found = &summary.failures.values().next().expect("there is one").found[0];
    let by_time = followed(&plan);
    let failure = by_time.failure.expect("it fails by time too");
    assert_eq!(failure.fingerprint(), found.failure.fingerprint());
    // The detail lists the arrivals.
    assert_eq!(failure.detail, found.failure.detail);
    assert_eq!(by_time.anchoring.used, plan.script.len());
}

/// A timer fires when it is due whatever is chosen, so telling an order has to fit messages around it.
#[test]
fn an_order_around_timers_is_told_as_latencies() {
    let clients = "clients = [{ server = 0, requests = 2 }, { server = 0, requests = 1, one-way = true }]";
    let config = format!("flow-config = {{ {clients}, forbidden = [0, 0, 1], patience-ms = 2 }}\n");
    let scenario = scenario(&format!("{config}{HOLDS}[explore]\nevents = [\"request\", \"reply\", \"timer\"]\n"));
    let (summary, complete) = explored(&scenario, 2, 100_000);
    assert!(complete && summary.violating > 0);
    let flow = toys();
    let subject = Subject { flow: &*flow, scenario: &scenario, seed: 0 };
    let schedules = Schedules::new(subject, None);
    let told = tell(&subject, &summary, schedules.sites(), &subject.by_choice()).expect("the toy works");
    let Told::Plan(plan) = told else {
        panic!("{told:?}");
    };
    assert_eq!(followed(&plan).failure.map(|failure| failure.invariant), Some("no-forbidden-order".to_owned()));
}

/// A panic ends its schedule and nothing else.
#[test]
fn panics_are_counted() {
    let config = chains(&[(2, false), (1, false)]);
    let scenario = scenario(&format!("{config}flow-config.panics-at = 3\n{HOLDS}{LISTED}"));
    let (summary, complete) = explored(&scenario, 2, 1_000);
    assert!(complete);
    // Every schedule has three arrivals; what is left after the third is not permuted any more.
    assert_eq!(summary.by_invariant["no-panic"], summary.runs);
    assert!(summary.runs < 15);
}

fn placed(scenario: &Scenario, sites: &[&str], faults: usize, jobs: usize, runs_max: u64) -> (Summary, Vec<Coverage>) {
    let flow = toys();
    let subject = Subject { flow: &*flow, scenario, seed: 0 };
    let sites: Vec<String> = sites.iter().map(|site| (*site).to_owned()).collect();
    let placements = Placements::new(subject, Some(&sites));
    with_bounds(jobs, runs_max, |bounds| place_faults(&placements, faults, bounds))
        .unwrap_or_else(|trouble| panic!("{trouble:?}"))
}

fn coverage(all: &[Coverage]) -> Vec<(u64, Option<u64>)> {
    all.iter().map(|coverage| (coverage.executed, coverage.of)).collect()
}

/// Placements are counted exactly: each set of faults once, in order of occurrence, and what becomes possible only
/// after a first fault is a place for the second.
#[test]
fn placements_are_counted_exactly() {
    let config = "flow-config = { slips-max = 1, clients = [{ server = 0, requests = 3 }] }\n";
    let scenario = scenario(&format!("{config}{HOLDS}"));
    let sites = ["toys/slip", "toys/slide"];
    // Three slips once, and the first two staying.
    let (one, executed) = placed(&scenario, &sites, 1, 2, u64::MAX);
    assert_eq!(coverage(&executed), [(1, Some(1)), (5, Some(5))]);
    assert_eq!(one.violating, 2, "a slip that stays is one too many");
    // After the first slip: a slide (new), two slips, the earlier of them also staying; after the second: a slide and
    // a slip; after the third: a slide. After staying ones: slides, all but the last of them also staying.
    let (two, executed) = placed(&scenario, &sites, 2, 2, u64::MAX);
    assert_eq!(coverage(&executed), [(1, Some(1)), (5, Some(5)), (15, Some(15))]);
    assert_eq!(two.runs, 21);
    for jobs in [1, 3] {
        assert_eq!(placed(&scenario, &sites, 2, jobs, u64::MAX).0, two);
        let (_, cut) = placed(&scenario, &sites, 2, jobs, 9);
        assert_eq!(coverage(&cut), [(1, Some(1)), (5, Some(5)), (3, Some(15))]);
        let (_, cut) = placed(&scenario, &sites, 2, jobs, 4);
        assert_eq!(coverage(&cut), [(1, Some(1)), (3, Some(5)), (0, None)]);
    }
}

/// A failure that takes two particular faults is found, and becomes a plan that shows it.
#[test]
fn two_faults_become_a_plan() {
    let config = "flow-config = { slides = 2, clients = [{ server = 0, requests = 3 }] }\n";
    let scenario = scenario(&format!("{config}{HOLDS}"));
    let sites = ["toys/slip", "toys/slide"];
    assert_eq!(placed(&scenario, &sites, 1, 2, u64::MAX).0.violating, 0);
    let (summary, _) = placed(&scenario, &sites, 2, 2, u64::MAX);
    let flow = toys();
    let subject = Subject { flow: &*flow, scenario: &scenario, seed: 0 };
    let labels: Vec<String> = sites.iter().map(|site| (*site).to_owned()).collect();
    let told = tell(&subject, &summary, &labels, &Dispatch::ByTime).expect("the toy works");
    let Told::Plan(plan) = told else {
        panic!("{told:?}");
    };
    assert!(plan.script.len() >= 4, "{:?}", plan.script);
    assert_eq!(followed(&plan).failure.map(|failure| failure.invariant), Some("no-slide".to_owned()));
}

/// All faults of the engine at once, on the quiet toy: nothing that one of them does breaks anything.
#[test]
fn every_single_fault_of_the_engine() {
    let scenario = scenario(&format!("{}{HOLDS}", chains(&[(1, false)])));
    let flow = toys();
    let subject = Subject { flow: &*flow, scenario: &scenario, seed: 0 };
    let placements = Placements::new(subject, None);
    let (summary, executed) = with_bounds(2, u64::MAX, |bounds| place_faults(&placements, 1, bounds))
        .unwrap_or_else(|trouble| panic!("{trouble:?}"));
    assert_eq!(summary.violating, 0, "{:?}", summary.failures);
    assert!(executed[1].is_complete() && executed[1].executed > 20, "{executed:?}");
}

fn followed(plan: &Plan) -> seedbed::run::RunReport {
    let flow = toys();
    let scenario = plan.to_scenario("followed.plan.toml");
    Execution::of_plan(&*flow, &scenario, plan).run(false).expect("the toy works")
}

fn reduced(scenario: &Scenario, reduction: Reduction) -> Summary {
    let flow = toys();
    let subject = Subject { flow: &*flow, scenario, seed: 0 };
    let schedules = Schedules::new(subject, None).reduced(reduction);
    let explored = with_bounds(2, 1_000_000, |bounds| explore_schedules(&schedules, bounds));
    let (summary, complete) = explored.unwrap_or_else(|trouble| panic!("{trouble:?}"));
    assert!(complete);
    summary
}

const INDEPENDENCE: Reduction = Reduction { state: false, independence: true };
const STATE: Reduction = Reduction { state: true, independence: false };
const BOTH: Reduction = Reduction { state: true, independence: true };

/// Outcomes and violated invariants are the same whether schedules are left out or not, and fewer are executed.
#[test]
fn reductions_lose_nothing() {
    let one_server = |requests: [usize; 3]| {
        let clients: Vec<String> =
            requests.iter().map(|requests| format!("{{ requests = {requests}, one-way = true }}")).collect();
        format!("flow-config.clients = [{}]\n", clients.join(", "))
    };
    let cases = [
        // Three clients with servers of their own: nothing that happens to one concerns another.
        (chains(&[(1, false); 3]), String::new()),
        (chains(&[(2, false), (1, false), (2, true)]), String::new()),
        // Three clients of one server: every order of arrival is another state, of which one is forbidden.
        (one_server([1, 1, 1]), "flow-config.forbidden = [2, 1, 0]\n".to_owned()),
        (one_server([2, 1, 1]), "flow-config.forbidden = [2, 0, 1, 0]\n".to_owned()),
        // Replies go to clients of their own, arrivals to one server.
        (
            "flow-config.clients = [{ requests = 2 }, { requests = 1 }, { server = 1, requests = 1 }]\n".to_owned(),
            "flow-config.slips-max = 0\n".to_owned(),
        ),
    ];
    for (clients, rest) in cases {
        let scenario = scenario(&format!("{clients}{rest}{HOLDS}{LISTED}"));
        let (all, complete) = explored(&scenario, 2, 1_000_000);
        assert!(complete);
        for reduction in [INDEPENDENCE, STATE, BOTH] {
            let fewer = reduced(&scenario, reduction);
            let same = |summary: &Summary| {
                let ids: Vec<String> = summary.by_invariant.keys().cloned().collect();
                let outcomes: Vec<String> = summary.by_outcome.keys().cloned().collect();
                (ids, outcomes, summary.failures.keys().cloned().collect::<Vec<_>>())
            };
            assert_eq!(same(&fewer), same(&all), "{clients}{rest}{reduction:?}");
            assert!(fewer.runs <= all.runs, "{clients}{rest}{reduction:?}: {} of {}", fewer.runs, all.runs);
        }
    }
}

/// How much is left out: of clients that have nothing to do with each other nearly everything, of arrivals at one
/// server nothing.
#[test]
fn what_reductions_save() {
    let apart = scenario(&format!("{}{HOLDS}{LISTED}", chains(&[(1, false); 3])));
    let saved = [INDEPENDENCE, STATE, BOTH].map(|reduction| reduced(&apart, reduction).runs);
    assert!(saved.iter().all(|runs| *runs < 45), "of 90: {saved:?}");
    let together = "flow-config.clients = [{ requests = 1, one-way = true }, { requests = 1, one-way = true }, { requests = 1, one-way = true }]\n";
    let together = scenario(&format!("{together}{HOLDS}{LISTED}"));
    assert_eq!(explored(&together, 2, 1_000).0.runs, 6);
    assert_eq!(reduced(&together, BOTH).runs, 6);
}
