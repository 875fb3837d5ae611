//! From the boot loader's hand to a machine that core can run on.
//!
//! Owns [`BootInfo`]: what the loader told us, copied out of its memory. Both protocols fill one; from
//! there on nothing in the kernel knows which one it was.

mod limine;
mod pvh;

use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use arrayvec::ArrayVec;

use super::{image, physical};
use crate::addr::{PAGE_SIZE, PhysRange};

global_asm!(
    include_str!("entry.s"),
    pvh = sym pvh::enter,
    limine = sym limine::enter,
    options(att_syntax)
);

/// The longest command line, as on Linux.
const CMDLINE_MAX: usize = 4096;
/// The most memory regions and initrds that are looked at.
const REGIONS_MAX: usize = 128;
const INITRDS_MAX: usize = 8;

/// The boot protocol that started the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The PVH entry: QEMU's `-kernel`.
    Pvh,
    /// The Limine boot loader.
    Limine,
}

/// Whether somebody has the initrds already.
static INITRDS_TAKEN: AtomicBool = AtomicBool::new(false);

/// The initial file system images in memory; dropping it frees them.
#[derive(Debug)]
pub struct Initrds {
    ranges: ArrayVec<PhysRange, INITRDS_MAX>,
}

impl Initrds {
    /// The bytes of each, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges.iter().map(|range| {
            let len = (range.end - range.start) as usize;
            // SAFETY: 1. the loader filled this memory, and nobody else has it until `self` is dropped, which
            // the result borrows; 2. the direct map covers it.
            unsafe { core::slice::from_raw_parts(physical::to_virt(range.start), len) }
        })
    }
}

impl Drop for Initrds {
    fn drop(&mut self) {
        for range in &self.ranges {
            // SAFETY: 1. nobody borrows the bytes any more; 2. the ranges were kept out of the allocator, are
            // mapped, and lie below its top.
            unsafe { crate::frame::release(*range) };
        }
    }
}

/// What the boot loader told.
pub struct BootInfo {
    cmdline: ArrayVec<u8, CMDLINE_MAX>,
    pub(super) initrds: ArrayVec<PhysRange, INITRDS_MAX>,
    /// Memory that is free once the boot loader's own data is no longer needed.
    pub(super) usable: ArrayVec<PhysRange, REGIONS_MAX>,
    /// Memory that is free once our own page tables are loaded.
    pub(super) reclaimable: ArrayVec<PhysRange, REGIONS_MAX>,
    /// The physical address of the ACPI root pointer, 0 when the loader does not know it.
    pub(super) rsdp: u64,
    protocol: Protocol,
}

struct Slot(UnsafeCell<BootInfo>);

// SAFETY: 1. written only by the boot processor before any other runs, read-only afterwards.
unsafe impl Sync for Slot {}

static INFO: Slot = Slot(UnsafeCell::new(BootInfo {
    cmdline: ArrayVec::new_const(),
    initrds: ArrayVec::new_const(),
    usable: ArrayVec::new_const(),
    reclaimable: ArrayVec::new_const(),
    rsdp: 0,
    protocol: Protocol::Pvh,
}));

impl BootInfo {
    /// The kernel command line, without the terminating NUL.
    pub fn cmdline(&self) -> &[u8] {
        &self.cmdline
    }

    /// The initial file system images in the order given. They can be taken once; when the result is dropped
    /// their memory is free.
    pub fn take_initrds(&self) -> Option<Initrds> {
        let first = !INITRDS_TAKEN.swap(true, Ordering::Relaxed);
        first.then(|| Initrds { ranges: self.initrds.clone() })
    }

    /// How the kernel was started.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Takes over the command line; what is longer than Linux takes is cut off.
    fn set_cmdline(&mut self, text: &[u8]) {
        self.cmdline = text.iter().copied().take(CMDLINE_MAX).collect();
    }

    /// Takes over one range of free memory.
    fn add_usable(&mut self, start: u64, end: u64) {
        push_pages(&mut self.usable, start, end);
    }

    /// Takes over one range that the loader still uses.
    fn add_reclaimable(&mut self, start: u64, end: u64) {
        push_pages(&mut self.reclaimable, start, end);
    }

    /// Notes an initrd, unless it is empty or one too many.
    fn add_initrd(&mut self, start: u64, len: u64) {
        if len != 0 && !self.initrds.is_full() {
            self.initrds.push(PhysRange { start, end: start + len });
        }
    }

    /// Cuts `hole` out of the free memory, rounded out to whole pages.
    pub(super) fn exclude(&mut self, hole: PhysRange) {
        cut_out(&mut self.usable, hole);
        cut_out(&mut self.reclaimable, hole);
    }
}

/// Appends the whole pages of a range. With more pieces than we can note, the rest stays unused.
fn push_pages(list: &mut ArrayVec<PhysRange, REGIONS_MAX>, start: u64, end: u64) {
    let page = PAGE_SIZE as u64;
    let range = PhysRange { start: start.next_multiple_of(page), end: end & !(page - 1) };
    if range.start < range.end && !list.is_full() {
        list.push(range);
    }
}

/// Cuts `hole`, rounded out to whole pages, out of every range.
fn cut_out(list: &mut ArrayVec<PhysRange, REGIONS_MAX>, hole: PhysRange) {
    let page = PAGE_SIZE as u64;
    let (start, end) = (hole.start & !(page - 1), hole.end.next_multiple_of(page));
    for range in core::mem::take(list) {
        for piece in [
            PhysRange { start: range.start, end: range.end.min(start) },
            PhysRange { start: range.start.max(end), end: range.end },
        ] {
            if piece.start < piece.end && !list.is_full() {
                list.push(piece);
            }
        }
    }
}

/// The common path of both protocols, from the filled [`BootInfo`] to core.
///
/// # Safety
/// Called once by the protocol's entry, on the boot stack, with `INFO` filled.
unsafe fn continue_boot(info: &'static mut BootInfo) -> ! {
    info.usable.sort_unstable_by_key(|range| range.start);
    // The first 64 KiB hold the firmware's tables, and later the start code of other processors.
    info.exclude(PhysRange { start: 0, end: super::smp::LOW_MEMORY_END });
    info.exclude(image::physical_range());
    for i in 0..info.initrds.len() {
        info.exclude(info.initrds[i]);
    }
    super::init(info)
}

/// What the loader told, once it is complete.
pub(super) fn info() -> &'static BootInfo {
    // SAFETY: 1. nobody writes after `continue_boot` began.
    unsafe { &*INFO.0.get() }
}
