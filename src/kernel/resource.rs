//! What plugs into the kernel: resources with queued events of their own, and a hook after each step.

use super::{Eligible, NodeId, Sim};

/// Names a registered resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceId(pub(super) u32);

impl ResourceId {
    /// Stands for a resource that has not been registered yet.
    pub const UNREGISTERED: ResourceId = ResourceId(u32::MAX);
}

/// How a node went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// The process was killed; what the operating system holds (caches, sockets to close) survives it.
    Kill,
    /// The power was cut.
    PowerCut,
}

/// A simulated resource: something with events in the queue and state per node.
pub trait Resource {
    /// One of its events is due. `token` is what was queued. Called with no kernel borrow held.
    fn dispatch(&self, sim: &Sim, token: u64);

    /// Whether an event of its own may be dispatched inside a callback now.
    fn eligible(&self, sim: &Sim, token: u64) -> Eligible;

    /// A node went down; its tasks are gone already.
    fn node_down(&self, sim: &Sim, node: NodeId, how: Down);

    /// Faults end: blocked things go on.
    fn heal(&self, sim: &Sim);

    /// The run is over: drop whatever points back at the simulation.
    fn tear_down(&self);
}

/// Runs after each step.
pub trait StepHook {
    /// Answers whether the run shall stop here.
    fn after_step(&mut self, sim: &Sim) -> bool;
}
