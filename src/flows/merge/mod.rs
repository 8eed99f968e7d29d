//! Merging two events in AMY, the workshop database of The Carpentries: on 2016-04-06 a merge deleted a tag that all events
//! share, and the published feed, asked for a tag it no longer knew, answered with everything. Nobody noticed for a day.
//!
//! Source: carpentries/amy, issues 744 and 1252; the code of releases 1.5.1 (53f72158), 1.5.2, 1.6.0, 1.11.3 and 1.11.4.
//!
//! | module | holds |
//! |---|---|
//! | [`schema`], [`fixture`], [`rows`] | the tables as data; what is in them at first; what is in them, for checks |
//! | [`orm`] | a small mapper with the habits of Django's |
//! | [`form`], [`functions`] | what is chosen; the merge of each release |
//! | [`variants`] | in what the forms of the application differ, as data |
//! | [`protocol`], [`view`], [`feed`], [`exports`] | requests and answers; what requests do; the published feed; the other lists the website reads |
//! | [`invariants`] | what must hold, as pure functions over rows |
//! | [`flow`], [`config`], [`sites`], [`trace`] | declaration and building; what a scenario pins; choices; events |
//! | [`server`], [`files`], [`backup`], [`website`] | the application as a node; its database and the copies of it on the simulated disk; who reads the feed |
//! | [`records`] | what is written down beside the database, each by its own clock |
//! | [`bell`] | what wakes the jobs that sleep until it is time |
//! | [`workload`] | people and what they do |
//! | [`watch`] | the witness: what the invariants are evaluated on, and when |
//!
//! What sweeps find on the fixed releases, with seeds, and whose fault it is: `docs/merge.md`.

pub mod backup;
pub mod bell;
pub mod config;
pub mod exports;
pub mod feed;
pub mod files;
pub mod fixture;
pub mod flow;
pub mod form;
pub mod functions;
pub mod invariants;
pub mod orm;
pub mod protocol;
pub mod records;
pub mod rows;
pub mod schema;
pub mod server;
pub mod sites;
pub mod trace;
pub mod variants;
pub mod view;
pub mod watch;
pub mod website;
pub mod workload;

#[cfg(test)]
mod tests;

pub use flow::EventMerge;
