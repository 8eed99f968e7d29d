//! The end of a run: whatever points in a circle is dropped, so that the memory of a run goes with it.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use super::lifecycle::drop_quietly;
use super::panics::guarded;
use super::sim::Sim;

/// A value that code under test can make part of a circle, and that lets go of what it holds when the run is over.
pub trait InCircle {
    /// Drops what it holds. Nothing uses it any more.
    fn let_go(&self);
}

/// The values of a run that may be parts of circles, and when to look through them next.
#[derive(Default)]
pub(super) struct Circles {
    members: Vec<Weak<dyn InCircle>>,
    look_through_at: usize,
}

/// Below this, members that are gone are not worth looking for.
const FEW: usize = 64;

impl Circles {
    fn add(&mut self, member: Weak<dyn InCircle>) {
        if self.members.len() >= self.look_through_at.max(FEW) {
            self.members.retain(|member| member.strong_count() > 0);
            self.look_through_at = self.members.len() * 2;
        }
        self.members.push(member);
    }
}

impl Sim {
    /// Registers a value that lets go of what it holds when the run is over. It is not kept alive.
    pub fn in_circle<T: InCircle + 'static>(&self, member: &Rc<T>) {
        let member: Weak<T> = Rc::downgrade(member);
        self.core.circles.borrow_mut().add(member);
    }

    /// Ends the run: every task, timer, callback and resource is dropped, so that nothing points in a circle.
    /// Destructors of code under test may do as they like meanwhile.
    pub fn tear_down(&self) {
        for node in self.node_ids() {
            let (starter, continuations) = self.strip(node);
            drop_quietly(starter);
            continuations.into_iter().for_each(drop_quietly);
        }
        let tasks = take(&self.core.tasks);
        tasks.into_tasks().for_each(drop_quietly);
        let mut queue = take(&self.core.queue);
        while let Some((_, queued)) = queue.pop() {
            drop_quietly(queued);
        }
        drop_quietly(queue);
        for resource in self.all_resources() {
            let _ = guarded(|| resource.tear_down());
        }
        self.core.resources.borrow_mut().clear();
        // Last: the destructors above may still use what these hold.
        for member in take(&self.core.circles).members {
            if let Some(member) = member.upgrade() {
                let _ = guarded(|| member.let_go());
            }
        }
    }
}

fn take<T: Default>(cell: &RefCell<T>) -> T {
    std::mem::take(&mut *cell.borrow_mut())
}
