//! Oxbow's build tool, as a library: the `xtask` binary is its command line,
//! and `tests/guest.rs` gives the guest tests a face of their own.
//!
//! Reading path: [`setup`] finds the tools, [`kernel`] and [`initrd`] build
//! what a machine boots, [`qemu`] starts one, [`pump`] carries its bytes.

pub mod apt_source;
pub mod busybox;
pub mod cpio;
pub mod exec;
pub mod fingerprint;
pub mod initrd;
pub mod kernel;
pub mod ksyms;
pub mod muslcc;
pub mod packages;
pub mod paths;
pub mod rootfs;
pub mod setup;
pub mod toolchain;
