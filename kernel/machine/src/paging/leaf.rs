//! One last-level table under its lock: what a page fault works on.

use core::mem::ManuallyDrop;
use core::sync::atomic::Ordering;

use super::entry::{HARDWARE, Mapping, PageFlags};
use super::root::Root;
use super::table::{self, Table, index, span};
use crate::addr::{PAGE_SIZE, UserAddr};
use crate::frame::{Frame, OutOfFrames, UniqueFrame, physical};
use crate::sync::{Held, Order, Relax, rank};
use spin::RelaxStrategy;

/// Exclusive access to the 512 entries for 2 MiB of addresses.
///
/// # Panics
/// All methods panic when given an address outside of [`covers`](Self::covers).
pub struct LeafGuard<'a> {
    table: Table,
    base: u64,
    root: &'a Root,
    _held: Held,
}

impl<'a> LeafGuard<'a> {
    #[inline]
    pub(super) fn lock(table: Table, base: u64, root: &'a Root) -> Self {
        let held = Held::enter(rank::LEAF_TABLE, Order::Inside);
        let word = table.lock_word();
        while word.swap(1, Ordering::Acquire) != 0 {
            while word.load(Ordering::Relaxed) != 0 {
                Relax::relax();
            }
        }
        Self { table, base, root, _held: held }
    }

    /// Whether `addr` is one of the addresses that this guard locks.
    #[inline]
    pub fn covers(&self, addr: UserAddr) -> bool {
        addr.as_u64() & !(span(1) - 1) == self.base
    }

    #[inline]
    #[track_caller]
    fn slot(&self, addr: UserAddr) -> usize {
        assert!(self.covers(addr), "an address outside of the locked table");
        index(addr.as_u64(), 0)
    }

    /// What is mapped at `addr`.
    #[inline]
    pub fn get(&self, addr: UserAddr) -> Option<Mapping> {
        Mapping::from_raw(self.table.get(self.slot(addr)))
    }

    /// A handle to the frame that is mapped at `addr`.
    pub fn frame(&self, addr: UserAddr) -> Option<Frame> {
        let mapping = self.get(addr)?;
        if mapping.is_special() {
            return Some(crate::frame::zero_frame());
        }
        // SAFETY: the entry is counted, and locked.
        Some(unsafe { table::handle(mapping.number()) })
    }

    /// A new frame with the bytes of the one that is mapped at `addr`.
    ///
    /// # Panics
    /// When nothing is mapped there.
    pub fn copy(&self, addr: UserAddr) -> Result<UniqueFrame, OutOfFrames> {
        let mapping = self.get(addr).expect("invariant: a mapped page");
        if mapping.is_special() {
            return crate::frame::alloc_zeroed();
        }
        // SAFETY: the entry's own reference, which it keeps: the lock holds it in place meanwhile.
        let frame = ManuallyDrop::new(unsafe { Frame::from_number(mapping.number()) });
        crate::frame::alloc_copy(&frame)
    }

    /// Maps a frame where nothing is mapped. No flush is needed: processors do not remember empty
    /// entries.
    ///
    /// # Panics
    /// When something is mapped there.
    #[inline]
    pub fn map(&mut self, addr: UserAddr, frame: Frame, flags: PageFlags) {
        debug_assert!(!flags.contains(PageFlags::SPECIAL));
        let slot = self.slot(addr);
        assert_eq!(self.table.get(slot), 0, "the page is mapped already");
        self.table.fill(slot, Mapping::new(frame.into_number(), flags).raw());
    }

    /// Maps the page of zeroes where nothing is mapped. It is never writable.
    ///
    /// # Panics
    /// When something is mapped there.
    pub fn map_zero(&mut self, addr: UserAddr, flags: PageFlags) {
        let slot = self.slot(addr);
        assert_eq!(self.table.get(slot), 0, "the page is mapped already");
        let flags = flags.difference(PageFlags::WRITE).union(PageFlags::SPECIAL);
        self.table.fill(slot, Mapping::new(physical().zero_number(), flags).raw());
    }

    /// Gives more rights to a mapped page. Another processor that remembers fewer faults once, for
    /// nothing, and then sees the new ones.
    ///
    /// # Panics
    /// When nothing is mapped there.
    #[inline]
    pub fn add_flags(&mut self, addr: UserAddr, flags: PageFlags) {
        let slot = self.slot(addr);
        let mut old = self.table.get(slot);
        loop {
            let mapping = Mapping::from_raw(old).expect("invariant: a mapped page");
            debug_assert!(!(mapping.is_special() && flags.contains(PageFlags::WRITE)));
            let new = mapping.with_flags(mapping.flags().union(flags)).raw();
            match self.table.compare_exchange(slot, old, new) {
                Ok(_) => return,
                Err(now) => old = now,
            }
        }
    }

    /// Puts another frame in the place of the one mapped at `addr`, and drops that.
    ///
    /// The entry is empty until all processors have forgotten the old frame: else one could see the
    /// new frame's bytes and another, later, the old ones. Nobody takes the page for missing:
    /// a thread that faults meanwhile waits for this lock.
    ///
    /// # Panics
    /// When nothing is mapped there.
    pub fn replace(&mut self, addr: UserAddr, frame: Frame, flags: PageFlags) {
        let slot = self.slot(addr);
        let page = addr.page_floor().as_u64();
        let new = Mapping::new(frame.into_number(), flags).raw();
        let old = self.table.take(slot);
        self.root.flush(page, page + PAGE_SIZE as u64);
        self.table.put_back(slot, new);
        let old = Mapping::from_raw(old).expect("invariant: a mapped page");
        if !old.is_special() {
            // SAFETY: the entry's reference is ours now, and no processor remembers it.
            drop(unsafe { Frame::from_number(old.number()) });
        }
    }

    /// Clears what the processor noted about a page, for those who watch its use.
    pub fn take_history(&mut self, addr: UserAddr) -> PageFlags {
        let slot = self.slot(addr);
        let page = addr.page_floor().as_u64();
        let Some(old) = Mapping::from_raw(self.table.clear_bits(slot, HARDWARE)) else {
            return PageFlags::empty();
        };
        self.root.flush(page, page + PAGE_SIZE as u64);
        old.flags().intersection(PageFlags::ACCESSED | PageFlags::DIRTY)
    }
}

impl Drop for LeafGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.table.lock_word().store(0, Ordering::Release);
    }
}
