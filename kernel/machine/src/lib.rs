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
pub mod boot;
pub mod cpu;
pub mod deferred;
pub mod entropy;
pub mod fpu;
pub mod frame;
pub mod heap;
pub mod linked;
pub mod log;
pub mod paging;
pub mod power;
#[cfg(any(target_os = "none", test))]
mod pure;
pub mod serial;
pub mod sync;
pub mod thread;
pub mod time;
pub mod user;

/// Makes a function the one that runs when the machine is up: a `fn(&'static BootInfo) -> !`.
#[cfg(target_os = "none")]
#[macro_export]
macro_rules! kernel_entry {
    ($main:path) => {
        // SAFETY: the name is only used by `machine`, which declares it with this type.
        #[unsafe(no_mangle)]
        fn oxbow_kernel_main(info: &'static $crate::boot::BootInfo) -> ! {
            $main(info)
        }
    };
}
