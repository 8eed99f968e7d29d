//! The rendezvous ("mailbox") server of magic-wormhole, and its incident of 2019-08-29: pruning stopped for good.
//!
//! Two clients meet under a short *nameplate*, which stands for a long-named *mailbox*, and exchange messages
//! through it. Idle mailboxes are pruned by a timer. On that day closing a mailbox whose nameplate had not been
//! released violated a foreign key half-way through its deletions; the next client's commit published the half;
//! eleven minutes later the timer met a mailbox without sides, raised, and never ran again.
//!
//! Source: magic-wormhole-mailbox-server issue #13; the code of commit 60c924a (release 0.3.1), of release 0.8.0
//! (commit d4e42ad), and what both should have done.
//!
//! What is wrong with release 0.8.0, with seeds and mechanisms, is in `docs/mailbox.md`.
//!
//! | module | holds |
//! |---|---|
//! | [`protocol`] | frames, error texts, Python's view of a client's values |
//! | [`variants`] | in what the forms of the server differ, as data |
//! | [`server`] | the server: connections, apps and mailboxes, commands, pruning, status, keepalive |
//! | [`database`], [`schema`] | the connection the server needs, its transaction discipline; the tables |
//! | [`model`] | rows, objects and history as plain data |
//! | [`invariants`] | what must hold, as pure functions over the model |
//! | [`flow`], [`config`], [`sites`], [`trace`] | the flow: declaration and building; what a scenario pins; choices; events |
//! | [`process`], [`files`], [`websocket`] | the server as a node; its databases on the simulated disk; frames |
//! | [`client`], [`workload`] | clients as machines, and on the network; operations as data |
//! | [`watch`] | the witness: what the invariants are evaluated on, and when |

pub mod client;
pub mod config;
pub mod database;
pub mod files;
pub mod flow;
pub mod invariants;
pub mod model;
pub mod process;
pub mod protocol;
pub mod schema;
pub mod server;
pub mod sites;
pub mod trace;
pub mod variants;
pub mod watch;
pub mod websocket;
pub mod workload;

#[cfg(test)]
mod tests;

pub use flow::MailboxServer;
