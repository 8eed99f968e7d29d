//! Labels of the flow's choice sites, for the promises of its invariants.

/// A share is lost or damaged on its server.
pub const SHARE_DAMAGE: &str = "publish/share-damage";
/// A server raises, before it did anything or after the data was written.
pub const SERVER_RAISES: &str = "publish/server-raises";
/// A server cannot be reached for a while.
pub const SERVER_OFFLINE: &str = "publish/server-offline";
/// A server neither answers nor disconnects.
pub const SERVER_SILENT: &str = "publish/server-silent";
/// The transport delivers a request twice.
pub const DUPLICATE: &str = "publish/duplicate-request";
