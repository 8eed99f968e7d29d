//! The disks of a run: one per node, made when first used, a resource of the kernel.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::in_flight::{InFlight, Requests};
use super::kinds;
use super::moments::Moments;
use super::sim_chance::{Actor, SimChance};
use crate::choice::{Domain, Settings, stable_hash};
use crate::disk::{Contract, CutMoment, Disk, DiskError, DiskLatency, DiskSetup, FAULTS, Fault};
use crate::kernel::{Down, Eligible, NodeHandle, NodeId, Resource, ResourceId, Sim};
use crate::trace::NameId;

/// A dead stack that makes more calls than this is unwound.
pub const FROZEN_CALLS_MAX: u32 = 10_000;

/// Unwinds the stack of a dead node that does not stop calling. The kernel drops it without a word.
#[derive(Debug)]
pub struct DyingStack;

/// The disks of a run. Clones are one.
#[derive(Clone)]
pub struct Disks {
    pub(super) inner: Rc<Inner>,
}

/// What happens to a node when its power goes off: it goes down, and is started again at some time.
type CutHandler = Rc<dyn Fn(&Sim, NodeId)>;

pub(super) struct Inner {
    sim: Sim,
    pub(super) me: Cell<ResourceId>,
    contract: RefCell<Contract>,
    hosts: RefCell<BTreeMap<NodeId, Host>>,
    may_cut: RefCell<BTreeMap<NodeId, CutHandler>>,
    /// Files that are there when a node's disk is made, by node name.
    templates: RefCell<BTreeMap<String, Disk>>,
    pub(super) requests: RefCell<Requests>,
}

/// The disk of one node.
pub(super) struct Host {
    pub(super) disk: Disk,
    actors: BTreeMap<Rc<str>, Rc<Actor>>,
    node_actor: Rc<Actor>,
    pub(super) next_owner: u64,
    /// What is wrong with the device is known. Drawn when the disk is made, or when faults begin to strike.
    device_drawn: bool,
    /// Calls by handles of dead incarnations since the last start.
    frozen_calls: u32,
    /// What is built on this disk in one life of the node: the incarnation, and a weak handle to it.
    #[cfg(feature = "sqlite")]
    extension: Option<(u32, std::rc::Weak<dyn std::any::Any>)>,
}

/// What an operation is to power cuts and to the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Asks the operating system; takes no time.
    Ask,
    /// Reads.
    Look,
    /// Changes what everybody sees.
    Change,
    /// Makes things durable.
    Sync,
}

impl Class {
    /// What it takes on a healthy, idle disk.
    pub(crate) fn quiet_time(self) -> Duration {
        match self {
            Class::Ask => Duration::ZERO,
            Class::Look => Duration::from_micros(2),
            Class::Change => Duration::from_micros(5),
            Class::Sync => Duration::from_micros(500),
        }
    }
}

impl Disks {
    /// Disks under the default contract.
    #[must_use]
    pub fn new(sim: &Sim) -> Disks {
        let inner = Rc::new(Inner {
            sim: sim.clone(),
            me: Cell::new(ResourceId::UNREGISTERED),
            contract: RefCell::default(),
            hosts: RefCell::default(),
            may_cut: RefCell::default(),
            templates: RefCell::default(),
            requests: RefCell::default(),
        });
        inner.me.set(sim.add_resource(Rc::clone(&inner) as Rc<dyn Resource>));
        Disks { inner }
    }

    /// What the system promises to survive; faults that the settings name are wanted beyond it. To be said
    /// before a disk is used.
    pub fn set_contract(&self, mut contract: Contract, settings: &Settings) {
        for info in FAULTS {
            if settings.of(info.site).is_some() {
                contract.tolerate(info.fault);
            }
        }
        *self.inner.contract.borrow_mut() = contract;
    }

    /// The power of this node may go off around any operation that changes its disk; `cut` takes it down.
    pub fn may_cut(&self, node: NodeId, cut: impl Fn(&Sim, NodeId) + 'static) {
        self.inner.may_cut.borrow_mut().insert(node, Rc::new(cut));
    }

    /// The files a node's disk begins with, all of them durable. To be said before the disk is used.
    pub fn install(&self, node: &str, template: &Disk) {
        let mut template = template.clone();
        template.kill_process();
        template.settle();
        self.inner.templates.borrow_mut().insert(node.to_owned(), template);
    }

    /// Faults may strike from now on: what is wrong with the disks that nodes used while they booted is drawn.
    pub(crate) fn begin_run(&self) {
        for (&node, host) in self.inner.hosts.borrow_mut().iter_mut() {
            self.inner.draw_device(node, host);
        }
    }

    /// A look at a node's disk, from outside: no faults, no time, no trace.
    pub fn look<R>(&self, node: NodeId, look: impl FnOnce(&Disk) -> R) -> R {
        self.inner.with_host(node, |host| look(&host.disk))
    }

    /// The files on a node's disk; none if it was never used. Makes no disk and no choice.
    #[must_use]
    pub fn files(&self, node: NodeId) -> Vec<(String, Vec<u8>)> {
        let hosts = self.inner.hosts.borrow();
        hosts.get(&node).map(|host| host.disk.files()).unwrap_or_default()
    }

    /// The node's disk is lost: an empty one is in its place. Only while the node is down.
    pub fn lose(&self, node: NodeId) {
        assert!(!self.inner.sim.is_up(node), "the disk of a running node cannot be taken away");
        self.inner.with_host(node, |host| host.disk.lose());
    }
}

impl Inner {
    pub(super) fn sim(&self) -> &Sim {
        &self.sim
    }

    pub(super) fn with_host<R>(&self, node: NodeId, use_it: impl FnOnce(&mut Host) -> R) -> R {
        let mut hosts = self.hosts.borrow_mut();
        use_it(hosts.entry(node).or_insert_with(|| self.make_host(node)))
    }

    fn make_host(&self, node: NodeId) -> Host {
        let name = self.sim.node_name(node);
        let node_actor = Rc::new(Actor::new(&self.sim, name.to_string(), ""));
        let mut chance = SimChance { sim: &self.sim, node, actor: &node_actor };
        let setup = DiskSetup::draw(self.contract.borrow().clone(), stable_hash(&["disk", &name]), &mut chance);
        let disk = match self.templates.borrow().get(&*name) {
            Some(template) => Disk { setup, ..template.clone() },
            None => Disk::new(setup),
        };
        let mut host = Host {
            disk,
            actors: BTreeMap::new(),
            node_actor,
            next_owner: 0,
            device_drawn: false,
            frozen_calls: 0,
            #[cfg(feature = "sqlite")]
            extension: None,
        };
        if self.sim.with_choices(|choices| choices.is_armed()) {
            self.draw_device(node, &mut host);
        }
        host
    }

    fn draw_device(&self, node: NodeId, host: &mut Host) {
        if !std::mem::replace(&mut host.device_drawn, true) {
            let actor = Rc::clone(&host.node_actor);
            host.disk.draw_device(&mut SimChance { sim: &self.sim, node, actor: &actor });
        }
    }

    /// Who makes the choices about this file.
    pub(super) fn actor(&self, node: NodeId, file: &str) -> Rc<Actor> {
        self.with_host(node, |host| {
            if let Some(actor) = host.actors.get(file) {
                return Rc::clone(actor);
            }
            let name = format!("{}:{file}", host.node_actor.name);
            let actor = Rc::new(Actor::new(&self.sim, name, file));
            host.actors.insert(file.into(), Rc::clone(&actor));
            actor
        })
    }

    /// How long an operation takes.
    pub(super) fn latency(&self, actor: &Actor, class: Class) -> Duration {
        let stream = actor.stream(&self.sim, Fault::Latency);
        self.sim.choose(stream, &DiskLatency { quiet: class.quiet_time() })
    }

    /// Does something on the disk of a living node, unless the power goes off.
    pub(super) fn perform<R>(
        &self,
        node: &NodeHandle,
        actor: &Rc<Actor>,
        class: Class,
        operation: impl FnOnce(&mut Disk, &mut SimChance<'_>) -> Result<R, DiskError>,
    ) -> Result<R, DiskError> {
        if !node.acts("uses its disk") {
            self.frozen_call(node);
            return Err(DiskError::Frozen);
        }
        let moment = self.cut_moment(node.id(), actor, class);
        if moment == CutMoment::Before {
            self.cut(node.id(), actor);
            return Err(DiskError::Frozen);
        }
        let mut chance = SimChance { sim: &self.sim, node: node.id(), actor };
        let result = self.with_host(node.id(), |host| operation(&mut host.disk, &mut chance));
        if moment == CutMoment::After {
            self.cut(node.id(), actor);
            return Err(DiskError::Frozen);
        }
        result
    }

    /// Code of a dead incarnation calls; enough is enough.
    pub(super) fn frozen_call(&self, node: &NodeHandle) {
        let mut hosts = self.hosts.borrow_mut();
        let Some(host) = hosts.get_mut(&node.id()) else {
            return;
        };
        host.frozen_calls += 1;
        if host.frozen_calls > FROZEN_CALLS_MAX {
            host.frozen_calls = 0;
            drop(hosts);
            std::panic::resume_unwind(Box::new(DyingStack));
        }
    }

    /// What is built on the disk in this life of the node, if it is still alive.
    #[cfg(feature = "sqlite")]
    pub(super) fn extension(&self, node: &NodeHandle) -> Option<Rc<dyn std::any::Any>> {
        self.with_host(node.id(), |host| match &host.extension {
            Some((incarnation, extension)) if *incarnation == node.incarnation() => extension.upgrade(),
            _ => None,
        })
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn set_extension(&self, node: &NodeHandle, extension: std::rc::Weak<dyn std::any::Any>) {
        self.with_host(node.id(), |host| host.extension = Some((node.incarnation(), extension)));
    }

    fn cut_moment(&self, node: NodeId, actor: &Actor, class: Class) -> CutMoment {
        if matches!(class, Class::Ask | Class::Look) || !self.may_cut.borrow().contains_key(&node) {
            return CutMoment::None;
        }
        let moments = Moments { barrier: class == Class::Sync };
        self.sim.choose(actor.stream(&self.sim, Fault::PowerCut), &moments)
    }

    fn cut(&self, node: NodeId, actor: &Actor) {
        self.sim.observed(actor.stream(&self.sim, Fault::PowerCut));
        let handler = self.may_cut.borrow().get(&node).cloned();
        if let Some(handler) = handler {
            handler(&self.sim, node);
        }
    }

    /// The process is gone: writes in flight stop somewhere.
    fn process_killed(&self, node: NodeId) {
        for (actor, flight) in self.writes_in_flight(node) {
            let mut chance = SimChance { sim: &self.sim, node, actor: &actor };
            self.with_host(node, |host| flight.stop(&mut host.disk, &mut chance));
        }
        self.with_host(node, |host| {
            host.disk.kill_process();
            host.frozen_calls = 0;
        });
    }

    /// The power is gone: writes in flight are pending like any other, and the sampler decides.
    fn power_gone(&self, node: NodeId) {
        for (_, flight) in self.writes_in_flight(node) {
            self.with_host(node, |host| flight.finish(&mut host.disk));
        }
        let (shape, actor) = self.with_host(node, |host| (host.disk.cut_shape(), Rc::clone(&host.node_actor)));
        let chance = SimChance { sim: &self.sim, node, actor: &actor };
        let cut = chance.choose_quietly(Fault::CutState, &shape);
        let text = shape.words(&cut);
        self.sim.emit_text(node, &kinds::POWER_CUT, NameId::NONE, [shape.len() as u64, 0, 0], format_args!("{text}"));
        self.with_host(node, |host| {
            host.disk.power_cut(&shape, &cut);
            host.frozen_calls = 0;
        });
    }

    fn writes_in_flight(&self, node: NodeId) -> Vec<(Rc<Actor>, InFlight)> {
        let dropped = self.requests.borrow_mut().take_of(node);
        dropped.into_iter().filter_map(|request| request.write.map(|write| (request.actor, write))).collect()
    }
}

impl Resource for Inner {
    fn dispatch(&self, _: &Sim, token: u64) {
        self.complete(token);
    }

    fn eligible(&self, _: &Sim, token: u64) -> Eligible {
        match self.requests.borrow().waker(token) {
            Some(waker) => Eligible::Wakes(waker),
            None => Eligible::No,
        }
    }

    fn node_down(&self, _: &Sim, node: NodeId, how: Down) {
        if !self.hosts.borrow().contains_key(&node) {
            return;
        }
        match how {
            Down::Kill => self.process_killed(node),
            Down::PowerCut => self.power_gone(node),
        }
    }

    fn heal(&self, _: &Sim) {
        for host in self.hosts.borrow_mut().values_mut() {
            host.disk.heal_device();
        }
    }

    fn tear_down(&self) {
        let requests = std::mem::take(&mut *self.requests.borrow_mut());
        drop(requests);
        self.may_cut.borrow_mut().clear();
        self.hosts.borrow_mut().clear();
    }
}
