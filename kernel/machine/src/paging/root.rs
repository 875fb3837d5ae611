//! The root table, and which processors have it loaded.

use alloc::sync::Arc;
use core::sync::atomic::{Ordering, fence};

#[cfg(target_os = "none")]
use arrayvec::ArrayVec;

use super::table::Table;
use super::tlb;
use crate::addr::PAGE_SIZE;
use crate::cpu::{self, AtomicCpuSet, CpuSet};
use crate::frame::{Number, OutOfFrames};
#[cfg(target_os = "none")]
use crate::sync::{SpinLock, rank};

/// The root of a page table. It lives as long as some processor has it loaded, which may be longer
/// than the [`PageTable`](super::PageTable): then its user half is empty.
pub struct Root {
    number: Number,
    /// The processors that may remember translations of this root. Added before it is loaded,
    /// removed after another one is.
    loaded: AtomicCpuSet,
}

/// Roots with an empty user half and the kernel's half in place: making that afresh costs more
/// than a small fork.
#[cfg(target_os = "none")]
static SPARE: SpinLock<ArrayVec<Number, 16>> =
    SpinLock::new(rank::SPARE_ROOTS, ArrayVec::new_const());

impl Root {
    pub(super) fn new() -> Result<Arc<Self>, OutOfFrames> {
        Ok(Arc::new(Self { number: Self::alloc()?, loaded: AtomicCpuSet::new() }))
    }

    #[cfg(target_os = "none")]
    fn alloc() -> Result<Number, OutOfFrames> {
        if let Some(number) = SPARE.lock().pop() {
            return Ok(number);
        }
        let table = Table::alloc()?;
        tlb::fill_kernel_half(table.number);
        Ok(table.number)
    }

    #[cfg(not(target_os = "none"))]
    fn alloc() -> Result<Number, OutOfFrames> {
        Table::alloc().map(|table| table.number)
    }

    /// The number of the root's frame.
    pub fn number(&self) -> u64 {
        u64::from(self.number)
    }

    #[inline]
    pub(super) fn table(&self) -> Table {
        // SAFETY: the frame is a table until this is dropped.
        unsafe { Table::at(self.number) }
    }

    pub(crate) fn loaded(&self) -> &AtomicCpuSet {
        &self.loaded
    }

    /// Makes all processors forget what they remember of `start .. end`.
    ///
    /// The caller changed the entries before, with a locked instruction. So did whoever adds itself
    /// to the set of processors before it loads the root:
    ///
    /// ```text
    /// here                        there
    /// change the entry            add itself to the set
    /// read the set                load the root, read the entry
    /// ```
    /// Either we see it in the set, or it sees the new entry.
    #[inline]
    pub(super) fn flush(&self, start: u64, end: u64) {
        let set = self.loaded.load();
        if set.is_empty() {
            return;
        }
        let me = cpu::id();
        if set.contains(me) {
            tlb::flush_here(self, start, end);
        }
        let others = set.without(me);
        if !others.is_empty() {
            tlb::flush_others(self, others, start, end);
        }
    }

    /// Makes all processors load something else. The caller knows that no thread runs in it.
    pub(super) fn evict(self: &Arc<Self>) {
        let set: CpuSet = self.loaded.load();
        if set.is_empty() {
            return;
        }
        if tlb::is_active(self) {
            activate_kernel();
        }
        let others = set.without(cpu::id());
        if !others.is_empty() {
            tlb::evict_others(self, others);
        }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let table = self.table();
        debug_assert!(self.loaded.load().is_empty());
        #[cfg(target_os = "none")]
        {
            if SPARE.lock().try_push(self.number).is_ok() {
                return;
            }
            tlb::clear_kernel_half(self.number);
        }
        debug_assert_eq!(table.used(), 0, "a root is dropped after its page table was emptied");
        // SAFETY: no processor has it loaded, or this would not be the last reference.
        unsafe { table.free() };
    }
}

/// How many frames wait to become roots again: as good as free.
pub(crate) fn spare_roots() -> u64 {
    #[cfg(target_os = "none")]
    return SPARE.lock().len() as u64;
    #[cfg(not(target_os = "none"))]
    0
}

/// Loads `root` on this processor, unless it is loaded already.
#[inline]
pub fn activate(root: &Arc<Root>) {
    if !tlb::is_active(root) {
        tlb::load(Some(root.clone()));
    }
}

/// Loads the kernel's own root: for threads without an address space that would otherwise keep a
/// dead one alive.
pub fn activate_kernel() {
    tlb::load(None);
}

/// A full memory barrier on the processors that have `root` loaded, or on all: when this returns,
/// each of them has executed a serialising instruction since the call.
pub fn barrier(root: &Root, everywhere: bool) {
    let here = cpu::id();
    let all = (1u64 << (cpu::count() - 1) << 1).wrapping_sub(1);
    let set = if everywhere { CpuSet::from_bits(all) } else { root.loaded.load() };
    let others = set.without(here);
    fence(Ordering::SeqCst);
    if !others.is_empty() {
        // Forgetting one page is as good a reason to stop by as any.
        tlb::flush_others(root, others, 0, PAGE_SIZE as u64);
    }
    fence(Ordering::SeqCst);
}

/// Whether `root` is the one loaded on this processor.
#[inline]
pub fn is_active(root: &Root) -> bool {
    tlb::is_active(root)
}
