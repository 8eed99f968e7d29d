//! The sync server: one process per connection, one command at a time.

mod process;
mod session;
mod v23;
pub mod v24;

use crate::kernel::NodeHandle;

use self::session::Session;
use super::protocol::PORT;
use super::store::Store;

pub use session::Settings;

/// Accepts connections for as long as the server lives.
pub async fn serve(store: Store, settings: Settings) {
    let node: NodeHandle = (*store.node).clone();
    let Ok(listener) = store.node.net().listen(PORT) else {
        return;
    };
    while let Ok(stream) = listener.accept().await {
        let session = Session::new(&store, settings);
        node.spawn("sync-server", session.run(stream));
    }
}
