//! The machine: all unsafe code of Oxbow.
//!
//! Two backends with the same names: `bare` runs on x86_64 hardware, `sim` runs inside a host
//! process, over a simulated physical memory, so that the memory code can be tested there.
#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

pub mod frame;
pub mod sync;
