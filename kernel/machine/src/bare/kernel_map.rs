//! The kernel's half of every address space.
//!
//! Owns: the root table of the kernel, and everything reached from its upper 256 entries. Those
//! entries are complete when boot ends and never change again, so that a new address space copies
//! them once. Below them, mappings come and go: kernel stacks and windows to devices.
//!
//! The image is mapped with write-xor-execute, in the direct map too: there its code and constants are
//! read-only, and nothing is executable.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use super::{features, image, physical};
use crate::addr::{PAGE_SIZE, PhysRange};
use crate::sync::{Rank, SpinLock};

/// Kernel stacks, with a guard page below each.
pub(super) const STACKS: u64 = 0xffff_c900_0000_0000;
/// Windows to device registers.
pub(super) const DEVICES: u64 = 0xffff_fd00_0000_0000;

const PRESENT: u64 = 1;
const WRITE: u64 = 1 << 1;
const WRITE_THROUGH: u64 = 1 << 3;
const NO_CACHE: u64 = 1 << 4;
const ACCESSED_DIRTY: u64 = 3 << 5;
const LARGE: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// What a kernel mapping allows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    /// Code.
    Execute,
    /// Constants.
    Read,
    /// Data.
    Write,
    /// Device registers: data, not cached.
    Device,
}

impl Rights {
    fn bits(self) -> u64 {
        let no_execute = if features::get().nx { NO_EXECUTE } else { 0 };
        let common = PRESENT | GLOBAL | ACCESSED_DIRTY;
        match self {
            Rights::Execute => common,
            Rights::Read => common | no_execute,
            Rights::Write => common | WRITE | no_execute,
            Rights::Device => common | WRITE | no_execute | NO_CACHE | WRITE_THROUGH,
        }
    }
}

/// The physical address of the kernel's root table.
static ROOT: AtomicU64 = AtomicU64::new(0);

/// Held while the tables below the root change; protects the next free device window.
static TABLES: SpinLock<u64> = SpinLock::new(Rank(225), DEVICES);

/// The physical address of the kernel's root table: its upper half is that of every address space.
pub(crate) fn root() -> u64 {
    ROOT.load(Ordering::Relaxed)
}

/// Where new table pages come from.
type TakePage<'a> = &'a mut dyn FnMut() -> Option<u64>;

/// The entry `index` of the table at physical address `table`.
fn entry(table: u64, index: u64) -> &'static AtomicU64 {
    // SAFETY: 1. tables are pages of the direct map that are never freed; 2. the processor writes accessed
    // bits behind our back, hence the atomic.
    unsafe { &*physical::to_virt(table + index * 8).cast::<AtomicU64>() }
}

/// The index into the table of `level` (4 is the root) for `virt`.
fn index(virt: u64, level: u32) -> u64 {
    (virt >> (12 + 9 * (level - 1))) & 511
}

/// The table that the entry points to; makes one if there is none.
fn descend(table: u64, index: u64, take: TakePage<'_>) -> Option<u64> {
    let entry = entry(table, index);
    let value = entry.load(Ordering::Relaxed);
    if value & PRESENT != 0 {
        assert_eq!(value & LARGE, 0, "kernel mappings overlap");
        return Some(value & ADDRESS);
    }
    let page = take()?;
    entry.store(page | PRESENT | WRITE | ACCESSED_DIRTY, Ordering::Release);
    Some(page)
}

/// Maps `virt .. virt + len` to `phys ..`, in the largest pages that fit. Fails without memory, with a
/// part mapped.
fn map(virt: u64, phys: u64, len: u64, rights: Rights, take: TakePage<'_>) -> Option<()> {
    let mut done = 0;
    while done < len {
        let (virt, phys, left) = (virt + done, phys + done, len - done);
        let mut table = root();
        let mut level = 4;
        // A page of 1 GiB (level 3), 2 MiB (level 2) or 4 KiB (level 1).
        let size = loop {
            let size = 1 << (12 + 9 * (level - 1));
            let fits = (virt | phys).is_multiple_of(size) && left >= size;
            let allowed = match level {
                4 => false,
                3 => features::get().page_1g,
                _ => true,
            };
            if fits && allowed {
                break size;
            }
            table = descend(table, index(virt, level), take)?;
            level -= 1;
        };
        let large = if level > 1 { LARGE } else { 0 };
        let entry = entry(table, index(virt, level));
        assert_eq!(entry.load(Ordering::Relaxed) & PRESENT, 0, "kernel mappings overlap");
        entry.store(phys | rights.bits() | large, Ordering::Release);
        done += size;
    }
    Some(())
}

/// Builds the kernel's tables with pages of the early allocator. They are not loaded yet.
pub(super) fn build(ram: &[PhysRange]) {
    let take: TakePage<'_> = &mut || Some(super::early::take_page());
    ROOT.store(super::early::take_page(), Ordering::Relaxed);
    map_direct(ram, take);
    map_image(take);
    for area in [STACKS, DEVICES] {
        descend(root(), index(area, 4), take);
    }
}

/// The direct map: every range of memory, rounded out to 2 MiB so that large pages serve, and the
/// kernel image in it without the right to write where the image itself has none.
fn map_direct(ram: &[PhysRange], take: TakePage<'_>) {
    const GRAIN: u64 = 2 << 20;
    let layout = image::layout();
    let fixed = image::to_physical(layout.text)..image::to_physical(layout.data);
    let mut done = 0;
    for range in ram {
        let mut at = (range.start & !(GRAIN - 1)).max(done);
        let end = range.end.next_multiple_of(GRAIN);
        while at < end {
            let (stop, rights) = if at < fixed.start {
                (fixed.start.min(end), Rights::Write)
            } else if at < fixed.end {
                (fixed.end.min(end), Rights::Read)
            } else {
                (end, Rights::Write)
            };
            map(physical::DIRECT_MAP + at, at, stop - at, rights, take)
                .expect("early pages do not end");
            at = stop;
        }
        done = done.max(end);
    }
}

/// The image at its link address; the guard page of the boot stack is left out.
fn map_image(take: TakePage<'_>) {
    let layout = image::layout();
    let after_guard = layout.stack_guard + PAGE_SIZE as u64;
    for (start, end, rights) in [
        (layout.text, layout.rodata, Rights::Execute),
        (layout.rodata, layout.data, Rights::Read),
        (layout.data, layout.stack_guard, Rights::Write),
        (after_guard, layout.ksyms, Rights::Write),
        (layout.ksyms, layout.end, Rights::Read),
    ] {
        map(start, image::to_physical(start), end - start, rights, take)
            .expect("early pages do not end");
    }
}

/// Loads the kernel's root table on this processor, dropping all old translations.
pub(super) fn load() {
    use x86_64::registers::control::{Cr3, Cr3Flags, Cr4, Cr4Flags};
    use x86_64::structures::paging::PhysFrame;
    let frame = PhysFrame::containing_address(x86_64::PhysAddr::new(root()));
    // SAFETY: 1. the tables map the image, the stack we are on, and all memory, as the code expects;
    // 2. turning global pages off and on drops those of the boot loader too.
    unsafe {
        Cr4::update(|flags| flags.remove(Cr4Flags::PAGE_GLOBAL));
        Cr3::write(frame, Cr3Flags::empty());
        if features::get().pge {
            Cr4::update(|flags| flags.insert(Cr4Flags::PAGE_GLOBAL));
        }
    }
}

/// Maps one page for a kernel stack; `take` gives pages for tables.
pub(super) fn map_stack_page(virt: u64, phys: u64, take: TakePage<'_>) -> Option<()> {
    let _tables = TABLES.lock();
    map(virt, phys, PAGE_SIZE as u64, Rights::Write, take)
}

/// Unmaps one page and returns what was there. Other processors may still have it in their TLBs.
pub(super) fn unmap_stack_page(virt: u64) -> Option<u64> {
    let _tables = TABLES.lock();
    let mut table = root();
    for level in [4, 3, 2] {
        let value = entry(table, index(virt, level)).load(Ordering::Relaxed);
        if value & PRESENT == 0 {
            return None;
        }
        table = value & ADDRESS;
    }
    let old = entry(table, index(virt, 1)).swap(0, Ordering::AcqRel);
    (old & PRESENT != 0).then_some(old & ADDRESS)
}

/// Opens a window to the `len` bytes of device registers at `phys`, for ever.
pub(super) fn map_device(phys: u64, len: u64) -> *mut u8 {
    let page = PAGE_SIZE as u64;
    let offset = phys % page;
    let len = (offset + len).next_multiple_of(page);
    let mut next = TABLES.lock();
    let window = *next;
    // One page stays free between windows.
    *next += len + page;
    let take: TakePage<'_> = &mut super::frames::take_table;
    map(window, phys - offset, len, Rights::Device, take)
        .expect("memory for a device window at boot");
    fence(Ordering::SeqCst);
    (window + offset) as *mut u8
}

/// The kernel's pointer to `len` bytes of firmware tables at `phys`: in the direct map if they are all
/// there, else through a window of their own.
pub(super) fn window(phys: u64, len: u64) -> *mut u8 {
    let page = PAGE_SIZE as u64;
    let mut pages = (phys / page..=(phys + len.max(1) - 1) / page).map(|number| number * page);
    if pages.all(|page| is_mapped(physical::DIRECT_MAP + page)) {
        return physical::to_virt(phys);
    }
    map_device(phys, len)
}

fn is_mapped(virt: u64) -> bool {
    let mut table = root();
    for level in [4, 3, 2, 1] {
        let value = entry(table, index(virt, level)).load(Ordering::Relaxed);
        if value & PRESENT == 0 {
            return false;
        }
        if level == 1 || value & LARGE != 0 {
            return true;
        }
        table = value & ADDRESS;
    }
    unreachable!("the last level always decides")
}

/// Whether `len` bytes at a kernel address are mapped.
pub(super) fn is_readable(virt: u64, len: u64) -> bool {
    // Before our own tables exist nothing is known.
    root() != 0 && is_mapped(virt) && is_mapped(virt + len - 1)
}
