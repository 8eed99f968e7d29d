//! What happened, one fact at a time, as the invariants read it. Facts carry what has to be known about the
//! moment they were recorded; what may be looked up later stays in the [model](super::model).

use std::collections::BTreeSet;

use super::layout::Checkstring;
use super::servermap::ServerId;
use super::storage::ShareNumber;

/// One attempt to publish one text. A `modify` makes several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishId(pub u32);

/// One write message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageId(pub u32);

/// One call of a node's public interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationId(pub u32);

/// A place in the total order of everything recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(pub u64);

/// How an operation or a publish ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new version is in place, the text was read.
    Ok,
    /// Somebody else wrote at the same time.
    Ucwe,
    /// No server is left to put a share on.
    NotEnoughServers,
    /// The version cannot be read.
    NotEnoughShares,
    /// Anything else: no caller expects it.
    Other(String),
}

impl Outcome {
    /// The label under which it is counted.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Ucwe => "ucwe",
            Outcome::NotEnoughServers => "not-enough-servers",
            Outcome::NotEnoughShares => "not-enough-shares",
            Outcome::Other(_) => "other",
        }
    }
}

/// What a server did with a write request, seen from outside: its slot before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handling {
    /// Shares of the slot before the request.
    pub present: BTreeSet<ShareNumber>,
    /// Whether the write enabler was that of every share.
    pub enabler_held: bool,
    /// Shares of the request with a test that did not hold.
    pub failed_tests: BTreeSet<ShareNumber>,
    /// Shares of the slot whose bytes are different now.
    pub changed: BTreeSet<ShareNumber>,
    /// Shares of the request that now hold what was asked for.
    pub as_asked: BTreeSet<ShareNumber>,
    /// The server's process, or its machine, went down before it had answered.
    pub died: bool,
}

/// What full verification says of a share on a server's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is, byte for byte, one that this publish made.
    Whole(PublishId),
    /// It does not verify.
    Torn,
    /// It verifies, and nobody made it.
    Forged,
}

/// What a client knew when it sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendState {
    /// The publish was running.
    pub running: bool,
    /// Shares of the message that the publish wanted on this server.
    pub wanted: BTreeSet<ShareNumber>,
    /// Shares of the message that were in place already.
    pub placed: BTreeSet<ShareNumber>,
    /// The server had failed before.
    pub bad_server: bool,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A publish made its shares.
    Encoded {
        /// The publish.
        publish: PublishId,
        /// Its version.
        version: Checkstring,
    },
    /// A publish entered its loop.
    LoopEntered {
        /// The publish.
        publish: PublishId,
        /// How many frames of the loop are on the stack now.
        depth: u32,
        /// Loops entered so far.
        loops: u32,
        /// Messages answered or failed so far.
        resolved: u32,
    },
    /// A publish sent a write message.
    Sent {
        /// The publish.
        publish: PublishId,
        /// To whom.
        server: ServerId,
        /// What it carries.
        shares: BTreeSet<ShareNumber>,
        /// What the client knew.
        state: SendState,
        /// Shares of the message for which an earlier message to this server is still unresolved.
        in_flight_already: BTreeSet<ShareNumber>,
        /// The server was among those for which the wave was planned.
        planned: bool,
        /// Messages this wave has sent to this server, this one included.
        of_wave: u32,
    },
    /// A server handled a write message.
    Handled {
        /// The publish.
        publish: PublishId,
        /// The server.
        server: ServerId,
        /// What the message carried.
        shares: BTreeSet<ShareNumber>,
        /// What the server did.
        handling: Handling,
        /// Shares whose test failed although this publish was the last that wrote them.
        own: BTreeSet<ShareNumber>,
        /// For each changed share that the same client had written before: (share, version before).
        replaced_own: Vec<(ShareNumber, Checkstring)>,
        /// Places that now hold another root under the number just written, by whom.
        forks: Vec<(ServerId, ShareNumber, PublishId)>,
    },
    /// A share was looked at on its server's disk, after a crash or damage.
    Examined {
        /// The server.
        server: ServerId,
        /// The share.
        share: ShareNumber,
        /// What it is.
        found: Found,
    },
    /// A server with a share that cannot be read was asked what it holds.
    Beside {
        /// The server.
        server: ServerId,
        /// Shares that verify and that whoever asked was not shown because of the other one.
        hidden: BTreeSet<ShareNumber>,
        /// What hid them: a stable phrase.
        behind: &'static str,
    },
    /// A publish took a share for placed.
    Placed {
        /// The publish.
        publish: PublishId,
        /// Where.
        server: ServerId,
        /// Which share.
        share: ShareNumber,
    },
    /// A publish ended.
    Ended {
        /// The publish.
        publish: PublishId,
        /// How.
        outcome: Outcome,
    },
    /// A publish did something after its end.
    AfterEnd {
        /// The publish.
        publish: PublishId,
        /// What: a stable word.
        what: &'static str,
    },
    /// An operation's caller was told how it ended.
    Told {
        /// The operation.
        operation: OperationId,
        /// How.
        outcome: Outcome,
        /// How often the caller has been told, this time included.
        times: u32,
        /// Frames of the client's code below the caller.
        frames: u32,
    },
    /// A text was read, or could not be.
    Read {
        /// Who read.
        reader: String,
        /// Every server answered the reader's map update.
        asked_all: bool,
        /// Nothing was written, and nobody wanted to write, while it read.
        quiet: bool,
        /// The text, or why there is none.
        result: Result<Vec<u8>, Outcome>,
    },
}
