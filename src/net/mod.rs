//! The simulated network: byte streams with everything that goes wrong with them, and messages on top.
//!
//! A connection is two FIFO directions made of segments. Per write the simulation may accept only a part, delay,
//! stall, duplicate or reorder, cut the connection (before delivery, inside the data, after delivery but before the
//! reply, after the reply) or block the link one way or both ways. "The connection ended" and "its owner is told" are
//! two events; when the owner is told (on the current stack, next turn, later, never) is a choice of its own.
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
