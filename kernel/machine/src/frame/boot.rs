//! The one physical memory of a real machine.

use core::cell::UnsafeCell;

use super::PhysicalMemory;
use crate::addr::PhysRange;

struct Global(UnsafeCell<PhysicalMemory>);

// SAFETY: written once by `init`, before anything else runs; shared after that.
unsafe impl Sync for Global {}

static MEMORY: Global = Global(UnsafeCell::new(PhysicalMemory::empty()));

/// Physical memory; empty before [`init`].
#[inline]
pub(crate) fn physical() -> &'static PhysicalMemory {
    // SAFETY: requirement 3 of `init`: it is not written any more, or not yet.
    unsafe { &*MEMORY.0.get() }
}

/// Gives the kernel its memory: the page-aligned ranges in `usable`, mapped at `base` plus their
/// physical address. `top` is the end of all memory that may ever be given, also by [`release`].
///
/// # Safety
/// 1. `base .. base + top` maps physical memory, readable and writable wherever `usable` says;
///    for ever.
/// 2. Nothing else uses the usable ranges.
/// 3. Called once, by the boot processor, before anything uses frames or the heap.
pub unsafe fn init(base: *mut u8, usable: &[PhysRange], top: u64) {
    // SAFETY: (1) nobody else looks, by requirement 3; (2) the others are passed on.
    unsafe { (*MEMORY.0.get()).init(base, usable, top) }
}

/// Gives more memory to the allocator, such as an initrd that has been unpacked.
///
/// # Safety
/// The range lies below the `top` of [`init`], is mapped as described there, and nothing uses it
/// or will use it.
pub unsafe fn release(range: PhysRange) {
    // SAFETY: handed on to the caller.
    unsafe { physical().add(range) }
}

/// Whether the allocation about to be made shall fail: only on the host, for tests.
pub(super) fn allocation_fails() -> bool {
    false
}
