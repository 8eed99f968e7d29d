//! Tests of the network, on small worlds whose faults are scripted one by one.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use crate::check::{CheckMode, Checks};
use crate::choice::{Choices, Deviation, Mode, Rate, Script, Seed, Settings, SiteClass, SiteCount, SiteSetting};
use crate::kernel::{Dispatch, Down, Ended, Limits, NodeId, Sim, Time, Until};
use crate::net::{Messages, NetError, Stream};
use crate::trace::Trace;
use crate::world::{Node, World};

mod accounting;
mod connect;
mod crashes;
mod cuts;
mod independence;
mod messages;
mod partitions;
mod slots;
mod streams;
mod trace;

/// A world with a log of what its nodes saw, and when.
struct Toy {
    world: World,
    log: Log,
}

/// Lines like `1.5ms b: got hello`.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn say(&self, node: &Node, what: impl std::fmt::Display) {
        let at = Duration::from_nanos(node.now().as_nanos());
        let line = format!("{at:?} {}: {what}", node.name());
        self.0.borrow_mut().push(line);
    }

    /// What was said, without the times.
    fn said(&self) -> Vec<String> {
        let lines = self.0.borrow();
        let bare = lines.iter().filter_map(|line| Some(line.split_once(' ')?.1.to_owned()));
        bare.collect()
    }
}

/// `(site, actor, n, value)`: the only things that happen besides the quiet ones.
type Fault = (&'static str, &'static str, u64, &'static str);

impl Toy {
    fn new(choices: Choices) -> Toy {
        crate::kernel::quiet_panics();
        let limits = Limits { steps_max: 1_000_000, ..Limits::default() };
        let trace = Trace::new(true, 1_000_000);
        let sim = Sim::new(choices, trace, limits, Dispatch::ByTime);
        Toy { world: World::new(&sim, Checks::new(&[], |_| CheckMode::Stop)), log: Log::default() }
    }

    /// Quiet apart from these faults, each of which must find its place.
    fn with(faults: &[Fault]) -> Toy {
        let deviation = |(site, actor, n, value): &Fault| Deviation {
            site: (*site).to_owned(),
            actor: (*actor).to_owned(),
            n: *n,
            value: (*value).to_owned(),
            step: 0,
        };
        let script: Script = faults.iter().map(deviation).collect();
        Toy::new(Choices::new(Seed(0), Mode::Replay, &script, &Settings::default()))
    }

    fn quiet() -> Toy {
        Toy::with(&[])
    }

    /// What a seed draws under these settings.
    fn drawn(seed: u64, settings: &Settings) -> Toy {
        Toy::new(Choices::new(Seed(seed), Mode::Search, &Script::default(), settings))
    }

    fn sim(&self) -> &Sim {
        self.world.sim()
    }

    fn node<F>(&self, name: &str, main: impl Fn(Node, Log) -> F + 'static) -> NodeId
    where
        F: Future<Output = ()> + 'static,
    {
        let log = self.log.clone();
        self.world.node(name, move |node| main(node, log.clone()))
    }

    fn run_to(&mut self, millis: u64) -> Ended {
        let mut hook = self.world.clone();
        let until =
            Until { deadline: Time::ZERO + Duration::from_millis(millis), done: &|| false, last_step: u64::MAX };
        let ended = self.sim().clone().run(&until, &mut hook);
        assert_eq!(self.sim().incidents().as_slice(), []);
        ended
    }

    /// Runs until nothing is left to do, and answers what the nodes said. Every scripted fault has found its place.
    fn said(&mut self) -> Vec<String> {
        assert_eq!(self.run_to(500_000), Ended::Quiescent);
        self.sim().with_choices(|choices| {
            let anchoring = choices.anchoring();
            assert_eq!(anchoring.used, anchoring.total, "{:?}", anchoring.unused);
        });
        self.log.said()
    }

    /// As [`Toy::said`], with times.
    fn log(&mut self) -> Vec<String> {
        self.said();
        self.log.0.borrow().clone()
    }

    fn kill(&self, node: NodeId, how: Down) {
        self.sim().guard("test", || self.sim().kill(node, how));
    }

    fn count(&self, site: &str) -> SiteCount {
        self.sim().with_choices(|choices| choices.accounting()[site])
    }

    /// How often this kind of event stands in the trace.
    fn events(&self, kind: &str) -> usize {
        let trace = self.sim().trace();
        let events = trace.events().iter();
        events.filter(|event| event.header.kind.label == kind).count()
    }
}

impl Drop for Toy {
    fn drop(&mut self) {
        self.world.tear_down();
    }
}

/// No faults, and everything takes its quiet time.
fn still() -> Settings {
    let classes = [SiteClass::Latency, SiteClass::Schedule];
    Settings { class_rates: classes.map(|class| (class, Rate::NEVER)).into(), ..Settings::default() }
}

/// These settings, and this site at this rate.
fn rated(mut settings: Settings, site: &str, per_million: u32) -> Settings {
    let setting = SiteSetting::rate(Rate::per_million(per_million));
    settings.sites.insert(site.to_owned(), setting);
    settings
}

/// These settings, and every offer of this site takes this value.
fn pinned(mut settings: Settings, site: &str, words: &str) -> Settings {
    let setting = SiteSetting { pin: Some(words.to_owned()), ..SiteSetting::default() };
    settings.sites.insert(site.to_owned(), setting);
    settings
}

async fn accept(node: &Node) -> Stream {
    let listener = node.net().listen("port").expect("nobody else listens");
    listener.accept().await.expect("the node is alive")
}

async fn connect(node: &Node, to: &str) -> Stream {
    node.net().connect(to, "port").await.expect("it connects")
}

/// A message as text, or what came instead.
fn text(received: Result<Vec<u8>, NetError>) -> String {
    match received {
        Ok(bytes) => String::from_utf8(bytes).expect("tests send text"),
        Err(error) => error.to_string(),
    }
}

/// `b` answers each message `x` with `re x` until the connection ends, and says what it saw.
async fn answering(node: Node, log: Log) {
    let messages = Messages::new(accept(&node).await);
    loop {
        match messages.recv().await {
            Ok(message) => {
                let message = text(Ok(message));
                log.say(&node, &message);
                if let Err(error) = messages.send(format!("re {message}").as_bytes()) {
                    log.say(&node, format!("sending: {error}"));
                }
            }
            Err(error) => {
                log.say(&node, error);
                return;
            }
        }
    }
}

/// `a` asks `one`, waits for the answer, asks `two`, and so on; it says what it saw.
async fn asking(node: Node, log: Log, questions: &[&str]) {
    let messages = match node.net().connect("b", "port").await {
        Ok(stream) => Messages::new(stream),
        Err(error) => {
            log.say(&node, error);
            return;
        }
    };
    for question in questions {
        if let Err(error) = messages.send(question.as_bytes()) {
            log.say(&node, format!("sending: {error}"));
            return;
        }
        let answer = messages.recv().await;
        let failed = answer.is_err();
        log.say(&node, text(answer));
        if failed {
            return;
        }
    }
}
