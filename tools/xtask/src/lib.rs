//! Oxbow's build tool, as a library: the `xtask` binary is its command line,
//! and `tests/guest.rs` gives the guest tests a face of their own.
//!
//! Reading path: [`setup`] finds the tools, [`kernel`] and [`initrd`] build
//! what a machine boots, [`qemu`] starts one, [`session`] stays with it
//! and carries its bytes.

pub mod apt_source;
pub mod busybox;
pub mod cpio;
pub mod exec;
pub mod fingerprint;
pub mod hostin;
pub mod initrd;
pub mod job;
pub mod kernel;
pub mod ksyms;
pub mod muslcc;
pub mod packages;
pub mod paths;
pub mod qemu;
pub mod rootfs;
pub mod run;
pub mod session;
#[cfg(test)]
mod session_tests;
pub mod setup;
pub mod terminal;
pub mod toolchain;
