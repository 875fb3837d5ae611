//! Changes to whole ranges, by an exclusive borrower.

use core::convert::Infallible;
use core::sync::atomic::Ordering;

use super::entry::{Mapping, PageFlags, table_number};
use super::gather::Gather;
use super::table::{ROOT_LEVEL, Table, add_reference, index, span};
use super::{PageTable, last_byte, slots};
use crate::addr::{USER_END, UserAddr};
use crate::frame::OutOfFrames;

/// Pages by what they belong to; the page of zeroes is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pages of no file.
    pub anon: u64,
    /// Pages of files and of shared memory.
    pub file: u64,
}

impl Counts {
    #[inline]
    fn add(&mut self, mapping: Mapping) {
        if mapping.is_special() {
        } else if mapping.is_cached() {
            self.file += 1;
        } else {
            self.anon += 1;
        }
    }
}

/// How the pages of a range are given to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// The first one to write gets a copy: write permission is taken from both.
    Cow,
    /// Both write to the same frame.
    Shared,
}

/// Exclusive access to a page table. What it took away is flushed and dropped when it is dropped,
/// or before, when much has gathered.
#[must_use = "the flush happens when the editor is dropped"]
pub struct Editor<'a> {
    table: &'a mut PageTable,
    gather: Gather,
}

impl PageTable {
    /// Borrows the table for changes to ranges.
    pub fn edit(&mut self) -> Editor<'_> {
        Editor { table: self, gather: Gather::new() }
    }
}

impl<'a> Editor<'a> {
    /// For a table that no processor has loaded or will load.
    pub(super) fn unloaded(table: &'a mut PageTable) -> Self {
        Self { table, gather: Gather::unloaded() }
    }

    /// Flushes and drops now. The same as dropping the editor, but easier to see.
    pub fn finish(self) {}

    /// Unmaps `start .. end`, and returns what was mapped. Tables that became empty are freed.
    pub fn unmap(&mut self, start: UserAddr, end: UserAddr) -> Counts {
        let mut counts = Counts::default();
        if let Some(last) = last_byte(start, end) {
            let root = self.table.root.table();
            self.unmap_below(root, ROOT_LEVEL, 0, start.as_u64(), last, &mut counts);
        }
        counts
    }

    fn unmap_below(
        &mut self,
        table: Table,
        level: u32,
        base: u64,
        start: u64,
        last: u64,
        counts: &mut Counts,
    ) {
        let (first, end) = slots(level, base, start, last);
        let done = table.for_each(first, end, |slot, raw| {
            let addr = base + slot as u64 * span(level);
            if level == 0 {
                let old = table.clear(slot);
                self.gone(addr, old, counts);
            } else if let Some(number) = table_number(raw) {
                // SAFETY: upper entries lead to tables; only we free them.
                let below = unsafe { Table::at(number) };
                self.unmap_below(below, level - 1, addr, start, last, counts);
                if below.used() == 0 {
                    table.clear(slot);
                    self.table.tables.fetch_sub(1, Ordering::Relaxed);
                    let at = addr.max(start);
                    self.gather.release_table(&self.table.root, at, number);
                }
            }
            Ok::<(), Infallible>(())
        });
        let Ok(()) = done;
    }

    /// An entry of level 0 was emptied.
    #[inline]
    fn gone(&mut self, addr: u64, old: u64, counts: &mut Counts) {
        let Some(mapping) = Mapping::from_raw(old) else {
            return;
        };
        if mapping.flags().contains(PageFlags::READ) {
            self.gather.touch(addr);
        }
        if !mapping.is_special() {
            counts.add(mapping);
            self.gather.release(&self.table.root, mapping.number());
        }
    }

    /// Gives each mapped page in `start .. end` the flags that `f` says; the frame stays.
    /// What the processor noted (accessed, dirty) is kept unless `f` leaves it out.
    pub fn update(
        &mut self,
        start: UserAddr,
        end: UserAddr,
        mut f: impl FnMut(UserAddr, Mapping) -> PageFlags,
    ) {
        let Some(last) = last_byte(start, end) else {
            return;
        };
        let root = self.table.root.table();
        self.update_below(root, ROOT_LEVEL, 0, start.as_u64(), last, &mut f);
    }

    fn update_below(
        &mut self,
        table: Table,
        level: u32,
        base: u64,
        start: u64,
        last: u64,
        f: &mut impl FnMut(UserAddr, Mapping) -> PageFlags,
    ) {
        let (first, end) = slots(level, base, start, last);
        let done = table.for_each(first, end, |slot, mut raw| {
            let addr = base + slot as u64 * span(level);
            if level != 0 {
                if let Some(number) = table_number(raw) {
                    // SAFETY: upper entries lead to tables; only we free them.
                    let below = unsafe { Table::at(number) };
                    self.update_below(below, level - 1, addr, start, last, f);
                }
                return Ok::<(), Infallible>(());
            }
            // The processor may set its flags until the entry is exchanged.
            while let Some(old) = Mapping::from_raw(raw) {
                let special = old.flags().intersection(PageFlags::SPECIAL);
                let flags = f(UserAddr::new(addr), old).difference(PageFlags::SPECIAL);
                let new = old.with_flags(flags.union(special));
                if new == old {
                    break;
                }
                match table.compare_exchange(slot, raw, new.raw()) {
                    Ok(_) => {
                        if old.loses(new) || old.flags().difference(new.flags()).intersects(HISTORY)
                        {
                            self.gather.touch(addr);
                        }
                        break;
                    }
                    Err(now) => raw = now,
                }
            }
            Ok(())
        });
        let Ok(()) = done;
    }

    /// Moves what is mapped in `from .. from + len` to `to .. to + len`, where nothing is mapped.
    /// The ranges do not overlap. On failure nothing has moved.
    pub fn move_range(
        &mut self,
        from: UserAddr,
        to: UserAddr,
        len: u64,
    ) -> Result<(), OutOfFrames> {
        let Some(last) = last_byte(from, from.wrapping_add(len)) else {
            return Ok(());
        };
        assert!(to.range_ok(len), "not a user range");
        let (start, shift) = (from.as_u64(), to.as_u64().wrapping_sub(from.as_u64()));
        // First make all tables, which can fail; then nothing can.
        let mut made_to = None;
        let mut failed = Ok(());
        self.table.for_each(from, from.wrapping_add(len), |addr, _| {
            let target = addr.as_u64().wrapping_add(shift);
            if failed.is_ok() && made_to != Some(target / span(1)) {
                failed = self.table.ensure_leaf(target);
                made_to = Some(target / span(1));
            }
        });
        failed?;
        let mut addr = start;
        while addr <= last {
            let chunk_end = last.min(addr | (span(1) - 1));
            if let Some(source) = self.table.leaf(addr) {
                self.move_leaf(source, addr, chunk_end, shift);
            }
            addr = chunk_end + 1;
        }
        self.drop_empty_tables(from, from.wrapping_add(len));
        Ok(())
    }

    fn move_leaf(&mut self, source: Table, start: u64, last: u64, shift: u64) {
        let base = start & !(span(1) - 1);
        let done = source.for_each(index(start, 0), index(last, 0), |slot, _| {
            let addr = base + slot as u64 * span(0);
            let target = addr.wrapping_add(shift);
            let leaf = self.table.leaf(target).expect("invariant: the table was made before");
            let raw = source.clear(slot);
            self.gather.touch(addr);
            leaf.fill(index(target, 0), raw);
            Ok::<(), Infallible>(())
        });
        let Ok(()) = done;
    }

    /// Frees the tables that have become empty in a range from which all pages were moved.
    fn drop_empty_tables(&mut self, start: UserAddr, end: UserAddr) {
        let counts = self.unmap(start, end);
        debug_assert_eq!(counts, Counts::default());
    }

    /// Maps the pages of `start .. end` in `child` as well, which has nothing there yet.
    ///
    /// On failure the child has a part of them, and drops it when it is dropped. Some of ours may
    /// then have lost their write permission without being shared: the next write gets it back.
    pub fn share_into(
        &mut self,
        child: &mut PageTable,
        start: UserAddr,
        end: UserAddr,
        share: Share,
    ) -> Result<Counts, OutOfFrames> {
        let mut counts = Counts::default();
        if let Some(last) = last_byte(start, end) {
            let root = self.table.root.table();
            let job = Sharing { child, start: start.as_u64(), last, share };
            self.share_below(root, ROOT_LEVEL, 0, &job, &mut counts)?;
        }
        Ok(counts)
    }

    fn share_below(
        &mut self,
        table: Table,
        level: u32,
        base: u64,
        job: &Sharing<'_>,
        counts: &mut Counts,
    ) -> Result<(), OutOfFrames> {
        let (first, end) = slots(level, base, job.start, job.last);
        if level == 0 {
            return self.share_leaf(table, base, (first, end), job, counts);
        }
        table.for_each(first, end, |slot, raw| {
            let addr = base + slot as u64 * span(level);
            let Some(number) = table_number(raw) else {
                return Ok(());
            };
            // SAFETY: upper entries lead to tables; only we free them.
            let below = unsafe { Table::at(number) };
            self.share_below(below, level - 1, addr, job, counts)
        })
    }

    fn share_leaf(
        &mut self,
        table: Table,
        base: u64,
        (first, end): (usize, usize),
        job: &Sharing<'_>,
        counts: &mut Counts,
    ) -> Result<(), OutOfFrames> {
        let mut target: Option<Table> = None;
        table.for_each(first, end, |slot, mut raw| {
            let leaf = match target {
                Some(leaf) => leaf,
                None => *target.insert(job.child.get_or_make_leaf(base)?),
            };
            if job.share == Share::Cow && raw & PageFlags::WRITE.bits() != 0 {
                // A locked instruction: the processor may be setting the dirty flag.
                raw = table.clear_bits(slot, PageFlags::WRITE.bits()) & !PageFlags::WRITE.bits();
                self.gather.touch(base + slot as u64 * span(0));
            }
            let Some(mapping) = Mapping::from_raw(raw) else {
                return Ok(());
            };
            if !mapping.is_special() {
                counts.add(mapping);
                add_reference(mapping.number());
            }
            leaf.fill(slot, raw);
            Ok(())
        })
    }
}

/// What the processor noted, or we for those who watch writes.
const HISTORY: PageFlags = PageFlags::ACCESSED.union(PageFlags::DIRTY).union(PageFlags::SOFT_DIRTY);

/// One call of `share_into`.
struct Sharing<'a> {
    child: &'a PageTable,
    start: u64,
    last: u64,
    share: Share,
}

impl PageTable {
    fn get_or_make_leaf(&self, addr: u64) -> Result<Table, OutOfFrames> {
        match self.leaf(addr) {
            Some(leaf) => Ok(leaf),
            None => self.make_leaf(addr),
        }
    }

    fn ensure_leaf(&self, addr: u64) -> Result<(), OutOfFrames> {
        debug_assert!(addr < USER_END.as_u64());
        self.get_or_make_leaf(addr).map(|_| ())
    }
}

impl Drop for Editor<'_> {
    fn drop(&mut self) {
        self.gather.flush(&self.table.root);
    }
}
