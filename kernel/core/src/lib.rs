//! Linux semantics in safe Rust.
//!
//! Layers, left never imports right: `error`, `locks`, `cred` <- `sched` <- `mm` <- `fs` <- `task`
//! <- `procfs` <- `syscall` <- `init`. Everything that needs `unsafe` is in the `machine` crate.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod clock;
pub mod cred;
pub mod elf;
pub mod error;
pub mod fs;
pub mod init;
pub mod locks;
pub mod mm;
pub mod procfs;
pub mod sched;
pub mod syscall;
pub mod task;
pub mod utsname;
