//! The clock and the timer of each processor.

pub use crate::backend::time::{arm, cycles, cycles_per_second, now, wall_at_boot};
