//! What holds for the module as a whole: frozen values, independence, replay, settings.

mod golden;
mod independence;
mod replay;
mod settings;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy;

use super::*;

static CUT: Site = Site::fault("test/cut", "A fault.", Rate::per_million(20_000), Rate::HALF);
static SHORT: Site = Site::fault("test/short", "A fault.", Rate::per_million(20_000), Rate::HALF);
static NEXT: Site = Site::schedule("test/next", "A pick.");
static TRANSIT: Site = Site::latency("test/transit", "A duration.");
static INSIDE: Site = Site::reentry("test/inside", "A nesting.");
static ORDER: Site = Site::value("test/order", "A neutral choice.");
static SITES: [&Site; 6] = [&CUT, &SHORT, &NEXT, &TRANSIT, &INSIDE, &ORDER];

const HOW: OneOf<u8> = OneOf(&[("eventual", 0, 0), ("inline", 1, 3), ("late", 2, 1)]);
const LINK: Latency = Latency { quiet: Duration::from_millis(1), max: Duration::from_secs(1) };
const CANDIDATES: [&str; 4] = ["ada", "ben", "cy", "dot"];

/// One operation of a made-up system under test.
#[derive(Clone, Copy, Debug)]
struct Op {
    site: usize,
    actor: u8,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Choose,
    Word,
    Ineligible,
}

impl Op {
    fn actor(self) -> String {
        format!("actor-{}", self.actor)
    }
}

fn op() -> impl Strategy<Value = Op> {
    let what = prop_oneof![8 => Just(What::Choose), 1 => Just(What::Word), 1 => Just(What::Ineligible)];
    (0..SITES.len(), 0_u8..3, what).prop_map(|(site, actor, what)| Op { site, actor, what })
}

fn program() -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(op(), 0..120)
}

/// A swarm in which every site has a fair chance to deviate.
fn busy() -> Settings {
    Settings {
        profile: Profile::Swarm,
        class_rates: [(SiteClass::Fault, Rate::HALF), (SiteClass::Reentry, Rate::HALF)].into(),
        ..Settings::default()
    }
}

/// Site label, actor and n: what names a choice.
type Place = (&'static str, String, u64);

/// Executes operations, one per step, and tells every answer in words.
struct Runner {
    choices: Choices,
    answers: BTreeMap<Place, String>,
    next_n: BTreeMap<(usize, u8), u64>,
    step: u64,
}

impl Runner {
    fn new(seed: u64, mode: Mode, script: &Script, settings: &Settings) -> Runner {
        Runner {
            choices: Choices::new(Seed(seed), mode, script, settings),
            answers: BTreeMap::new(),
            next_n: BTreeMap::new(),
            step: 0,
        }
    }

    fn search(seed: u64, ops: &[Op]) -> Runner {
        Runner::new(seed, Mode::Search, &Script::default(), &busy()).run(ops)
    }

    /// Without the seed and the settings, as a plan is replayed.
    fn replay(script: &Script, ops: &[Op]) -> Runner {
        Runner::new(0, Mode::Replay, script, &Settings::default()).run(ops)
    }

    fn run(mut self, ops: &[Op]) -> Runner {
        ops.iter().for_each(|op| self.execute(*op));
        self
    }

    fn execute(&mut self, op: Op) {
        let choices = &mut self.choices;
        choices.set_step(self.step);
        self.step += 1;
        let site = SITES[op.site];
        let s = choices.stream(site, &op.actor());
        let answer = match (op.what, op.site) {
            (What::Ineligible, _) => {
                choices.ineligible(s);
                "ineligible".to_owned()
            }
            (What::Word, _) => choices.word(s).to_string(),
            (What::Choose, 0) => Coin.words(&choices.choose(s, &Coin)),
            (What::Choose, 1) => choices.choose(s, &UpTo { quiet: 512, max: 511 }).to_string(),
            (What::Choose, 2) => CANDIDATES[choices.pick(s, &CANDIDATES)].to_owned(),
            (What::Choose, 3) => LINK.words(&choices.choose(s, &LINK)),
            (What::Choose, 4) => HOW.words(&choices.choose(s, &HOW)),
            (What::Choose, _) => Permutation(4).words(&choices.choose(s, &Permutation(4))),
        };
        let n = self.next_n.entry((op.site, op.actor)).or_default();
        self.answers.insert((site.label, op.actor(), *n), answer);
        *n += 1;
    }

    fn quiet_answer(label: &str) -> &'static str {
        match label {
            "test/cut" => "no",
            "test/short" => "512",
            "test/next" => "ada",
            "test/transit" => "1ms",
            "test/inside" => "eventual",
            _ => "[0,1,2,3]",
        }
    }
}
