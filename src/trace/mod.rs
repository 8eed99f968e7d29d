//! What happened in a run: events with causes, a digest over all of them, and their rendering as text.
//!
//! Each layer registers its [`Kind`]s as statics. An event has a fixed header (step, time, node, kind, cause,
//! subject, three numbers) and optionally a text. The [`Digest`] is computed over every event whether or not
//! the events are kept, so a sweep keeps nothing and still proves that two executions were equal.
//!
//! ```
//! use seedbed::trace::{EventId, Header, Kind, Trace};
//!
//! static GREETED: Kind = Kind::new("greeted", 'g', "a greeting was said", &["times"]);
//! let mut trace = Trace::new(true, 1_000);
//! let node = trace.intern("server");
//! let who = trace.intern("world");
//! trace.begin_step(1);
//! trace.emit(Header { at_ns: 5, node, kind: &GREETED, cause: EventId::ROOT, subject: who, args: [2, 0, 0] });
//! trace.end_step();
//! assert!(trace.render().contains("greeted world times=2"));
//! ```

mod columns;
mod digest;
mod event;
mod names;
mod record;

pub use digest::Digest;
pub use event::{Event, EventId, Header, Kind};
pub use names::{NameId, Names};
pub use record::Trace;
