//! What happened at the sites: counts, and on request the list of all offers.

use std::collections::BTreeMap;

use super::choices::Choices;
use super::domain::{Domain, Note};
use super::offer::{Offer, SiteCount};
use super::site::SiteClass;
use super::state::SiteState;
use super::stream::StreamId;

impl Choices {
    /// Limits the list of offers to these sites, by label.
    pub fn log_only(&mut self, sites: impl IntoIterator<Item = String>) {
        self.logged_sites = Some(sites.into_iter().collect());
    }

    /// Limits the length of the list: the first offers are kept.
    pub fn log_at_most(&mut self, offers: usize) {
        self.logged_max = offers;
    }

    /// Starts or stops keeping a list of all offers, for those who enumerate them. Offers that no script
    /// could have answered (ineligible ones, and those in a quiet phase) are not listed.
    pub fn log_offers(&mut self, on: bool) {
        self.logging = on;
    }

    /// The offers, in order of occurrence.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// Takes the offers out.
    #[must_use]
    pub fn take_offers(&mut self) -> Vec<Offer> {
        std::mem::take(&mut self.offers)
    }

    pub(super) fn log<D: Domain>(&mut self, s: StreamId, n: u64, domain: &D, chosen: &D::Value) {
        if self.offers.len() >= self.logged_max || !self.answerable(s) {
            return;
        }
        let stream = &self.cold[s.index()];
        let label = self.sites[stream.site].site.label;
        if let Some(logged) = &self.logged_sites
            && !logged.contains(label)
        {
            return;
        }
        let values = domain.values();
        let simpler = if *chosen == domain.quiet() { Vec::new() } else { domain.simpler(chosen) };
        let words = |values: Vec<D::Value>| values.iter().map(|value| domain.words(value)).collect();
        self.offers.push(Offer {
            site: label.to_owned(),
            actor: stream.actor.to_string(),
            n,
            step: self.step,
            values: values.map(words),
            chosen: domain.words(chosen),
            representatives: domain.representatives().iter().map(|value| domain.words(value)).collect(),
            barrier: domain.is_barrier(),
            simpler: words(simpler),
        });
    }

    /// The offer came by but cannot apply: n advances, and it is counted apart.
    #[inline]
    pub fn ineligible(&mut self, s: StreamId) {
        self.hot[s.index()].advance();
        let site = self.cold[s.index()].site;
        self.sites[site].ineligible += 1;
    }

    /// The code under test has noticed a fault of this site.
    #[inline]
    pub fn observed(&mut self, s: StreamId) {
        let site = self.cold[s.index()].site;
        self.sites[site].observed += 1;
    }

    /// How often a site has deviated so far; by its label. Zero for a site nobody asked for.
    #[must_use]
    pub fn fired(&self, label: &str) -> u64 {
        self.sites.iter().filter(|site| site.site.label == label).map(|site| site.fired).sum()
    }

    /// How many different faults and re-entries have struck so far.
    #[must_use]
    pub fn kinds_fired(&self) -> u64 {
        let harmful = |site: &&SiteState| matches!(site.site.class, SiteClass::Fault | SiteClass::Reentry);
        self.sites.iter().filter(harmful).filter(|site| site.fired > 0).count() as u64
    }

    /// How often which site took which deviating value. Values that have no fixed word count together, under the empty
    /// one: which of a thousand durations it was, nobody compares.
    #[must_use]
    pub fn values_taken(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        let mut taken: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
        for record in &self.records {
            let site = self.sites[self.cold[record.stream.index()].site].site.label;
            let word = match record.note {
                Note::Fixed(word) => word,
                Note::Text(_) | Note::Number(..) => "",
            };
            *taken.entry((site, word)).or_default() += 1;
        }
        taken
    }

    /// What happened at every site that was used, by label.
    #[must_use]
    pub fn accounting(&self) -> BTreeMap<&'static str, SiteCount> {
        let mut counts: BTreeMap<&'static str, SiteCount> = BTreeMap::new();
        for site in &self.sites {
            let count = counts.entry(site.site.label).or_default();
            count.fired += site.fired;
            count.observed += site.observed;
            count.ineligible += site.ineligible;
            for stream in &site.streams {
                let hot = &self.hot[stream.index()];
                count.armed += hot.armed;
                count.offered += hot.n;
            }
            count.offered -= site.ineligible;
        }
        counts
    }
}
