//! The first steps on the boot processor, and memory before there is a frame allocator.

use core::sync::atomic::{AtomicU64, Ordering};

use super::percpu::{BOOT_CPU, CPUS};
use super::{image, physical};
use crate::addr::{PAGE_SIZE, PhysRange};

/// The rest of the range that pages are taken from.
static NEXT: AtomicU64 = AtomicU64::new(0);
static END: AtomicU64 = AtomicU64::new(0);

/// Makes Rust code as the rest of the kernel knows it possible: per-processor data and addresses.
///
/// # Safety
/// Once, on the boot processor, before everything else; `direct_map` is where physical memory is mapped
/// now, `image` the physical address of the kernel image.
pub(super) unsafe fn first_steps(direct_map: u64, image: u64) {
    // SAFETY: 1. once per processor, first thing.
    unsafe { BOOT_CPU.install(0) };
    CPUS[0].store(core::ptr::from_ref(&BOOT_CPU).cast_mut(), Ordering::Release);
    physical::set_base(direct_map);
    image::set_physical(image);
    super::serial::init_early();
}

/// Chooses the range that early pages come from: the largest one below 4 GiB.
pub(super) fn use_range(usable: &[PhysRange]) {
    let below_4g = |range: &&PhysRange| range.start < 1 << 32;
    let size = |range: &&PhysRange| range.end.min(1 << 32) - range.start;
    let best = usable.iter().filter(below_4g).max_by_key(size);
    let best = best.expect("invariant: a machine has memory below 4 GiB");
    NEXT.store(best.start, Ordering::Relaxed);
    END.store(best.end.min(1 << 32), Ordering::Relaxed);
}

/// Takes one zeroed page, for ever. Only before the frame allocator works.
pub(super) fn take_page() -> u64 {
    let page = NEXT.fetch_add(PAGE_SIZE as u64, Ordering::Relaxed);
    assert!(page < END.load(Ordering::Relaxed), "no memory for the kernel's page tables");
    // SAFETY: 1. free memory that is mapped, and now ours.
    unsafe { physical::to_virt(page).write_bytes(0, PAGE_SIZE) };
    page
}

/// What was taken so far, counted from the start of the chosen range.
pub(super) fn taken_until() -> u64 {
    NEXT.load(Ordering::Relaxed)
}
