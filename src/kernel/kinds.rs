//! Trace kinds and choice sites of the kernel.

use crate::choice::Site;
use crate::trace::Kind;

pub(super) static NODE_START: Kind = Kind::new("start", '^', "a node starts", &["incarnation"]);
pub(super) static NODE_DOWN: Kind = Kind::new("down", 'X', "a node goes down", &["incarnation"]);
pub(super) static NODE_PAUSE: Kind = Kind::new("pause", '=', "a node is paused", &[]);
pub(super) static NODE_RESUME: Kind = Kind::new("resume", '~', "a paused node goes on", &[]);
pub(super) static TIMER: Kind = Kind::new("timer", 't', "a timer is due", &[]);
pub(super) static TURN: Kind = Kind::new("turn", 'e', "a node's eventual queue is drained once", &["queued"]);
pub(super) static READY_PICK: Kind = Kind::new("ready", 'r', "one of several ready tasks goes first", &["of"]);
pub(super) static NESTED: Kind = Kind::new("nested", 'R', "an event is dispatched inside a callback", &["depth"]);
pub(super) static MARK: Kind = Kind::new("mark", 'm', "a point of the flow's story", &[]);
pub(super) static OUTCOME: Kind = Kind::new("outcome", 'o', "an operation has ended", &[]);
pub(super) static SOMETIMES: Kind = Kind::new("sometimes", 's', "something rare has happened", &[]);
pub(super) static INCIDENT: Kind = Kind::new("incident", '!', "the kernel noticed a failure", &[]);
pub(super) static PHASE: Kind = Kind::new("phase", '-', "the run enters its next phase", &[]);

/// Every trace kind the kernel emits.
pub static KINDS: &[&Kind] = &[
    &NODE_START,
    &NODE_DOWN,
    &NODE_PAUSE,
    &NODE_RESUME,
    &TIMER,
    &TURN,
    &READY_PICK,
    &NESTED,
    &MARK,
    &OUTCOME,
    &SOMETIMES,
    &INCIDENT,
    &PHASE,
];

/// Which of several ready tasks of a node is polled first. Quiet: the one woken first.
pub(super) static READY_TASK: Site =
    Site::schedule("kernel/ready-task", "which of several ready tasks of a node is polled first")
        .grounded("Schedulers of threads and of asynchronous runtimes promise no order.");

/// Which enabled event is dispatched next; only asked when exploring.
pub(super) static NEXT_EVENT: Site =
    Site::schedule("kernel/next-event", "which enabled event is dispatched next (only when exploring)")
        .grounded("Messages of different senders, timers and tasks race; any order of them is possible.");

/// Every choice site of the kernel.
pub static SITES: &[&Site] = &[&READY_TASK, &NEXT_EVENT];
