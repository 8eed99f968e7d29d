//! What a flow is built into: nodes, each with net, clock, tasks and callbacks; checks; and what the workload is.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;

use crate::check::{Checks, InvariantInfo, InvariantKind, Outcome, Witness};
use crate::choice::{Coin, Latency, Rate, Site};
use crate::disk::{Disks, NodeDisk};
use crate::kernel::{Down, NodeHandle, NodeId, Sim, StepHook};
use crate::net::{Net, NetConfig, NodeNet};
use crate::reentry::{self, Completer, Completion};
use crate::snapshot::{KeepStates, Recorder, States};

/// A node that may crash is killed after one of its steps, and started again after a while.
pub static KILL: Site = Site::fault(
    "node/kill",
    "the process of a node is killed after a step, and started again after 1 ms to 10 s",
    Rate::per_million(500),
    Rate::per_million(20_000),
)
.grounded("Crashes, deployments, the kernel's out-of-memory killer; the page cache survives.")
.passing();

/// A node that may crash is paused after one of its steps.
pub static PAUSE: Site = Site::fault(
    "node/pause",
    "a node stands still after a step, for 1 ms to 10 s, as in a long garbage collection",
    Rate::per_million(500),
    Rate::per_million(20_000),
)
.grounded("Stop-the-world collections, swapping, a virtual machine that is migrated or suspended.")
.passing();

/// How long a crashed or paused node is away.
static AWAY: Site = Site::latency("node/away", "how long a killed or paused node is away")
    .grounded("From a process that is restarted at once to a machine that boots.");

/// The sites of this module.
pub static SITES: &[&Site] = &[&KILL, &PAUSE, &AWAY];

const AWAY_TIME: Latency = Latency { quiet: Duration::from_millis(100), max: Duration::from_secs(10) };

/// The world of one run. Clones are one world.
#[derive(Clone)]
pub struct World {
    inner: Rc<Inner>,
}

struct Inner {
    sim: Sim,
    net: Net,
    disks: Disks,
    checks: RefCell<Checks>,
    workload: RefCell<Vec<Rc<Cell<bool>>>>,
    /// Nodes that start with the run phase; `None` once it has begun.
    clients: RefCell<Option<Vec<NodeId>>>,
    may_crash: RefCell<Vec<NodeId>>,
    run_limit: Cell<Option<Duration>>,
    settle: Cell<Duration>,
    recorder: RefCell<Recorder>,
    /// Whether each step is recorded: all a run that keeps no states has to read.
    recording: Cell<bool>,
}

/// A node, as its own code sees it: a [`NodeHandle`] with network, disk and re-entry added.
#[derive(Clone)]
pub struct Node {
    handle: NodeHandle,
    net: Net,
    disks: Disks,
}

impl Deref for Node {
    type Target = NodeHandle;

    fn deref(&self) -> &NodeHandle {
        &self.handle
    }
}

impl Node {
    /// The network as this node sees it.
    #[must_use]
    pub fn net(&self) -> NodeNet {
        NodeNet::new(&self.net, &self.handle)
    }

    /// This node's disk. It survives the node.
    #[must_use]
    pub fn disk(&self) -> NodeDisk {
        self.disks.of(&self.handle)
    }

    /// Marks a boundary inside a callback: see [`reentry::boundary`].
    pub fn boundary(&self, site: &'static Site, callback: &str) -> bool {
        reentry::boundary(&self.handle, site, callback)
    }

    /// State that is reached from callbacks.
    pub fn cell<T: 'static>(&self, label: &'static str, value: T) -> reentry::Cell<T> {
        reentry::Cell::new(&self.handle, label, value)
    }

    /// A completion whose answer will come.
    #[must_use]
    pub fn pending<T: 'static>(&self, label: &'static str) -> (Completer<T>, Completion<T>) {
        Completion::pending(&self.handle, label)
    }

    /// A completion whose answer is there already.
    pub fn ready<T: 'static>(&self, label: &'static str, value: T) -> Completion<T> {
        Completion::ready(&self.handle, label, value)
    }
}

impl World {
    /// An empty world over a simulation.
    #[must_use]
    pub fn new(sim: &Sim, checks: Checks) -> World {
        let inner = Inner {
            sim: sim.clone(),
            net: Net::new(sim, NetConfig::default()),
            disks: Disks::new(sim),
            checks: RefCell::new(checks),
            workload: RefCell::default(),
            clients: RefCell::new(Some(Vec::new())),
            may_crash: RefCell::default(),
            run_limit: Cell::new(None),
            settle: Cell::new(Duration::from_secs(60)),
            recorder: RefCell::default(),
            recording: Cell::new(false),
        };
        World { inner: Rc::new(inner) }
    }

    /// The simulation.
    #[must_use]
    pub fn sim(&self) -> &Sim {
        &self.inner.sim
    }

    /// The network.
    #[must_use]
    pub fn net(&self) -> &Net {
        &self.inner.net
    }

    /// The disks of all nodes, from outside.
    #[must_use]
    pub fn disks(&self) -> &Disks {
        &self.inner.disks
    }

    // --- nodes -----------------------------------------------------------------------------------------------------

    /// A node whose code is a task, started anew at each start of the node.
    pub fn node<F>(&self, name: &str, main: impl Fn(Node) -> F + 'static) -> NodeId
    where
        F: Future<Output = ()> + 'static,
    {
        self.callback_node(name, as_task(main))
    }

    /// A node whose code is callbacks: `starter` runs at each start of the node and attaches them.
    pub fn callback_node(&self, name: &str, starter: impl Fn(Node) + 'static) -> NodeId {
        let id = self.add_node(name, starter);
        self.inner.sim.start(id, Duration::ZERO);
        id
    }

    fn add_node(&self, name: &str, starter: impl Fn(Node) + 'static) -> NodeId {
        let (net, disks) = (self.inner.net.clone(), self.inner.disks.clone());
        self.inner.sim.add_node(name, move |handle| starter(Node { handle, net: net.clone(), disks: disks.clone() }))
    }

    /// A node whose code is the workload, or a part of it. It starts when the run phase does, so that faults can strike
    /// all it does; the phase ends when all of the workload has ended.
    pub fn client<F>(&self, name: &str, main: impl Fn(Node) -> F + 'static) -> NodeId
    where
        F: Future<Output = ()> + 'static,
    {
        let done = self.workload_part();
        let main = as_task(move |node| {
            let (future, done) = (main(node), done.clone());
            async move {
                future.await;
                done();
            }
        });
        let id = self.add_node(name, main);
        match &mut *self.inner.clients.borrow_mut() {
            Some(waiting) => waiting.push(id),
            None => self.inner.sim.start(id, Duration::ZERO),
        }
        id
    }

    /// A part of the workload whose end is reported by calling the answer; for workloads written with callbacks.
    pub fn workload_part(&self) -> impl Fn() + Clone + 'static {
        let done = Rc::new(Cell::new(false));
        self.inner.workload.borrow_mut().push(Rc::clone(&done));
        move || done.set(true)
    }

    /// Lets the sites `node/kill`, `node/pause` and `disk/power-cut` strike this node. Its code must survive being
    /// started again.
    pub fn may_crash(&self, node: NodeId) {
        self.inner.may_crash.borrow_mut().push(node);
        self.inner.disks.may_cut(node, |sim, node| {
            let away = away(sim, node);
            sim.kill(node, Down::PowerCut);
            sim.start(node, away);
        });
    }

    /// The run phase ends after this much virtual time even if the workload has not (default: the budget's half).
    pub fn run_limit(&self, limit: Duration) {
        self.inner.run_limit.set(Some(limit));
    }

    /// How long the system gets after faults have stopped, unless nothing is left to do before (default 60 s).
    pub fn settle(&self, limit: Duration) {
        self.inner.settle.set(limit);
    }

    // --- checks ----------------------------------------------------------------------------------------------------

    /// The code behind a declared invariant that must hold after every step.
    pub fn always(&self, id: &str, check: impl FnMut() -> Outcome + 'static) {
        self.inner.checks.borrow_mut().register(id, InvariantKind::Always, check);
    }

    /// The code behind a declared invariant that must hold once faults have stopped and the system has settled.
    pub fn eventually(&self, id: &str, check: impl FnMut() -> Outcome + 'static) {
        self.inner.checks.borrow_mut().register(id, InvariantKind::Eventually, check);
    }

    /// The code behind a declared invariant that is looked at once, at the very end.
    pub fn at_end(&self, id: &str, check: impl FnMut() -> Outcome + 'static) {
        self.inner.checks.borrow_mut().register(id, InvariantKind::AtEnd, check);
    }

    /// A witness that answers for all these invariants; it looks once before those of a kind are asked.
    pub fn witness<W: Witness + 'static>(&self, declared: &'static [InvariantInfo], witness: &Rc<W>) {
        let mut checks = self.inner.checks.borrow_mut();
        let looks = [(InvariantKind::Always, W::look as fn(&W)), (InvariantKind::Eventually, W::look_settled)];
        for (kind, look) in looks {
            let witness = Rc::clone(witness);
            checks.register_look(kind, move || look(&witness));
        }
        for (index, info) in declared.iter().enumerate() {
            let witness = Rc::clone(witness);
            checks.register(info.id, info.kind, move || witness.findings().take(index));
        }
    }

    // --- state, for people -----------------------------------------------------------------------------------------

    /// What is worth seeing of a node's state, for `replay --until`, `when`, `diff` and `explain`.
    ///
    /// `show` is called only in runs that somebody looks at, after steps, and must only read. What it answers is
    /// flattened to fields: a map `servermap` with the key `s1` becomes `client.servermap.s1`. A node may have several.
    pub fn snapshot<S: Serialize>(&self, node: &str, show: impl Fn() -> S + 'static) {
        let show =
            move || serde_json::to_value(show()).unwrap_or_else(|error| format!("(cannot be shown: {error})").into());
        self.inner.recorder.borrow_mut().add(node, Box::new(show));
    }

    pub(crate) fn keep_states(&self, keep: KeepStates) {
        let mut recorder = self.inner.recorder.borrow_mut();
        recorder.keep(keep);
        self.inner.recording.set(recorder.is_stepping());
    }

    pub(crate) fn record_states(&self) {
        self.inner.recorder.borrow_mut().record(&self.inner.sim);
    }

    pub(crate) fn record_files(&self) {
        self.inner.recorder.borrow_mut().record_files(&self.inner.sim, &self.inner.disks);
    }

    pub(crate) fn take_states(&self) -> States {
        self.inner.recorder.borrow_mut().take()
    }

    // --- for the run -----------------------------------------------------------------------------------------------

    /// Whether every part of the workload has ended; false while there is none.
    pub(crate) fn workload_done(&self) -> bool {
        let workload = self.inner.workload.borrow();
        !workload.is_empty() && workload.iter().all(|part| part.get())
    }

    pub(crate) fn limits(&self) -> (Option<Duration>, Duration) {
        (self.inner.run_limit.get(), self.inner.settle.get())
    }

    pub(crate) fn checks(&self) -> &RefCell<Checks> {
        &self.inner.checks
    }

    /// Faults may strike from now on, and the workload begins.
    pub(crate) fn begin_run(&self) {
        self.inner.disks.begin_run();
        let clients = self.inner.clients.borrow_mut().take();
        for client in clients.into_iter().flatten() {
            self.inner.sim.start(client, Duration::ZERO);
        }
    }

    /// Faults have stopped: links open, paused nodes go on, crashed nodes start again.
    pub(crate) fn heal(&self) {
        let sim = &self.inner.sim;
        sim.heal_resources();
        for node in sim.node_ids() {
            if sim.is_paused(node) {
                sim.resume_after(node, Duration::ZERO);
            }
        }
        for node in self.inner.may_crash.borrow().iter() {
            if !sim.is_up(*node) {
                sim.start(*node, Duration::ZERO);
            }
        }
    }

    pub(crate) fn tear_down(&self) {
        self.inner.checks.borrow_mut().tear_down();
        self.inner.workload.borrow_mut().clear();
        self.inner.recorder.borrow_mut().tear_down();
        self.inner.sim.tear_down();
    }

    /// Asks the crash sites after a step of a node that may crash.
    fn crash_by_choice(&self) {
        let sim = &self.inner.sim;
        let Some(node) = sim.stepped_node() else {
            return;
        };
        if !self.inner.may_crash.borrow().contains(&node) || !sim.is_up(node) {
            return;
        }
        let name = sim.node_name(node);
        let [kill, pause] = sim.with_choices(|choices| choices.streams([&KILL, &PAUSE], &name));
        let (killed, paused) = (sim.choose(kill, &Coin), sim.choose(pause, &Coin));
        if !killed && !paused {
            return;
        }
        let away = away(sim, node);
        if killed {
            sim.kill(node, Down::Kill);
            sim.start(node, away);
            sim.observed(kill);
        } else {
            sim.pause(node);
            sim.resume_after(node, away);
            sim.observed(pause);
        }
    }
}

/// How long a node that crashes now is away.
fn away(sim: &Sim, node: NodeId) -> Duration {
    let stream = sim.stream(&AWAY, &sim.node_name(node));
    sim.choose(stream, &AWAY_TIME).max(Duration::from_millis(1))
}

/// A starter that runs a node's code as a task.
fn as_task<F>(main: impl Fn(Node) -> F + 'static) -> impl Fn(Node) + 'static
where
    F: Future<Output = ()> + 'static,
{
    move |node| {
        let future = main(node.clone());
        node.spawn("main", future);
    }
}

impl StepHook for World {
    fn after_step(&mut self, sim: &Sim) -> bool {
        let stop = self.inner.checks.borrow_mut().evaluate(sim, InvariantKind::Always);
        if !stop && !self.inner.may_crash.borrow().is_empty() {
            self.crash_by_choice();
        }
        if self.inner.recording.get() {
            self.record_states();
        }
        stop
    }
}
