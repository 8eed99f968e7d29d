//! A labelled cell for state that is reached from callbacks.
//!
//! Where a `RefCell` would panic with "already borrowed", a conflicting borrow here is a failure with the cell's label
//! and the name of who holds it. A guard that is still alive when a step has ended is a failure too: a borrow held
//! over an await.

use std::cell::{Ref, RefCell, RefMut};
use std::ops::{Deref, DerefMut};
use std::panic::panic_any;
use std::rc::Rc;

use crate::kernel::{InCircle, IncidentKind, NodeHandle, Sim, TypedFailure};
use crate::trace::NameId;

struct Inner<T> {
    sim: Sim,
    label: &'static str,
    /// `None` once the run is over.
    value: RefCell<Option<T>>,
    holder: std::cell::Cell<NameId>,
}

impl<T> InCircle for Inner<T> {
    fn let_go(&self) {
        let value = self.value.try_borrow_mut().ok().and_then(|mut v| v.take());
        drop(value);
    }
}

/// Shared state with a label. Clones share it.
pub struct Cell<T>(Rc<Inner<T>>);

impl<T> Clone for Cell<T> {
    fn clone(&self) -> Self {
        Cell(Rc::clone(&self.0))
    }
}

impl<T: 'static> Cell<T> {
    /// A cell of a node. The label is part of a failure's fingerprint. Its value is dropped when the run is over, even
    /// if it points back at the cell.
    pub fn new(node: &NodeHandle, label: &'static str, value: T) -> Cell<T> {
        let inner = Rc::new(Inner {
            sim: node.sim().clone(),
            label,
            value: RefCell::new(Some(value)),
            holder: std::cell::Cell::new(NameId::NONE),
        });
        node.sim().in_circle(&inner);
        Cell(inner)
    }
}

impl<T> Cell<T> {
    /// Borrows for reading.
    ///
    /// # Panics
    /// With a typed failure (verdict `violates`, invariant `no-conflicting-borrow`) while a [`CellMut`] is alive.
    #[track_caller]
    pub fn borrow(&self) -> CellRef<'_, T> {
        let Ok(value) = self.0.value.try_borrow() else { self.conflict("read") };
        let Ok(value) = Ref::filter_map(value, Option::as_ref) else { self.gone() };
        self.taken();
        CellRef { value, cell: self }
    }

    /// Borrows for writing.
    ///
    /// # Panics
    /// With a typed failure (verdict `violates`, invariant `no-conflicting-borrow`) while any guard is alive.
    #[track_caller]
    pub fn borrow_mut(&self) -> CellMut<'_, T> {
        let Ok(value) = self.0.value.try_borrow_mut() else { self.conflict("write") };
        let Ok(value) = RefMut::filter_map(value, Option::as_mut) else { self.gone() };
        self.taken();
        CellMut { value, cell: self }
    }

    /// Borrows for writing for the duration of a closure.
    #[track_caller]
    pub fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        use_it(&mut self.borrow_mut())
    }

    fn taken(&self) {
        self.0.sim.guard_taken(self.0.label);
        self.0.holder.set(self.0.sim.running_name());
    }

    /// Only destructors that run while the run's memory is dropped come here, and whatever they do is ignored.
    #[track_caller]
    fn gone(&self) -> ! {
        panic!("cell `{}` is used after its run is over", self.0.label)
    }

    #[track_caller]
    fn conflict(&self, wanted: &str) -> ! {
        let running = self.0.sim.name_text(self.0.sim.running_name());
        let place = std::panic::Location::caller();
        let file = place.file().rsplit(['/', '\\']).next().unwrap_or_default();
        panic_any(TypedFailure {
            kind: IncidentKind::ConflictingBorrow,
            cause: format!("{} in {file}", self.0.label),
            detail: format!(
                "`{running}` wants to {wanted} cell `{}` ({file}:{}) while `{}` holds it: re-entered with a borrow alive",
                self.0.label,
                place.line(),
                self.0.sim.name_text(self.0.holder.get()),
            ),
        })
    }
}

/// A shared borrow of a [`Cell`].
pub struct CellRef<'a, T> {
    value: Ref<'a, T>,
    cell: &'a Cell<T>,
}

impl<T> Deref for CellRef<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for CellRef<'_, T> {
    fn drop(&mut self) {
        self.cell.0.sim.guard_returned(self.cell.0.label);
    }
}

/// An exclusive borrow of a [`Cell`].
pub struct CellMut<'a, T> {
    value: RefMut<'a, T>,
    cell: &'a Cell<T>,
}

impl<T> Deref for CellMut<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for CellMut<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Drop for CellMut<'_, T> {
    fn drop(&mut self) {
        self.cell.0.sim.guard_returned(self.cell.0.label);
    }
}
