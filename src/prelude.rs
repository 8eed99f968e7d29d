//! What a flow's file usually needs, in one `use`.

pub use proptest::strategy::{BoxedStrategy, Just, Strategy};
pub use serde_json::json;

pub use crate::check::{InvariantInfo, Outcome};
pub use crate::choice::{Coin, Domain, Latency, OneOf, Rate, Site};
pub use crate::flow::{Flow, FlowInfo, Named, Needs, NoConfig, Setup};
pub use crate::kernel::{NodeHandle, Time};
pub use crate::net::{Messages, NetError, Stream};
pub use crate::reentry::{Completion, Delivery};
pub use crate::world::{Node, World};
