//! The Linux ABI for x86_64: numbers, flags, structures and errors.
//!
//! Names are Linux's. Everything that crosses to user space is `repr(C)` without implicit padding
//! (zerocopy checks it), and every value is compared with linux-raw-sys in the tests.
#![no_std]
#![forbid(unsafe_code)]

pub mod errno;
pub mod nr;
pub mod signal;

pub use errno::Errno;
pub use nr::Sysno;
pub use signal::{SigSet, Signal};
