//! The simulated network: byte streams with everything that goes wrong with them, and messages on top.
//!
//! A connection is two FIFO directions made of segments. Per write the simulation may accept only a part, delay,
//! stall, duplicate or reorder, cut the connection (before delivery, inside the data, after delivery but before the
//! reply, after the reply) or block the link one way or both ways. "The connection ended" and "its owner is told" are
//! two events; when the owner is told (on the current stack, next turn, later, never) is a choice of its own.
//!
//! ```
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # use seedbed::prelude::*;
//! # struct Example;
//! # impl Flow for Example {
//! #     type Config = NoConfig;
//! #     type Op = ();
//! #     const INFO: FlowInfo = FlowInfo {
//! #         variants: &[Named::new("1", "the only one")],
//! #         ..FlowInfo::new("example", "an example", "made up")
//! #     };
//! #     fn operation(_: &NoConfig) -> BoxedStrategy<()> { Just(()).boxed() }
//! #     fn build(world: &World, _: Setup<Self>) { build(world) }
//! # }
//! fn build(world: &World) {
//!     world.node("echo", |node| async move {
//!         let listener = node.net().listen("bytes").unwrap();
//!         let mut stream = listener.accept().await.unwrap();
//!         let mut bytes = [0; 5];
//!         stream.read_exact(&mut bytes).await.unwrap();
//!         stream.write_all(&bytes).await.unwrap();
//!     });
//!     world.client("client", |node| async move {
//!         let mut stream = node.net().connect("echo", "bytes").await.unwrap();
//!         stream.write_all(b"hello").await.unwrap();
//!         let mut answer = String::new();
//!         stream.read_to_string(&mut answer).await.unwrap();
//!         assert_eq!(answer, "hello");
//!     });
//! }
//! # let scenario = "seedbed = 1\ngoal = 'An example.'\nflow = 'example'\nvariant = '1'\nexpect.holds = true\n";
//! # let scenario = format!("{scenario}faults = {{ 'net/latency' = 0.0, 'disk/latency' = 0.0 }}");
//! # let report = seedbed::run::once::<Example>(&scenario, 1).unwrap();
//! # assert_eq!(report.verdict, seedbed::check::Verdict::Holds, "{:?}", report.failure);
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `sites`, `kinds` | choice sites and their values; trace kinds |
//! | `state` | connections, directions, links: plain data |
//! | `transmit` | writing: what happens to a segment on its way |
//! | `deliver` | events coming due: the [`Resource`](crate::kernel::Resource) |
//! | `end` | connections that end, and telling their owners |
//! | `links` | partitions and holds |
//! | `connect` | listen, connect, accept, refuse |
//! | `stream`, `message` | what a flow holds: `AsyncRead + AsyncWrite`, and messages |

mod connect;
mod deliver;
mod end;
mod kinds;
mod links;
mod message;
mod sites;
mod state;
mod stream;
mod transmit;

pub use connect::{Connecting, Listener, NetError, NodeNet};
pub use kinds::KINDS;
pub use links::Way;
pub use message::Messages;
pub use sites::{Cut, SITES};
pub use state::{EndReason, Net, NetConfig};
pub use stream::Stream;

#[cfg(test)]
mod tests;
