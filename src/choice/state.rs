//! What is kept per stream and per site during a run.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::domain::Note;
use super::script::Scripted;
use super::settings::Resolved;
use super::site::Site;
use super::stream::{Reader, StreamId};

/// What every offer reads, kept dense: a site that is off costs this and no more.
#[derive(Debug)]
pub(super) struct Hot {
    /// The number of offers so far: the n of the next one.
    pub n: u64,
    /// Threshold of the rate in force; 0 when nothing can be drawn at present.
    pub live: u64,
    /// The next n the script has something to say about.
    pub scripted: u64,
    /// Offers that could have deviated.
    pub armed: u64,
    /// Made at the first draw: a stream that is off costs nothing.
    pub reader: Option<Box<Reader>>,
}

impl Hot {
    /// Takes the next n.
    #[inline]
    pub(super) fn advance(&mut self) -> u64 {
        let n = self.n;
        self.n = n + 1;
        n
    }

    /// Something may be drawn.
    #[inline]
    pub(super) fn is_live(&self) -> bool {
        self.live != 0
    }

    /// The script has something to say about this offer, or about one that was passed.
    #[inline]
    pub(super) fn is_scripted(&self, n: u64) -> bool {
        n >= self.scripted
    }
}

/// The rest of a stream.
#[derive(Debug)]
pub(super) struct Cold {
    pub site: usize,
    pub actor: Rc<str>,
    /// Stable name of its words.
    pub id: u64,
    /// Whether the site's setting covers this actor.
    pub covered: bool,
    /// What the script says, by n, the next one last.
    pub scripted: Vec<Scripted>,
    /// What some of its offers take, whatever is drawn.
    pub forced: Option<ForcedHere>,
    /// A tactic is asked about its offers.
    pub ruled: bool,
    /// The candidates of picks, each with a stream of its own.
    pub candidates: BTreeMap<Box<str>, Box<Reader>>,
}

/// A value that offers of one stream take.
#[derive(Clone, Debug)]
pub(super) struct ForcedHere {
    /// At this n …
    pub from: u64,
    /// … and, if it stays, at every later one.
    pub stays: bool,
    pub words: String,
}

impl ForcedHere {
    /// Whether an offer takes it.
    pub(super) fn covers(&self, n: u64) -> bool {
        n == self.from || (self.stays && n > self.from)
    }
}

/// A site that was asked for.
#[derive(Debug)]
pub(super) struct SiteState {
    pub site: &'static Site,
    pub resolved: Resolved,
    pub fired: u64,
    pub observed: u64,
    pub ineligible: u64,
    pub streams: Vec<StreamId>,
    /// By the actor's number.
    pub by_actor: Vec<Option<StreamId>>,
}

/// A deviation that was taken.
#[derive(Debug)]
pub(super) struct Record {
    pub stream: StreamId,
    pub n: u64,
    pub step: u64,
    pub note: Note,
}
