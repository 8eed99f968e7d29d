//! The names a file may use.

use std::fmt;

use crate::check::BUILT_IN;
use crate::choice::Site;
use crate::flow::{FlowSchema, Named};

/// Every flow that can be named, and the sites of the engine. Built by the harness from the flows it has.
#[derive(Clone)]
pub struct Catalogue<'a> {
    /// The flows.
    pub flows: Vec<&'a dyn FlowSchema>,
    /// Sites that exist under every flow: network, disk, schedule …
    pub engine_sites: Vec<&'static Site>,
}

impl fmt::Debug for Catalogue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalogue")
            .field("flows", &self.flow_names())
            .field("engine_sites", &self.engine_sites.iter().map(|site| site.label).collect::<Vec<_>>())
            .finish()
    }
}

impl<'a> Catalogue<'a> {
    /// The flow of this name.
    #[must_use]
    pub fn flow(&self, name: &str) -> Option<&'a dyn FlowSchema> {
        self.flows.iter().copied().find(|flow| flow.info().name == name)
    }

    /// The names of all flows.
    #[must_use]
    pub fn flow_names(&self) -> Vec<&'static str> {
        self.flows.iter().map(|flow| flow.info().name).collect()
    }

    /// The names valid under one flow.
    pub(super) fn names_of(&self, flow: &'a dyn FlowSchema) -> Names<'a> {
        let info = flow.info();
        Names { flow, sites: info.sites.iter().chain(&self.engine_sites).copied().collect() }
    }
}

/// The names valid under one flow.
pub(super) struct Names<'a> {
    pub flow: &'a dyn FlowSchema,
    sites: Vec<&'static Site>,
}

impl Names<'_> {
    /// The site with this label, or which had it once.
    pub(super) fn site(&self, label: &str) -> Option<&'static Site> {
        let found = self.sites.iter().find(|site| site.label == label);
        found.or_else(|| self.sites.iter().find(|site| site.aliases.contains(&label))).copied()
    }

    pub(super) fn site_labels(&self) -> Vec<&'static str> {
        self.sites.iter().map(|site| site.label).collect()
    }

    pub(super) fn invariants(&self) -> Vec<&'static str> {
        self.flow.info().invariants.iter().chain(BUILT_IN).map(|invariant| invariant.id).collect()
    }
}

/// The labels of a declared list.
pub(super) fn labels(named: &[Named]) -> Vec<&'static str> {
    named.iter().map(|name| name.label).collect()
}
