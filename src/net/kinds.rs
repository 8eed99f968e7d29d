//! Trace kinds of the network.

use crate::trace::Kind;

pub(super) static CONNECT: Kind = Kind::new("connect", 'c', "a connection is asked for", &[]);
pub(super) static ACCEPT: Kind = Kind::new("accept", 'a', "a connection is accepted", &[]);
pub(super) static CONNECTED: Kind = Kind::new("connected", 'C', "the asker learns that it is connected", &[]);
pub(super) static REFUSE: Kind = Kind::new("refuse", 'x', "a connection is refused", &[]);
pub(super) static SEND: Kind = Kind::new("send", '>', "bytes are written", &["bytes", "delay_ns"]);
pub(super) static DELIVER: Kind = Kind::new("deliver", '<', "bytes arrive", &["bytes"]);
pub(super) static LOST: Kind = Kind::new("lost", '/', "bytes vanish", &["bytes"]);
pub(super) static CUT: Kind = Kind::new("cut", '%', "a fault will end the connection", &[]);
pub(super) static DUPLICATE: Kind = Kind::new("duplicate", '2', "the transport delivers a message twice", &["bytes"]);
pub(super) static REORDER: Kind = Kind::new("reorder", '&', "a message overtakes the one before it", &["bytes"]);
pub(super) static CLOSE: Kind = Kind::new("close", ',', "this side will write no more", &["bytes", "delay_ns"]);
pub(super) static RESET: Kind =
    Kind::new("reset", '*', "this side knows nothing of the connection any more", &["bytes", "delay_ns"]);
pub(super) static FIN: Kind = Kind::new("fin", '.', "the other side will write no more", &[]);
pub(super) static ENDED: Kind =
    Kind::new("ended", 'E', "the connection has ended; so much was under way and is lost", &["bytes"]);
pub(super) static TOLD: Kind = Kind::new("told", 'T', "an owner is told that its connection has ended", &[]);
pub(super) static BLOCK: Kind = Kind::new("block", 'B', "a link is blocked", &["for_ns"]);
pub(super) static UNBLOCK: Kind = Kind::new("unblock", 'b', "a link is open again", &["parked"]);
pub(super) static PARKED: Kind = Kind::new("parked", 'p', "an arrival waits for its link", &[]);

/// Every trace kind the network emits.
pub static KINDS: &[&Kind] = &[
    &CONNECT, &ACCEPT, &CONNECTED, &REFUSE, &SEND, &DELIVER, &CLOSE, &RESET, &LOST, &CUT, &DUPLICATE, &REORDER, &FIN,
    &ENDED, &TOLD, &BLOCK, &UNBLOCK, &PARKED,
];
