//! Oxbow's build tool, as a library: the `xtask` binary is its command line,
//! and `tests/guest.rs` gives the guest tests a face of their own.
//!
//! Reading path: [`setup`] finds the tools, [`kernel`] and [`initrd`] build
//! what a machine boots, [`qemu`] starts one, [`session`] stays with it
//! and carries its bytes.

pub mod apt_source;
pub mod batch;
pub mod busybox;
pub mod cpio;
pub mod exec;
pub mod fingerprint;
pub mod host_tests;
pub mod hostin;
pub mod initrd;
pub mod interactive;
pub mod iso;
pub mod job;
pub mod junit;
pub mod kernel;
pub mod ksyms;
pub mod musl_tests;
pub mod muslcc;
pub mod native;
pub mod packages;
pub mod paths;
pub mod qemu;
pub mod rootfs;
pub mod run;
pub mod session;
#[cfg(test)]
mod session_tests;
pub mod setup;
pub mod slots;
pub mod smoke;
pub mod stream;
pub mod tap;
pub mod terminal;
pub mod test;
pub mod tidy;
pub mod toolchain;
pub mod trials;
pub mod typist;
