//! The MSRs behind the syscall and sysret instructions.

use super::gdt::{KERNEL_CS, USER_CS32};
use super::msr;

unsafe extern "C" {
    fn syscall_entry();
}

/// Flags that are off in the kernel whatever user mode had: all of them.
const CLEARED: u64 = 0x3f_7fd5;

/// Turns the instructions on, on this processor.
///
/// # Safety
/// The segments of `gdt` are loaded.
pub(super) unsafe fn init() {
    // SAFETY: 1. every x86_64 processor has these; 2. the selectors are those of `gdt`.
    unsafe {
        msr::write(msr::STAR, u64::from(USER_CS32) << 48 | u64::from(KERNEL_CS) << 32);
        msr::write(msr::LSTAR, syscall_entry as *const () as u64);
        // There is no 32-bit code segment, so nobody comes this way.
        msr::write(msr::CSTAR, 0);
        msr::write(msr::SFMASK, CLEARED);
    }
}
