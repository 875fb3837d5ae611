//! The host backend: a simulated machine inside a test process.
//!
//! Physical memory is one big allocation; frame numbers are offsets into it. Each host thread is a
//! processor of its own, except those of `thread`, which hand processors to each other. Tests that
//! watch the frame ledger make their own [`Machine`]; everything else shares one that is made on
//! first use.

pub(crate) mod boot;
pub(crate) mod cpu;
pub(crate) mod deferred;
pub(crate) mod entropy;
pub(crate) mod fpu;
mod memory;
pub(crate) mod percpu;
pub(crate) mod power;
pub(crate) mod serial;
pub(crate) mod thread;
pub(crate) mod time;
pub(crate) mod tlb;
pub(crate) mod user;

pub use memory::{Handle, Machine, fail_allocation_after};
pub(crate) use memory::{allocation_fails, physical};
pub use percpu::enter_cpu;
