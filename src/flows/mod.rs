//! Reference systems: each in the shape it had on the day of a real incident, in the shape of the upstream
//! fix, and in a corrected shape. A flow never imports another flow.

pub mod mailbox;
pub mod merge;
pub mod publish;
pub mod sync;
