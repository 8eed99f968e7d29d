//! The reference systems: each a real system in the shape it had on the day of a real incident, in the
//! shape of the upstream fix, and corrected.

pub mod mailbox;
