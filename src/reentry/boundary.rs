//! Boundaries: places where code hands control to somebody else's callback.

use crate::choice::Site;
use crate::kernel::NodeHandle;

/// Marks a boundary inside the callback `callback` of a node: here the simulation may dispatch one eligible event on
/// the spot. The site is the choice's label; its quiet value dispatches nothing. Answers whether something was.
///
/// Call it where the callback's own code would run, with no borrow of shared state held that the system itself would
/// not hold there.
pub fn boundary(node: &NodeHandle, site: &'static Site, callback: &str) -> bool {
    if !node.is_alive() {
        return false;
    }
    let actor = format!("{}:{callback}", node.name());
    let stream = node.sim().stream(site, &actor);
    node.sim().boundary(node.id(), stream, callback)
}
