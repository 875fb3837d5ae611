//! The ends of the machine.

pub use crate::backend::power::{exit, halt, off, reset, try_exit};

/// Exit codes of the kernel through QEMU's isa-debug-exit device.
pub mod exit_code {
    /// The kernel panicked.
    pub const PANIC: u8 = 0x2a;
    /// Process 1 died.
    pub const INIT_DIED: u8 = 0x2b;
    /// The initrd can not be used.
    pub const BAD_INITRD: u8 = 0x2c;
}
