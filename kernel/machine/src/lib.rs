//! The machine: all unsafe code of Oxbow.
//!
//! Two backends with the same names: `bare` runs on x86_64 hardware, `sim` runs inside a host
//! process, over a simulated physical memory, so that the memory code can be tested there.
//! The modules below are the public face; they reach the backend as `crate::backend`.
#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

#[cfg(target_os = "none")]
mod bare;
#[cfg(not(target_os = "none"))]
pub mod sim;

#[cfg(target_os = "none")]
use bare as backend;
#[cfg(not(target_os = "none"))]
use sim as backend;

pub mod addr;
pub mod cpu;
#[cfg(not(target_os = "none"))]
pub mod deferred;
pub mod frame;
pub mod heap;
pub mod linked;
pub mod paging;
pub mod sync;
#[cfg(not(target_os = "none"))]
pub mod thread;
#[cfg(not(target_os = "none"))]
pub mod time;
pub mod user;
