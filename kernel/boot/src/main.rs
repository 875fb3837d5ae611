//! The kernel binary: the wiring of `machine` and `oxbow_core`, and nothing else.
//!
//! The entry points of the two boot protocols are in `machine`; they bring the processor into a
//! sane state and call [`start`].
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
machine::kernel_entry!(start);

/// Runs once, on the boot processor, when memory, interrupts and the clock work.
#[cfg(target_os = "none")]
fn start(boot: &'static machine::boot::BootInfo) -> ! {
    oxbow_core::init::start(boot)
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this is a kernel: build it with `cargo xtask build`, run it with `cargo xtask run`");
    std::process::exit(2);
}
