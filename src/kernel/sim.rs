//! The handle to a running simulation: clock, choices, trace, queue and incidents.

use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use super::host::HostClock;
use super::kinds;
use super::lifecycle::Node;
use super::panics::{guarded, install_hook};
use super::queue::Queue;
use super::task::{TaskKey, Tasks, Woken};
use super::tear_down::Circles;
use super::timing::Timings;
use super::{Dispatch, Incident, IncidentKind, Limits, QueueKey, Resource, ResourceId, Time};
use crate::choice::{Choices, Domain, Site, StreamId};
use crate::trace::{EventId, Header, Kind, NameId, Trace};

/// Names a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// No node: the world itself, for events that happen on none.
    pub const WORLD: NodeId = NodeId(u32::MAX);
}

/// A FIFO queue of events: within one lane, a later event never overtakes an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane(u32);

impl Lane {
    /// No lane: a timer, enabled when it is due.
    pub const TIMER: Lane = Lane(0);

    /// No lane either: comes before everything else that is due at its instant, and is not a point of exploration.
    pub const SOON: Lane = Lane(1);
}

/// What a queued event does when its time has come.
pub enum Action {
    /// A resource handles it.
    Resource {
        /// Which one.
        resource: ResourceId,
        /// What it asked to be given back.
        token: u64,
    },
    /// A task is woken.
    Wake(Waker),
    /// A callback runs.
    Call(Box<dyn FnOnce()>),
    /// A node starts (again).
    Start,
    /// A paused node goes on.
    Resume,
    /// A node's eventual queue is drained once: a turn that had to wait for a busy node.
    Turn,
}

impl Action {
    /// Whether it is the node's own code, which ends with the node's life.
    pub(super) fn is_own_code(&self) -> bool {
        matches!(self, Action::Wake(_) | Action::Call(_) | Action::Turn)
    }
}

/// An event to be queued.
pub struct Schedule {
    /// When it is due.
    pub at: Time,
    /// Its queue; [`Lane::TIMER`] for timers.
    pub lane: Lane,
    /// The node it happens on.
    pub node: NodeId,
    /// Its label, as used in `[explore] events` (`request`, `reply`, `timer`).
    pub label: &'static str,
    /// What it is about, for people and for naming it in a choice.
    pub subject: NameId,
    /// What it does.
    pub action: Action,
}

/// A queued event.
pub(super) struct Queued {
    pub(super) schedule: Schedule,
    pub(super) cause: EventId,
    pub(super) incarnation: u32,
}

/// What is on the stack: a task being polled or a callback, and whose code it is.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) node: NodeId,
    pub(super) task: Option<TaskKey>,
    pub(super) name: NameId,
}

impl Frame {
    /// Code that belongs to no node.
    pub(super) fn of_world(name: NameId) -> Frame {
        Frame { node: NodeId::WORLD, task: None, name }
    }
}

/// Counts kept while a run goes on.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Operations by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Sometimes-marks hit.
    pub sometimes: BTreeMap<&'static str, u64>,
    /// Marks passed, with the step of the first time.
    pub marks: BTreeMap<&'static str, u64>,
    /// Events that ran inside a callback: (inner, outer).
    pub reentries: BTreeMap<(String, String), u64>,
}

/// How many inline completions may run inside one another; a run's thread has the stack for it.
pub const MAX_INLINE_DEPTH: u32 = 1_024;

pub(super) struct Core {
    pub(super) choices: RefCell<Choices>,
    pub(super) trace: RefCell<Trace>,
    pub(super) queue: RefCell<Queue<Queued>>,
    pub(super) tasks: RefCell<Tasks>,
    pub(super) nodes: RefCell<Vec<Node>>,
    pub(super) resources: RefCell<Vec<Rc<dyn Resource>>>,
    pub(super) now: Cell<Time>,
    pub(super) step: Cell<u64>,
    pub(super) instant_steps: Cell<u64>,
    /// Polls in this step, nested ones included.
    pub(super) polls: Cell<u64>,
    pub(super) stepped: Cell<Option<NodeId>>,
    pub(super) cause: Cell<EventId>,
    pub(super) turns: RefCell<VecDeque<NodeId>>,
    pub(super) woken: Arc<Woken>,
    pub(super) ready: RefCell<Vec<TaskKey>>,
    pub(super) stack: RefCell<Vec<Frame>>,
    pub(super) nested_depth: Cell<u32>,
    inline_depth: Cell<u32>,
    pub(super) guards: RefCell<Vec<&'static str>>,
    pub(super) incidents: RefCell<Vec<Incident>>,
    pub(super) failed: Cell<bool>,
    pub(super) counters: RefCell<Counters>,
    pub(super) circles: RefCell<Circles>,
    pub(super) limits: Limits,
    pub(super) dispatch: RefCell<Dispatch>,
    /// The order is chosen although the choices are not armed.
    pub(super) choosing_on: Cell<bool>,
    /// Kept only if the order is chosen at some point.
    pub(super) timings: Option<RefCell<Timings>>,
    /// Offers are listed from this mark on.
    log_from: RefCell<Option<String>>,
    pub(super) host: HostClock,
    next_lane: Cell<u32>,
}

/// The running simulation. Cheap to clone; all clones are one simulation.
#[derive(Clone)]
pub struct Sim {
    pub(super) core: Rc<Core>,
}

impl Sim {
    /// A simulation in which nothing has happened yet.
    #[must_use]
    pub fn new(choices: Choices, trace: Trace, limits: Limits, dispatch: Dispatch) -> Sim {
        install_hook();
        Sim {
            core: Rc::new(Core {
                choices: RefCell::new(choices),
                trace: RefCell::new(trace),
                queue: RefCell::default(),
                tasks: RefCell::default(),
                nodes: RefCell::default(),
                resources: RefCell::default(),
                now: Cell::new(Time::ZERO),
                step: Cell::new(0),
                instant_steps: Cell::new(0),
                polls: Cell::new(0),
                stepped: Cell::new(None),
                cause: Cell::new(EventId::ROOT),
                turns: RefCell::default(),
                woken: Arc::default(),
                ready: RefCell::default(),
                stack: RefCell::default(),
                nested_depth: Cell::new(0),
                inline_depth: Cell::new(0),
                guards: RefCell::default(),
                incidents: RefCell::default(),
                failed: Cell::new(false),
                counters: RefCell::default(),
                circles: RefCell::default(),
                limits,
                timings: (dispatch != Dispatch::ByTime).then(RefCell::default),
                dispatch: RefCell::new(dispatch),
                choosing_on: Cell::new(false),
                log_from: RefCell::default(),
                host: HostClock::current(),
                next_lane: Cell::new(2),
            }),
        }
    }

    /// The world's clock.
    #[must_use]
    pub fn now(&self) -> Time {
        self.core.now.get()
    }

    /// The number of the current step, from 1 on; 0 before the first.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.core.step.get()
    }

    // --- choices -------------------------------------------------------------------------------------------------

    /// The stream of an actor at a site; keep the answer, it is what makes an offer cheap.
    #[must_use]
    pub fn stream(&self, site: &'static Site, actor: &str) -> StreamId {
        self.core.choices.borrow_mut().stream(site, actor)
    }

    /// One offer: the choice's answer.
    pub fn choose<D: Domain>(&self, stream: StreamId, domain: &D) -> D::Value {
        self.core.choices.borrow_mut().choose(stream, domain)
    }

    /// An offer that cannot apply here: its position passes, and it is counted apart.
    pub fn ineligible(&self, stream: StreamId) {
        self.core.choices.borrow_mut().ineligible(stream);
    }

    /// The code under test has noticed this fault.
    pub fn observed(&self, stream: StreamId) {
        self.core.choices.borrow_mut().observed(stream);
    }

    /// The choices themselves.
    pub fn with_choices<R>(&self, use_them: impl FnOnce(&mut Choices) -> R) -> R {
        use_them(&mut self.core.choices.borrow_mut())
    }

    // --- trace ---------------------------------------------------------------------------------------------------

    /// The number of a name in the trace.
    #[must_use]
    pub fn name(&self, text: &str) -> NameId {
        self.core.trace.borrow_mut().intern(text)
    }

    /// The text of a name.
    #[must_use]
    pub fn name_text(&self, name: NameId) -> String {
        self.core.trace.borrow().names().text(name).to_owned()
    }

    /// The trace so far.
    #[must_use]
    pub fn trace(&self) -> Ref<'_, Trace> {
        self.core.trace.borrow()
    }

    /// Adds an event on a node, caused by what is going on.
    pub fn emit(&self, node: NodeId, kind: &'static Kind, subject: NameId, args: [u64; 3]) -> EventId {
        self.emit_caused(node, kind, subject, args, self.core.cause.get())
    }

    /// Adds an event on a node with an explicit cause.
    pub fn emit_caused(
        &self,
        node: NodeId,
        kind: &'static Kind,
        subject: NameId,
        args: [u64; 3],
        cause: EventId,
    ) -> EventId {
        let header = self.header(self.node_name_id(node), kind, subject, args, cause);
        self.core.trace.borrow_mut().emit(header)
    }

    /// Adds an event with a text on a node, caused by what is going on.
    pub fn emit_text(
        &self,
        node: NodeId,
        kind: &'static Kind,
        subject: NameId,
        args: [u64; 3],
        text: fmt::Arguments<'_>,
    ) -> EventId {
        let header = self.header(self.node_name_id(node), kind, subject, args, self.core.cause.get());
        self.core.trace.borrow_mut().emit_text(header, text)
    }

    /// Adds an event that belongs to no node.
    pub fn emit_world(&self, kind: &'static Kind, subject: NameId, text: fmt::Arguments<'_>) -> EventId {
        let header = self.header(NameId::NONE, kind, subject, [0; 3], self.core.cause.get());
        self.core.trace.borrow_mut().emit_text(header, text)
    }

    fn header(&self, node: NameId, kind: &'static Kind, subject: NameId, args: [u64; 3], cause: EventId) -> Header {
        Header { at_ns: self.now().as_nanos(), node, kind, cause, subject, args }
    }

    /// The event that what happens now is caused by.
    #[must_use]
    pub fn cause(&self) -> EventId {
        self.core.cause.get()
    }

    /// From here to the end of the step, or to the next call, what happens is caused by this event.
    pub fn set_cause(&self, event: EventId) {
        self.core.cause.set(event);
        self.core.woken.set_cause(event);
    }

    // --- events --------------------------------------------------------------------------------------------------

    /// A new FIFO queue of events.
    #[must_use]
    pub fn lane(&self) -> Lane {
        let lane = self.core.next_lane.get();
        self.core.next_lane.set(lane + 1);
        Lane(lane)
    }

    /// Queues an event, caused by what is going on. An instant in the past means now.
    pub fn schedule(&self, schedule: Schedule) -> QueueKey {
        self.schedule_caused(schedule, self.core.cause.get())
    }

    /// Queues an event with an explicit cause. An instant in the past means now.
    pub fn schedule_caused(&self, mut schedule: Schedule, cause: EventId) -> QueueKey {
        schedule.at = schedule.at.max(self.now());
        let incarnation = self.core.nodes.borrow().get(schedule.node.0 as usize).map_or(0, |node| node.incarnation);
        let at = schedule.at;
        let queued = Queued { schedule, cause, incarnation };
        let mut queue = self.core.queue.borrow_mut();
        let key =
            if queued.schedule.lane == Lane::SOON { queue.push_first(at, queued) } else { queue.push(at, queued) };
        drop(queue);
        self.note_queued(key);
        key
    }

    /// Takes a queued event back; answers whether it was still there.
    pub fn unschedule(&self, key: QueueKey) -> bool {
        let taken = self.core.queue.borrow_mut().cancel(key);
        taken.is_some()
    }

    /// Registers a resource.
    pub fn add_resource(&self, resource: Rc<dyn Resource>) -> ResourceId {
        let mut resources = self.core.resources.borrow_mut();
        resources.push(resource);
        ResourceId(resources.len() as u32 - 1)
    }

    pub(super) fn resource(&self, id: ResourceId) -> Rc<dyn Resource> {
        Rc::clone(&self.core.resources.borrow()[id.0 as usize])
    }

    /// Faults end: every resource lets blocked things go on.
    pub fn heal_resources(&self) {
        for resource in self.all_resources() {
            self.guard("heal", || resource.heal(self));
        }
    }

    /// The node on which the last step's event happened.
    #[must_use]
    pub fn stepped_node(&self) -> Option<NodeId> {
        self.core.stepped.get()
    }

    /// Runs code that belongs to no node (building, checks) as code under test: a panic becomes an incident.
    pub fn guard(&self, name: &'static str, code: impl FnOnce()) {
        self.guard_named(|| name, code);
    }

    /// [`Sim::guard`] for code that has many names: `name` is asked only after a panic. Answers whether there was none.
    pub(crate) fn guard_named(&self, name: impl FnOnce() -> &'static str, code: impl FnOnce()) -> bool {
        match guarded(code) {
            Ok(()) => true,
            Err(caught) => {
                let name = self.name(name());
                self.note_panic(Frame::of_world(name), 0, &caught);
                false
            }
        }
    }

    /// Runs a callback of a node on the current stack: a panic becomes an incident of that node, and what the callback
    /// does has its name. Nothing happens if the node is down.
    pub fn call_back(&self, node: NodeId, name: NameId, callback: impl FnOnce()) {
        if self.is_up(node) {
            let frame = Frame { node, task: None, name };
            self.on_stack(frame, callback);
        }
    }

    pub(super) fn all_resources(&self) -> Vec<Rc<dyn Resource>> {
        self.core.resources.borrow().clone()
    }

    // --- incidents, guards, counters -------------------------------------------------------------------------------

    /// Notes a failure that no invariant of a flow stands for.
    pub fn incident(&self, node: Option<NodeId>, kind: IncidentKind, cause: String, detail: String) {
        let name = node.map_or(NameId::NONE, |node| self.node_name_id(node));
        let subject = self.name(kind.invariant());
        let header = self.header(name, &kinds::INCIDENT, subject, [0; 3], self.core.cause.get());
        let event = self.core.trace.borrow_mut().emit_text(header, format_args!("{detail}"));
        if kind.is_fatal() {
            self.core.failed.set(true);
        }
        self.core.incidents.borrow_mut().push(Incident { kind, cause, detail, step: self.step(), event });
    }

    /// The failures noticed so far.
    #[must_use]
    pub fn incidents(&self) -> Ref<'_, Vec<Incident>> {
        self.core.incidents.borrow()
    }

    /// A guard with this label has come alive; none may be alive when a step has ended.
    pub fn guard_taken(&self, label: &'static str) {
        self.core.guards.borrow_mut().push(label);
    }

    /// A guard with this label is gone.
    pub fn guard_returned(&self, label: &'static str) {
        let mut guards = self.core.guards.borrow_mut();
        if let Some(index) = guards.iter().rposition(|alive| *alive == label) {
            guards.remove(index);
        }
    }

    /// Another completion runs inline, on the stack of the one that caused it; answers whether it may.
    #[must_use]
    pub fn enter_inline(&self, node: NodeId, label: &'static str) -> bool {
        let depth = self.core.inline_depth.get() + 1;
        if depth > MAX_INLINE_DEPTH {
            let detail = format!("more than {MAX_INLINE_DEPTH} completions run inside one another at `{label}`");
            self.incident(Some(node), IncidentKind::Hang, format!("{label} completes without end"), detail);
            return false;
        }
        self.core.inline_depth.set(depth);
        true
    }

    /// The inline completion has returned (or was unwound).
    pub fn leave_inline(&self) {
        self.core.inline_depth.set(self.core.inline_depth.get().saturating_sub(1));
    }

    /// The counts so far.
    #[must_use]
    pub fn counters(&self) -> Ref<'_, Counters> {
        self.core.counters.borrow()
    }

    /// An operation has ended.
    pub fn count_outcome(&self, node: NodeId, outcome: &'static str) {
        let subject = self.name(outcome);
        self.emit(node, &kinds::OUTCOME, subject, [0; 3]);
        *self.core.counters.borrow_mut().outcomes.entry(outcome).or_default() += 1;
    }

    /// Something that should happen now and then has happened. Only the first time stands in the trace.
    pub fn count_sometimes(&self, label: &'static str) {
        let count = {
            let mut counters = self.core.counters.borrow_mut();
            let count = counters.sometimes.entry(label).or_default();
            *count += 1;
            *count
        };
        if count == 1 {
            let subject = self.name(label);
            self.emit_world(&kinds::SOMETIMES, subject, format_args!(""));
        }
    }

    /// The story has reached this point.
    pub fn pass_mark(&self, node: NodeId, mark: &'static str) {
        let subject = self.name(mark);
        self.emit(node, &kinds::MARK, subject, [0; 3]);
        let step = self.step();
        self.core.counters.borrow_mut().marks.entry(mark).or_insert(step);
        let log_from = self.core.log_from.borrow_mut().take_if(|from| from == mark);
        if log_from.is_some() {
            self.with_choices(|choices| choices.log_offers(true));
        }
    }

    /// Lists offers: at once, or from a mark of the flow on.
    pub fn log_offers_from(&self, mark: Option<&str>) {
        match mark {
            None => self.with_choices(|choices| choices.log_offers(true)),
            Some(mark) => *self.core.log_from.borrow_mut() = Some(mark.to_owned()),
        }
    }

    /// Notes the phase in the trace.
    pub fn enter_phase(&self, phase: &str) {
        let subject = self.name(phase);
        self.set_cause(EventId::ROOT);
        self.emit_world(&kinds::PHASE, subject, format_args!(""));
    }
}
