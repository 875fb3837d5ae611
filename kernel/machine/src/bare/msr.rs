//! The model-specific registers the kernel uses (Intel SDM volume 4).

use x86_64::registers::model_specific::Msr;

/// Where the local APIC is, and its mode.
pub const APIC_BASE: u32 = 0x1b;
/// The deadline of the local APIC timer in TSC ticks.
pub const TSC_DEADLINE: u32 = 0x6e0;
/// The first x2APIC register.
pub const X2APIC: u32 = 0x800;
/// Features of long mode: SCE, LME, NXE.
pub const EFER: u32 = 0xc000_0080;
/// The selectors of syscall and sysret.
pub const STAR: u32 = 0xc000_0081;
/// The entry point of syscall.
pub const LSTAR: u32 = 0xc000_0082;
/// The entry point of syscall from compatibility mode.
pub const CSTAR: u32 = 0xc000_0083;
/// The flags that syscall clears.
pub const SFMASK: u32 = 0xc000_0084;
/// The base of FS.
pub const FS_BASE: u32 = 0xc000_0100;
/// The base of GS.
pub const GS_BASE: u32 = 0xc000_0101;
/// What swapgs exchanges with the base of GS.
pub const KERNEL_GS_BASE: u32 = 0xc000_0102;

/// Reads a register.
///
/// # Safety
/// The processor must have it.
pub unsafe fn read(register: u32) -> u64 {
    // SAFETY: 1. the caller vouches for the register; reading has no side effect we depend on.
    unsafe { Msr::new(register).read() }
}

/// Writes a register.
///
/// # Safety
/// The processor must have it, and the value must be sound for the code that runs now.
pub unsafe fn write(register: u32, value: u64) {
    // SAFETY: 1. the caller vouches for register and value.
    unsafe { Msr::new(register).write(value) }
}
