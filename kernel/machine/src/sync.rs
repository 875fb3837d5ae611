//! Locks with ranks.

/// The place of a lock in the lock order; a bigger rank is further inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(pub u8);
