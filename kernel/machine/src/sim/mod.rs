//! The host backend: a simulated machine inside a test process.
//!
//! Physical memory is one big allocation; frame numbers are offsets into it. Each host thread is a
//! processor of its own. Tests that watch the frame ledger make their own [`Machine`]; everything
//! else shares one that is made on first use.

mod memory;
pub(crate) mod percpu;

pub use memory::{Handle, Machine, fail_allocation_after};
pub(crate) use memory::{allocation_fails, physical};
