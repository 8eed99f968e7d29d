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

pub mod fixture;
pub mod form;
pub mod functions;
pub mod orm;
pub mod rows;
pub mod schema;
