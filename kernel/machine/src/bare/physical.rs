//! Physical memory as the kernel sees it: the direct map, and windows to device registers.

use core::sync::atomic::{AtomicU64, Ordering};

/// Where physical address 0 is mapped in the final page tables.
pub(crate) const DIRECT_MAP: u64 = 0xffff_8880_0000_0000;

/// Where physical address 0 is mapped now: the boot loader's choice until our page tables are loaded.
static BASE: AtomicU64 = AtomicU64::new(DIRECT_MAP);

/// Notes where physical memory is mapped.
pub(super) fn set_base(base: u64) {
    BASE.store(base, Ordering::Relaxed);
}

/// The kernel's pointer to the memory at `physical`.
#[inline]
pub(crate) fn to_virt(physical: u64) -> *mut u8 {
    (BASE.load(Ordering::Relaxed) + physical) as *mut u8
}
