//! Page tables: the user half of one address space.
//!
//! A [`PageTable`] owns its table frames and one reference to every frame that it maps. There are
//! two ways to change it:
//! - [`PageTable::lock_leaf`] needs only a shared borrow. It locks one last-level table (2 MiB of
//!   addresses), so that page faults in different places run in parallel.
//! - [`PageTable::edit`] borrows exclusively, for ranges: unmap, protect, move, share with a child.
//!
//! Whatever takes rights away is flushed from the TLBs of all processors that have this table
//! loaded before the frames behind it are dropped, and before the editor or the guard gives the
//! address back: the [`Editor`] gathers, and flushes at the latest when it is dropped.
//!
//! Locks: the leaf lock is inside of everything but the TLB mailboxes and the frame allocator.
//! Upper tables are filled with compare-and-swap by whoever needs them first and only freed by an
//! exclusive borrower.

mod edit;
mod entry;
mod gather;
mod leaf;
mod root;
mod table;
#[cfg(target_os = "none")]
mod tlb;

#[cfg(not(target_os = "none"))]
use crate::sim::tlb;

use alloc::sync::Arc;
use core::convert::Infallible;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::addr::{PAGE_SIZE, USER_END, UserAddr};
use crate::frame::OutOfFrames;
use entry::{table_number, to_table};
use table::{ROOT_LEVEL, Table, index, span};

pub use edit::{Counts, Editor, Share};
pub use entry::{Mapping, PageFlags};
pub use leaf::LeafGuard;
pub(crate) use root::spare_roots;
pub use root::{Root, activate, activate_kernel, barrier, is_active};
#[cfg(target_os = "none")]
pub(crate) use tlb::{init, serve_requests, set_sender};

/// The user half of an address space.
pub struct PageTable {
    root: Arc<Root>,
    /// Tables below the root, for accounting.
    tables: AtomicU64,
}

impl PageTable {
    /// An empty one.
    pub fn new() -> Result<Self, OutOfFrames> {
        Ok(Self { root: Root::new()?, tables: AtomicU64::new(0) })
    }

    /// What is loaded to run in this address space.
    pub fn root(&self) -> &Arc<Root> {
        &self.root
    }

    /// Bytes in tables, the root included.
    pub fn table_bytes(&self) -> u64 {
        (self.tables.load(Ordering::Relaxed) + 1) * PAGE_SIZE as u64
    }

    /// Locks the last-level table of `addr`, making it first if needed.
    ///
    /// # Panics
    /// When `addr` is not below [`USER_END`].
    #[inline]
    pub fn lock_leaf(&self, addr: UserAddr) -> Result<LeafGuard<'_>, OutOfFrames> {
        assert!(addr < USER_END, "not a user address");
        let addr = addr.as_u64();
        let leaf = match self.leaf(addr) {
            Some(leaf) => leaf,
            None => self.make_leaf(addr)?,
        };
        Ok(LeafGuard::lock(leaf, addr & !(span(1) - 1), &self.root))
    }

    /// Locks the last-level table of `addr` if there is one.
    pub fn lock_existing_leaf(&self, addr: UserAddr) -> Option<LeafGuard<'_>> {
        if addr >= USER_END {
            return None;
        }
        let addr = addr.as_u64();
        Some(LeafGuard::lock(self.leaf(addr)?, addr & !(span(1) - 1), &self.root))
    }

    /// Calls `f` for each mapped page in `start .. end`, in order. What it sees may be changed by
    /// faults at the same time.
    pub fn for_each(&self, start: UserAddr, end: UserAddr, mut f: impl FnMut(UserAddr, Mapping)) {
        if let Some(last) = last_byte(start, end) {
            let Ok(()) = self.for_leaves(start.as_u64(), last, &mut |leaf, base, first, last| {
                leaf.for_each(first, last, |slot, raw| {
                    if let Some(mapping) = Mapping::from_raw(raw) {
                        f(UserAddr::new(base + slot as u64 * span(0)), mapping);
                    }
                });
                Ok::<(), Infallible>(())
            });
        }
    }

    /// See [`leaves_below`]; quick for ranges inside of one table.
    #[inline]
    fn for_leaves<E>(
        &self,
        start: u64,
        last: u64,
        f: &mut impl FnMut(Table, u64, usize, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        if start / span(1) == last / span(1) {
            return match self.leaf(start) {
                Some(leaf) => f(leaf, start & !(span(1) - 1), index(start, 0), index(last, 0)),
                None => Ok(()),
            };
        }
        leaves_below(self.root.table(), ROOT_LEVEL, 0, (start, last), f)
    }

    /// The last-level table of `addr`.
    #[inline]
    fn leaf(&self, addr: u64) -> Option<Table> {
        let mut table = self.root.table();
        for level in [3, 2, 1] {
            let number = table_number(table.get(index(addr, level)))?;
            // SAFETY: upper entries lead to tables, which are only freed by an exclusive borrower.
            table = unsafe { Table::at(number) };
        }
        Some(table)
    }

    /// Makes what is missing on the way to the last-level table of `addr`.
    #[cold]
    fn make_leaf(&self, addr: u64) -> Result<Table, OutOfFrames> {
        let mut table = self.root.table();
        for level in [3, 2, 1] {
            let slot = index(addr, level);
            let number = match table_number(table.get(slot)) {
                Some(number) => number,
                None => self.make_table(table, slot)?,
            };
            // SAFETY: as in `leaf`.
            table = unsafe { Table::at(number) };
        }
        Ok(table)
    }

    /// Makes a table for an empty entry, unless somebody else is faster.
    fn make_table(&self, parent: Table, slot: usize) -> Result<u32, OutOfFrames> {
        let new = Table::alloc()?;
        match parent.try_fill(slot, to_table(new.number)) {
            Ok(()) => {
                self.tables.fetch_add(1, Ordering::Relaxed);
                Ok(new.number)
            }
            Err(raw) => {
                // SAFETY: nobody ever saw it.
                unsafe { new.free() };
                Ok(table_number(raw).expect("invariant: the entry was not empty"))
            }
        }
    }
}

/// Translates one page as the processor's page walk does, noting the access in the entry.
#[cfg(not(target_os = "none"))]
pub(crate) fn hardware_walk(root: &Root, page: u64, needed: PageFlags) -> Option<Mapping> {
    let mut table = root.table();
    for level in [3, 2, 1] {
        let number = table_number(table.get(index(page, level)))?;
        // SAFETY: upper entries lead to tables; they are freed after this processor was told to
        // forget, which waits for the walk.
        table = unsafe { Table::at(number) };
    }
    let slot = index(page, 0);
    let mut raw = table.get(slot);
    loop {
        let mapping = Mapping::from_raw(raw)?;
        if !mapping.flags().contains(needed) {
            return None;
        }
        let mut noted = PageFlags::ACCESSED;
        noted.set(PageFlags::DIRTY, needed.contains(PageFlags::WRITE));
        match table.set_bits(slot, raw, noted.bits()) {
            Ok(_) => return Some(mapping),
            Err(now) => raw = now,
        }
    }
}

/// The last byte of a non-empty range that lies in user space.
fn last_byte(start: UserAddr, end: UserAddr) -> Option<u64> {
    debug_assert!(start.is_page_aligned() && end.is_page_aligned());
    assert!(end <= USER_END, "not a user range");
    if start < end { Some(end.as_u64() - 1) } else { None }
}

/// The slice of a table's entries that `start ..= last` covers, for a table that begins at `base`.
#[inline]
fn slots(level: u32, base: u64, start: u64, last: u64) -> (usize, usize) {
    let end = base + (span(level) * 512 - 1);
    (index(start.max(base), level), index(last.min(end), level))
}

/// Calls `f(leaf, base, first, last)` for each last-level table that has addresses in
/// `start ..= last`, with the slice of its entries; in order, skipping what is not there.
fn leaves_below<E>(
    table: Table,
    level: u32,
    base: u64,
    (start, last): (u64, u64),
    f: &mut impl FnMut(Table, u64, usize, usize) -> Result<(), E>,
) -> Result<(), E> {
    let (first, end) = slots(level, base, start, last);
    if level == 0 {
        return f(table, base, first, end);
    }
    let mut outcome = Ok(());
    table.for_each(first, end, |slot, raw| {
        if let (Ok(()), Some(number)) = (&outcome, table_number(raw)) {
            // SAFETY: upper entries lead to tables, and the page table is borrowed.
            let below = unsafe { Table::at(number) };
            let base = base + slot as u64 * span(level);
            outcome = leaves_below(below, level - 1, base, (start, last), f);
        }
    });
    outcome
}

impl Drop for PageTable {
    fn drop(&mut self) {
        // From here on no processor walks these tables, not even speculatively.
        self.root.evict();
        Editor::unloaded(self).clear();
    }
}

impl core::fmt::Debug for PageTable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PageTable({:#x})", self.root.number())
    }
}

#[cfg(test)]
mod tests;
