//! What the engine itself declares, whatever the flow.

use crate::choice::Site;
use crate::flow::FlowInfo;
use crate::trace::Kind;
use crate::{disk, kernel, net, reentry, world};

/// The choice sites that exist under every flow.
#[must_use]
pub fn engine_sites() -> Vec<&'static Site> {
    [kernel::SITES, net::SITES, disk::SITES, reentry::SITES, world::SITES].concat()
}

/// Every choice site of a flow, its own first.
pub fn sites_of(flow: &FlowInfo) -> impl Iterator<Item = &'static Site> + use<> {
    flow.sites.iter().copied().chain(engine_sites())
}

/// The trace kinds that exist under every flow.
#[must_use]
pub fn engine_kinds() -> Vec<&'static Kind> {
    [kernel::KINDS, net::KINDS, disk::KINDS].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn labels_are_unique_and_documented() {
        let sites: BTreeSet<_> = engine_sites().iter().map(|site| site.label).collect();
        assert_eq!(sites.len(), engine_sites().len());
        assert!(engine_sites().iter().all(|site| !site.doc.is_empty()));
        let ungrounded: Vec<_> = engine_sites().into_iter().filter(|site| site.ground.is_empty()).collect();
        assert!(ungrounded.is_empty(), "where does the real world do this? {ungrounded:?}");
        let kinds: BTreeSet<_> = engine_kinds().iter().map(|kind| kind.label).collect();
        assert_eq!(kinds.len(), engine_kinds().len());
    }
}
