//! The answers of one run: drawn from a seed, looked up in a script, or first one and then the other.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::domain::{Domain, Note};
use super::expand::{Expander, mix};
use super::offer::Offer;
use super::rate::Rate;
use super::script::{Anchoring, Deviation, Followed, Script};
use super::seed::{Seed, stable_hash};
use super::settings::Settings;
use super::site::{Site, SiteClass};
use super::state::{Cold, ForcedHere, Hot, Record, SiteState};
use super::stream::{Reader, StreamId};
use super::tactic::{Forced, Ruling};

/// Where answers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// From the seed; the script is ignored.
    Search,
    /// From the script; what it does not mention is quiet. Seed and settings are ignored.
    Replay,
    /// From the script before this step, from the seed in it and afterwards.
    Mixed {
        /// The first step that is searched.
        until_step: u64,
    },
    /// From the script; what it does not mention takes the value it is pinned to, and is quiet where it is not
    /// pinned. The rest of the settings, and the seed, are ignored: this is what enumerating starts from.
    Explore,
}

/// Makes all choices of a run and remembers those that deviated.
///
/// An answer depends on the site, the actor and how often this actor has asked there before (n), never on
/// what happened elsewhere. n advances with every offer in every mode: answered, quiet or ineligible.
/// Two settings tie a site's actors together on purpose: a dose (`max`) and the phase ([`Choices::arm`]).
#[derive(Debug)]
pub struct Choices {
    pub(super) seed: Seed,
    mode: Mode,
    settings: Settings,
    script: Followed,
    /// Faults and the like may happen in this phase.
    armed: bool,
    /// Answers come from the seed at present.
    searching: bool,
    pub(super) step: u64,
    /// What an offer reads, by stream; the rest of a stream is in `cold`.
    pub(super) hot: Vec<Hot>,
    pub(super) cold: Vec<Cold>,
    pub(super) sites: Vec<SiteState>,
    by_label: BTreeMap<&'static str, usize>,
    by_actor: BTreeMap<Rc<str>, usize>,
    /// The statics that were met: a few dozen addresses are compared faster than labels.
    by_site: Vec<(&'static Site, usize)>,
    pub(super) records: Vec<Record>,
    rejected_pins: BTreeMap<&'static str, String>,
    forced: Vec<Forced>,
    /// No fault and no re-entry is drawn.
    pub(super) calm: bool,
    pub(super) ruling: Option<Box<Ruling>>,
    pub(super) logging: bool,
    /// Labels of the sites whose offers are listed; `None`: all.
    pub(super) logged_sites: Option<BTreeSet<String>>,
    /// How many offers are listed at most.
    pub(super) logged_max: usize,
    pub(super) offers: Vec<Offer>,
}

/// What decides an offer.
enum Source {
    Quiet,
    /// This entry of the script.
    Script(usize),
    /// The site's pinned value.
    Pin,
    /// The seed; the coin has been thrown already.
    Draw(Expander),
    /// A tactic, and if that has nothing to say the seed; `true`: the coin says that it deviates.
    Ruled(Expander, bool),
}

impl Choices {
    /// The choices of one run.
    #[must_use]
    pub fn new(seed: Seed, mode: Mode, script: &Script, settings: &Settings) -> Choices {
        Choices {
            seed,
            mode,
            settings: settings.clone(),
            script: if mode == Mode::Search { Followed::default() } else { Followed::new(script) },
            armed: true,
            searching: searching(mode, 0),
            step: 0,
            hot: Vec::new(),
            cold: Vec::new(),
            sites: Vec::new(),
            by_label: BTreeMap::new(),
            by_actor: BTreeMap::new(),
            by_site: Vec::new(),
            records: Vec::new(),
            rejected_pins: BTreeMap::new(),
            forced: Vec::new(),
            calm: false,
            ruling: None,
            logging: false,
            logged_sites: None,
            logged_max: usize::MAX,
            offers: Vec::new(),
        }
    }

    /// Makes deviations stay when exploring: each holds for its n and every later one of its site and actor,
    /// wherever the value is possible. To be told before the first stream is asked for.
    pub fn make_lasting(&mut self, lasting: &[Deviation]) {
        let stays = |deviation: &Deviation| Forced { deviation: deviation.clone(), stays: true };
        self.forced.extend(lasting.iter().map(stays));
    }

    /// Makes a deviation happen whatever is drawn. To be told before the first stream is asked for.
    pub(super) fn force(&mut self, forced: Forced) {
        self.forced.push(forced);
    }

    /// The stream of a site and an actor. Two look-ups by name: ask once and keep the id.
    pub fn stream(&mut self, site: &'static Site, actor: &str) -> StreamId {
        let [stream] = self.streams([site], actor);
        stream
    }

    /// The streams of an actor at several sites.
    pub fn streams<const N: usize>(&mut self, sites: [&'static Site; N], actor: &str) -> [StreamId; N] {
        let at = match self.by_actor.get_key_value(actor) {
            Some((actor, at)) => (Rc::clone(actor), *at),
            None => {
                let (actor, at) = (Rc::from(actor), self.by_actor.len());
                self.by_actor.insert(Rc::clone(&actor), at);
                (actor, at)
            }
        };
        sites.map(|site| self.stream_at(site, &at))
    }

    fn stream_at(&mut self, site: &'static Site, (actor, number): &(Rc<str>, usize)) -> StreamId {
        let known = self.by_site.iter().find(|(known, _)| std::ptr::eq(*known, site));
        let at = match known {
            Some((_, at)) => *at,
            None => self.site(site),
        };
        let state = &mut self.sites[at];
        if let Some(Some(stream)) = state.by_actor.get(*number) {
            return *stream;
        }
        let stream = StreamId(u32::try_from(self.cold.len()).expect("fewer than 2^32 streams in a run"));
        let actor = Rc::clone(actor);
        state.by_actor.resize(state.by_actor.len().max(number + 1), None);
        state.by_actor[*number] = Some(stream);
        state.streams.push(stream);
        let actors = &state.resolved.actors;
        let covered = actors.is_empty() || actors.iter().any(|covered| **covered == *actor);
        let mut scripted = self.script.stream(state.site, &actor);
        scripted.reverse();
        self.cold.push(Cold {
            site: at,
            id: stable_hash(&[site.first_label(), &actor]),
            covered,
            scripted,
            forced: self
                .forced
                .iter()
                .find(|Forced { deviation, .. }| {
                    *deviation.actor == *actor && site.names().any(|name| name == deviation.site)
                })
                .map(|Forced { deviation, stays }| ForcedHere {
                    from: deviation.n,
                    stays: *stays,
                    words: deviation.value.clone(),
                }),
            ruled: self.is_ruled(at),
            actor,
            candidates: BTreeMap::new(),
        });
        self.hot.push(Hot { n: 0, live: 0, scripted: u64::MAX, armed: 0, reader: None });
        self.refresh(stream);
        stream
    }

    /// A site that was not met as this very static before: by its label.
    fn site(&mut self, site: &'static Site) -> usize {
        let at = match self.by_label.get(site.first_label()) {
            Some(at) => *at,
            None => self.add_site(site),
        };
        self.by_site.push((site, at));
        at
    }

    fn add_site(&mut self, site: &'static Site) -> usize {
        let mut resolved = self.settings.resolve(site, self.seed);
        let harmful = matches!(site.class, SiteClass::Fault | SiteClass::Reentry);
        if self.calm && harmful && resolved.pin.is_none() {
            resolved.rate = Rate::NEVER;
        }
        self.sites.push(SiteState {
            site,
            resolved,
            fired: 0,
            observed: 0,
            ineligible: 0,
            streams: Vec::new(),
            by_actor: Vec::new(),
        });
        self.by_label.insert(site.first_label(), self.sites.len() - 1);
        self.sites.len() - 1
    }

    /// One offer: the value taken.
    #[inline]
    pub fn choose<D: Domain>(&mut self, s: StreamId, domain: &D) -> D::Value {
        let logging = self.logging;
        let hot = &mut self.hot[s.index()];
        let n = hot.advance();
        if !hot.is_live() && !hot.is_scripted(n) && !logging {
            return domain.quiet();
        }
        self.answer(s, n, domain, |_, mut expander| domain.draw(&mut expander))
    }

    /// What an offer does once it is clear that the answer may be other than quiet (or must be logged).
    pub(super) fn answer<D: Domain>(
        &mut self,
        s: StreamId,
        n: u64,
        domain: &D,
        draw: impl FnOnce(&mut Choices, Expander) -> D::Value,
    ) -> D::Value {
        let chosen = match self.source(s, n) {
            Source::Quiet => None,
            Source::Draw(expander) => Some(draw(self, expander)),
            Source::Ruled(expander, hit) => match self.rule(s, domain) {
                Some(value) => Some(value),
                None => hit.then(|| draw(self, expander)),
            },
            Source::Script(index) => {
                let value = domain.parse(self.script.value(index));
                if value.is_some() {
                    self.script.mark_used(index);
                }
                value
            }
            Source::Pin => self.pinned(s, n, domain),
        };
        let quiet = domain.quiet();
        let value = match chosen {
            Some(value) if value != quiet => {
                self.record(s, n, domain.note(&value));
                value
            }
            _ => quiet,
        };
        if self.logging {
            self.log(s, n, domain, &value);
        }
        value
    }

    #[inline]
    fn source(&mut self, s: StreamId, n: u64) -> Source {
        if !self.searching
            && let Some(entry) = self.scripted(s, n)
        {
            return Source::Script(entry);
        }
        let hot = &mut self.hot[s.index()];
        if !hot.is_live() {
            return Source::Quiet;
        }
        let cold = &self.cold[s.index()];
        if let Some(forced) = &cold.forced {
            if !forced.covers(n) {
                return Source::Quiet;
            }
            hot.armed += 1;
            return Source::Pin;
        }
        hot.armed += 1;
        if !self.searching {
            return Source::Pin;
        }
        let ruled = cold.ruled;
        let rate = if ruled { self.sites[cold.site].resolved.rate } else { Rate::from_threshold(hot.live) };
        let reader = match &mut hot.reader {
            Some(reader) => reader,
            none => none.insert(Box::new(Reader::new(self.seed, self.cold[s.index()].id))),
        };
        let mut expander = Expander::new(reader.at(n));
        // Drawn even at the certain rate, so that a value stays the same when its rate is changed.
        let hit = expander.chance(rate);
        if ruled {
            // Where the candidates of a pick have priorities, each pick goes by them.
            let picks = self.sites[self.cold[s.index()].site].site.class == SiteClass::Schedule;
            return Source::Ruled(expander, hit || picks);
        }
        if !hit {
            return Source::Quiet;
        }
        let site = &self.sites[self.cold[s.index()].site];
        match site.resolved.pin {
            Some(_) => Source::Pin,
            None => Source::Draw(expander),
        }
    }

    /// The script's entry for this offer. Places that have been passed without an answer are dropped.
    fn scripted(&mut self, s: StreamId, n: u64) -> Option<usize> {
        let answerable = self.answerable(s);
        let (hot, scripted) = (&mut self.hot[s.index()], &mut self.cold[s.index()].scripted);
        let mut found = None;
        while let Some(entry) = scripted.pop_if(|entry| entry.n <= n) {
            if entry.n == n && found.is_none() {
                found = Some(entry.index);
            }
        }
        hot.scripted = scripted.last().map_or(u64::MAX, |entry| entry.n);
        let found = found.filter(|_| answerable);
        hot.armed += u64::from(found.is_some());
        found
    }

    fn pinned<D: Domain>(&mut self, s: StreamId, n: u64, domain: &D) -> Option<D::Value> {
        if let Some(forced) = &self.cold[s.index()].forced {
            return domain.parse(&forced.words).filter(|_| forced.covers(n));
        }
        let state = &self.sites[self.cold[s.index()].site];
        let words = state.resolved.pin.as_deref()?;
        let value = domain.parse(words);
        if value.is_none() && !self.rejected_pins.contains_key(state.site.label) {
            self.rejected_pins.insert(state.site.label, words.to_owned());
        }
        value
    }

    fn record(&mut self, s: StreamId, n: u64, note: Note) {
        self.records.push(Record { stream: s, n, step: self.step, note });
        let at = self.cold[s.index()].site;
        let state = &mut self.sites[at];
        state.fired += 1;
        if state.resolved.max == Some(state.fired) {
            (0..self.sites[at].streams.len()).for_each(|i| self.refresh(self.sites[at].streams[i]));
        }
    }

    /// Whether the phase lets this stream deviate. A script may say in every phase how long something takes and
    /// what goes first, so that an order which was explored can be told; a seed may not.
    #[inline]
    pub(super) fn answerable(&self, s: StreamId) -> bool {
        self.armed
            || match self.sites[self.cold[s.index()].site].site.class {
                SiteClass::Value => true,
                SiteClass::Latency | SiteClass::Schedule => !self.searching,
                SiteClass::Fault | SiteClass::Reentry => false,
            }
    }

    /// Recomputes what offers of this stream read.
    fn refresh(&mut self, s: StreamId) {
        let answerable = self.answerable(s);
        let cold = &self.cold[s.index()];
        let state = &self.sites[cold.site];
        let used_up = state.resolved.max.is_some_and(|max| state.fired >= max);
        let pinned = self.mode == Mode::Explore && state.resolved.pin.is_some() && state.resolved.rate == Rate::ALWAYS;
        let live = (self.searching || pinned) && answerable && cold.covered && !used_up;
        let always = answerable && (cold.forced.is_some() || (live && cold.ruled));
        let hot = &mut self.hot[s.index()];
        hot.live = if always {
            Rate::ALWAYS.threshold()
        } else if live {
            state.resolved.rate.threshold()
        } else {
            0
        };
        hot.scripted = match cold.scripted.last() {
            Some(entry) if !self.searching => entry.n,
            _ => u64::MAX,
        };
    }

    fn refresh_all(&mut self) {
        (0..self.hot.len()).for_each(|stream| self.refresh(StreamId(stream as u32)));
    }

    /// A raw word: material like keys, that has to be there and must look random, but whose value no
    /// failure depends on. It is no deviation and is the same for every seed and in every mode, so that a
    /// plan, which has no seed, replays it. n advances. Where runs should differ, choose a
    /// [`Word`](super::Word) at a value site instead.
    pub fn word(&mut self, s: StreamId) -> u64 {
        let n = self.hot[s.index()].advance();
        Expander::new(self.cold[s.index()].id.wrapping_add(mix(n))).next()
    }

    /// Phases: while off, every answer is quiet and scripted values find no place; value sites go on.
    /// On at the start.
    pub fn arm(&mut self, on: bool) {
        if self.armed != on {
            self.armed = on;
            self.refresh_all();
        }
    }

    /// Whether the phase lets faults and the like happen.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.armed
    }

    /// Tells which step the next offers belong to.
    #[inline]
    pub fn set_step(&mut self, step: u64) {
        self.step = step;
        let searching = searching(self.mode, step);
        if searching != self.searching {
            self.searching = searching;
            self.refresh_all();
        }
    }

    /// How many offers a stream has made: the n of its next one.
    #[must_use]
    #[inline]
    pub fn position(&self, s: StreamId) -> u64 {
        self.hot[s.index()].n
    }

    /// The site and the actor of a stream.
    #[must_use]
    pub fn name_of(&self, s: StreamId) -> (&'static str, &str) {
        let cold = &self.cold[s.index()];
        (self.sites[cold.site].site.label, &cold.actor)
    }

    /// How many deviations the run has taken so far.
    #[must_use]
    pub fn deviations(&self) -> usize {
        self.records.len()
    }

    /// The deviations the run has taken so far, in order of occurrence. This puts them in words: ask when
    /// somebody wants to read or replay them, [`Choices::deviations`] when a count will do.
    #[must_use]
    pub fn script(&self) -> Script {
        let deviation = |record: &Record| {
            let stream = &self.cold[record.stream.index()];
            Deviation {
                site: self.sites[stream.site].site.label.to_owned(),
                actor: stream.actor.to_string(),
                n: record.n,
                value: record.note.words(),
                step: record.step,
            }
        };
        self.records.iter().map(deviation).collect()
    }

    /// How much of the given script has found its place so far. A search has no script: 0 of 0.
    #[must_use]
    pub fn anchoring(&self) -> Anchoring {
        self.script.anchoring()
    }

    /// Pins whose words were not in the domain at some offer, by site label; there the answer was quiet.
    #[must_use]
    pub fn rejected_pins(&self) -> &BTreeMap<&'static str, String> {
        &self.rejected_pins
    }
}

#[inline]
fn searching(mode: Mode, step: u64) -> bool {
    match mode {
        Mode::Search => true,
        Mode::Replay | Mode::Explore => false,
        Mode::Mixed { until_step } => step >= until_step,
    }
}
