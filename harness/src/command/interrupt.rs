//! Ctrl-C: the first asks for an end with a summary, the second ends the process at once.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What a shell reports for a program that was ended by Ctrl-C.
const KILLED_BY_INTERRUPT: i32 = 130;

/// Starts listening, and answers with the flag that the first Ctrl-C sets.
pub fn listen() -> &'static AtomicBool {
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(KILLED_BY_INTERRUPT);
        }
    };
    // Only one handler can be set per process; a harness that is called twice keeps the first.
    let _ = ctrlc::set_handler(handler);
    &INTERRUPTED
}
