//! Panics of code under test: kept off stderr, located, and told apart from typed failures.
//!
//! The panic hook is the one place where Rust offers nothing but process-wide state; what it stores is read back
//! on the same thread by the catch that follows.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use super::IncidentKind;

/// A failure raised by unwinding that is not a plain panic: it carries its own cause.
#[derive(Clone, Debug)]
pub struct TypedFailure {
    /// Its sort.
    pub kind: IncidentKind,
    /// Short and stable.
    pub cause: String,
    /// For people.
    pub detail: String,
}

/// What a caught panic amounts to.
pub(super) struct Caught {
    pub(super) kind: IncidentKind,
    /// Cause without the task; the caller puts node and task in front.
    pub(super) cause: String,
    pub(super) detail: String,
    pub(super) typed: bool,
}

thread_local! {
    static GUARDED: Cell<u32> = const { Cell::new(0) };
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();
static QUIET: AtomicBool = AtomicBool::new(false);

/// Keeps panics that the kernel catches off stderr, from now on and for the whole process. Idempotent.
///
/// Panics outside a run, and those of the simulator itself, still reach the hook that was there before.
pub fn quiet_panics() {
    QUIET.store(true, Ordering::Relaxed);
    install_hook();
}

/// Makes sure that where a panic happened is known, so that its cause does not depend on who asked for quiet.
pub(super) fn install_hook() {
    HOOK.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            let guarded = GUARDED.with(Cell::get) > 0;
            if guarded {
                LAST.with(|last| *last.borrow_mut() = Some(located(info)));
            }
            if !guarded || !QUIET.load(Ordering::Relaxed) {
                previous(info);
            }
        }));
    });
}

fn located(info: &PanicHookInfo<'_>) -> (String, String) {
    let place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
    (place, message_of(info.payload()))
}

fn message_of(payload: &dyn Any) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(a payload that is not text)".to_owned()
    }
}

/// Runs code under test; a panic becomes a value.
pub(super) fn guarded<R>(code: impl FnOnce() -> R) -> Result<R, Caught> {
    GUARDED.with(|depth| depth.set(depth.get() + 1));
    let result = catch_unwind(AssertUnwindSafe(code));
    GUARDED.with(|depth| depth.set(depth.get() - 1));
    result.map_err(|payload| {
        let caught = describe(&*payload);
        // A payload may panic while it is dropped; it is of no further use.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        caught
    })
}

fn describe(payload: &(dyn Any + Send)) -> Caught {
    let last = LAST.with(|last| last.borrow_mut().take());
    if let Some(failure) = payload.downcast_ref::<TypedFailure>() {
        return Caught {
            kind: failure.kind,
            cause: failure.cause.clone(),
            detail: failure.detail.clone(),
            typed: true,
        };
    }
    let (place, mut message) = last.unwrap_or_else(|| (String::new(), message_of(payload)));
    if place.contains("std/src/sys/") && place.contains("thread") {
        // The host refuses the thread, and std says no more than that an assertion failed.
        message = format!("a thread was to be started, but a run has one thread ({message})");
    }
    let file = place.rsplit_once(':').map_or("", |(file, _)| file);
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    Caught {
        kind: IncidentKind::Panic,
        cause: format!("{file}: {}", without_numbers(&message)),
        detail: format!("panicked at {place}: {message}"),
        typed: false,
    }
}

/// A message with each run of digits replaced, so that it is the same for every seed.
fn without_numbers(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut in_number = false;
    for c in message.chars() {
        if c.is_ascii_digit() {
            if !in_number {
                out.push('#');
            }
            in_number = true;
        } else {
            in_number = false;
            out.push(if c.is_control() { ' ' } else { c });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_located_and_its_numbers_are_removed() {
        quiet_panics();
        let number = 1_234;
        let caught = guarded(|| panic!("index {number} of 77 is out")).expect_err("it panicked");
        assert_eq!(caught.cause, "panics.rs: index # of # is out");
        assert!(caught.detail.contains("index 1234 of 77 is out"), "{}", caught.detail);
    }

    #[test]
    fn a_typed_failure_keeps_its_cause() {
        let failure =
            TypedFailure { kind: IncidentKind::ConflictingBorrow, cause: "state".into(), detail: "twice".into() };
        let caught = guarded(|| std::panic::panic_any(failure)).expect_err("it was raised");
        assert_eq!((caught.kind, caught.cause.as_str()), (IncidentKind::ConflictingBorrow, "state"));
    }
}
