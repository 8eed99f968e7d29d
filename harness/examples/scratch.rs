//! wip
use std::collections::BTreeMap;
use seedbed::choice::Seed;
use seedbed::flow::FlowSchema;
use seedbed::flows::mailbox::MailboxServer;
use seedbed::kernel::Dispatch;
use seedbed::run::{RunRequest, Source, engine_sites, erased};
use seedbed::scenario::{Catalogue, read_scenario};
fn main() {
    let file = std::env::var("SC").unwrap();
    let mut text = std::fs::read_to_string(&file).unwrap();
    if let Ok(v) = std::env::var("VA") { for o in ["correct","0.3.1","0.8.0"] { text = text.replace(&format!("variant = \"{o}\""), &format!("variant = \"{v}\"")); } }
    let i = text.find("[expect]").unwrap();
    text.truncate(i);
    text.push_str("[expect]\nholds=[\"nothing-after-stop\"]\n");
    let n: u64 = std::env::var("N").unwrap_or("100".into()).parse().unwrap();
    let from: u64 = std::env::var("FROM").unwrap_or("0".into()).parse().unwrap();
    let flow = erased::<MailboxServer>();
    let schema: &dyn FlowSchema = &*flow;
    let catalogue = Catalogue { flows: vec![schema], engine_sites: engine_sites() };
    let sc = read_scenario("mailbox/test.toml", text.as_bytes(), &catalogue, &[]).unwrap_or_else(|c| panic!("{c}"));
    let mut by: BTreeMap<String, (u64, Vec<u64>, String)> = BTreeMap::new();
    let mut out: BTreeMap<String,u64> = BTreeMap::new();
    let mut some: BTreeMap<String,u64> = BTreeMap::new();
    let mut fa: BTreeMap<String,(u64,u64)> = BTreeMap::new();
    let mut ante: BTreeMap<String,(u64,u64)> = BTreeMap::new();
    let mut re: BTreeMap<String,u64> = BTreeMap::new();
    let t = std::time::Instant::now();
    let mut steps=0;
    for seed in from..from+n {
        let r = flow.run(&RunRequest { scenario: &sc, seed: Some(Seed(seed)), source: Source::Search, operations: None, keep_trace: false, keep_offers: false, dispatch: Dispatch::ByTime, until_step: None });
        steps+=r.steps;
        for f in r.failure.iter().chain(&r.also) { let e = by.entry(format!("{}: {}", f.invariant, f.cause)).or_insert((0, vec![], f.detail.clone())); e.0 += 1; if e.1.len()<6 {e.1.push(seed);} }
        if r.verdict != seedbed::check::Verdict::Holds { let e = by.entry(format!("VERDICT {:?} {:?}", r.verdict, r.exhausted)).or_insert((0, vec![], String::new())); e.0 += 1; if e.1.len()<6 {e.1.push(seed);} }
        for (k,v) in r.outcomes { *out.entry(k).or_default() += v; }
        for (k,v) in r.sometimes { *some.entry(k).or_default() += v; }
        for ((a,b),v) in r.reentries { let a: String = a.chars().filter(|c| !c.is_ascii_digit()).collect(); *re.entry(format!("{a} in {b}")).or_default() += v; }
        for (k,v) in r.faults { let e=fa.entry(k).or_default(); e.0 += v.fired; e.1+= v.observed; }
        for (k,v) in r.invariants { let e=ante.entry(k).or_default(); e.0 += v.antecedent; e.1 += v.unpromised; }
    }
    println!("{:?} for {n} seeds, {} steps", t.elapsed(), steps);
    for (k,v) in by { println!("FAIL {k}: {} {:?} {}", v.0, v.1, v.2); }
    println!("{out:?}\n{some:?}\n{fa:?}\n{ante:?}\n{re:?}");
}
