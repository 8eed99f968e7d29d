//! Picks from a set: which ready task, which victim, which event.

use super::choices::Choices;
use super::domain::{Domain, Note};
use super::expand::Expander;
use super::seed::stable_hash;
use super::stream::{Reader, StreamId};

/// The candidates of one pick, by index; the first is quiet. In words a candidate is its name, and where a
/// name occurs twice it means the first.
struct Candidates<'a>(&'a [&'a str]);

impl Domain for Candidates<'_> {
    type Value = usize;

    fn quiet(&self) -> usize {
        0
    }

    /// Uniform. Picks do not use it: a draw from the set as a whole would change with every new candidate.
    fn draw(&self, expander: &mut Expander) -> usize {
        expander.below(self.0.len() as u64) as usize
    }

    fn words(&self, value: &usize) -> String {
        self.0[*value].to_owned()
    }

    fn parse(&self, words: &str) -> Option<usize> {
        self.0.iter().position(|name| *name == words)
    }

    fn values(&self) -> Option<Vec<usize>> {
        let distinct = |index: &usize| self.parse(self.0[*index]) == Some(*index);
        Some((0..self.0.len()).filter(distinct).collect())
    }

    fn note(&self, value: &usize) -> Note {
        Note::Text(self.words(value))
    }
}

impl Choices {
    /// Picks one of the candidates and returns its index; `candidates[0]` is the quiet one.
    ///
    /// The stream's own coin decides whether the pick deviates. If so, each candidate draws a priority from
    /// a stream of its own (named by site, actor and candidate, read at this pick's n) and the highest wins,
    /// the smaller name among equals. One more candidate therefore changes only the picks that it wins.
    /// The deviation names the winner; a replay whose candidates lack that name is quiet there.
    ///
    /// # Panics
    /// When there are no candidates: there is no answer to give.
    pub fn pick(&mut self, s: StreamId, candidates: &[&str]) -> usize {
        assert!(!candidates.is_empty(), "a pick needs at least one candidate");
        let logging = self.logging;
        let hot = &mut self.hot[s.index()];
        let n = hot.advance();
        // A single candidate leaves nothing to decide, but may be what the script names.
        let undecided = candidates.len() > 1 && (hot.is_live() || logging);
        if !undecided && !hot.is_scripted(n) {
            return 0;
        }
        self.answer(s, n, &Candidates(candidates), |choices, _| choices.highest(s, choices.epoch(n), candidates))
    }

    /// Whether the next offer of a stream can be anything but quiet. Lets a place whose candidates are costly to
    /// list skip that; it then owes a [`Choices::pass`].
    #[must_use]
    pub fn is_live(&self, s: StreamId) -> bool {
        let hot = &self.hot[s.index()];
        hot.is_live() || hot.is_scripted(hot.n) || self.logging
    }

    /// An offer that is quiet without being asked, after [`Choices::is_live`] said no.
    pub fn pass(&mut self, s: StreamId) {
        self.hot[s.index()].advance();
    }

    /// [`Choices::is_live`] and [`Choices::pass`] for several streams at once: if nothing but quiet can come of any of
    /// them, all are passed. Lets an operation that is asked about at many sites ask once while they are off.
    #[inline]
    pub fn pass_all(&mut self, streams: &[StreamId]) -> bool {
        if self.logging {
            return false;
        }
        for (passed, s) in streams.iter().enumerate() {
            let hot = &mut self.hot[s.index()];
            if hot.is_live() || hot.is_scripted(hot.n) {
                for s in &streams[..passed] {
                    self.hot[s.index()].n -= 1;
                }
                return false;
            }
            hot.n += 1;
        }
        true
    }

    fn highest(&mut self, s: StreamId, n: u64, candidates: &[&str]) -> usize {
        let mut best = (0, self.priority(s, n, candidates[0]));
        for (index, name) in candidates.iter().enumerate().skip(1) {
            let priority = self.priority(s, n, name);
            let wins = priority > best.1 || (priority == best.1 && *name < candidates[best.0]);
            if wins {
                best = (index, priority);
            }
        }
        best.0
    }

    fn priority(&mut self, s: StreamId, n: u64, candidate: &str) -> u64 {
        let seed = self.seed;
        let stream = &mut self.cold[s.index()];
        if let Some(reader) = stream.candidates.get_mut(candidate) {
            return reader.at(n);
        }
        let site = self.sites[stream.site].site.first_label();
        let mut reader = Box::new(Reader::new(seed, stable_hash(&[site, &stream.actor, candidate])));
        let word = reader.at(n);
        stream.candidates.insert(candidate.into(), reader);
        word
    }
}
