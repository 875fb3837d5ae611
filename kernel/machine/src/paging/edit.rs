//! Changes to whole ranges, by an exclusive borrower.

use core::convert::Infallible;
use core::sync::atomic::Ordering;

use super::entry::{Mapping, PageFlags, table_number};
use super::gather::Gather;
use super::root::Root;
use super::table::{ROOT_LEVEL, Table, group_bit, index, span};
use super::{PageTable, last_byte, slots};
use crate::addr::{USER_END, UserAddr};
use crate::frame::{FrameInfo, OutOfFrames, physical};

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
    fn add(&mut self, info: &FrameInfo) {
        if info.is_cached() {
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
    #[inline(always)]
    pub fn edit(&mut self) -> Editor<'_> {
        Editor { table: self, gather: Gather::new() }
    }

    fn get_or_make_leaf(&self, addr: u64) -> Result<Table, OutOfFrames> {
        debug_assert!(addr < USER_END.as_u64());
        match self.leaf(addr) {
            Some(leaf) => Ok(leaf),
            None => self.make_leaf(addr),
        }
    }
}

impl<'a> Editor<'a> {
    /// For a table that no processor has loaded or will load.
    pub(super) fn unloaded(table: &'a mut PageTable) -> Self {
        Self { table, gather: Gather::unloaded() }
    }

    /// Unmaps `start .. end`, and returns what was mapped. Tables that became empty are freed.
    pub fn unmap(&mut self, start: UserAddr, end: UserAddr) -> Counts {
        let mut counts = Counts::default();
        let Some(last) = last_byte(start, end) else { return counts };
        let Self { table, gather } = self;
        let start = start.as_u64();
        let mut emptied = false;
        let Ok(()) = table.for_leaves(start, last, &mut |leaf, base, first, last| {
            clear_leaf(leaf, base, (first, last), gather, &table.root, &mut counts);
            emptied |= leaf.used() == 0;
            Ok::<(), Infallible>(())
        });
        if emptied {
            self.prune(self.table.root.table(), ROOT_LEVEL, 0, (start, last));
        }
        counts
    }

    /// Unmaps everything and frees all tables but the root, also those that were made on the way to
    /// a last-level table that then could not be had. For a table that no processor has loaded.
    pub(super) fn clear(&mut self) {
        let all = (0, USER_END.as_u64() - 1);
        let Ok(()) = self.table.for_leaves(all.0, all.1, &mut |leaf, _, first, last| {
            drop_leaf(leaf, (first, last));
            Ok::<(), Infallible>(())
        });
        self.prune(self.table.root.table(), ROOT_LEVEL, 0, all);
    }

    /// Frees the tables with addresses in `start ..= last` that have become empty.
    fn prune(&mut self, table: Table, level: u32, base: u64, (start, last): (u64, u64)) {
        let (first, end) = slots(level, base, start, last);
        table.for_each(first, end, |slot, raw| {
            let Some(number) = table_number(raw) else { return };
            let base = base + slot as u64 * span(level);
            // SAFETY: upper entries lead to tables; only we free them.
            let below = unsafe { Table::at(number) };
            if level > 1 {
                self.prune(below, level - 1, base, (start, last));
            }
            if below.used() == 0 {
                table.clear(slot);
                self.table.tables.fetch_sub(1, Ordering::Relaxed);
                self.gather.release_table(&self.table.root, base.max(start), number);
            }
        });
    }

    /// Gives each mapped page in `start .. end` the flags that `f` says; the frame stays.
    /// What the processor noted (accessed, dirty) is kept unless `f` leaves it out.
    pub fn update(
        &mut self,
        start: UserAddr,
        end: UserAddr,
        mut f: impl FnMut(UserAddr, Mapping) -> PageFlags,
    ) {
        let Some(last) = last_byte(start, end) else { return };
        let Self { table, gather } = self;
        let Ok(()) = table.for_leaves(start.as_u64(), last, &mut |leaf, base, first, last| {
            leaf.for_each(first, last, |slot, raw| {
                let addr = base + slot as u64 * span(0);
                let mut new_flags = |mapping| f(UserAddr::new(addr), mapping);
                if update_entry(leaf, slot, raw, &mut new_flags) {
                    gather.touch(addr);
                }
            });
            Ok::<(), Infallible>(())
        });
    }

    /// Moves what is mapped in `from .. from + len` to `to .. to + len`, where nothing is mapped.
    /// The ranges do not overlap. On failure nothing has moved.
    pub fn move_range(
        &mut self,
        from: UserAddr,
        to: UserAddr,
        len: u64,
    ) -> Result<(), OutOfFrames> {
        let end = from.wrapping_add(len);
        let Some(last) = last_byte(from, end) else { return Ok(()) };
        assert!(to.range_ok(len), "not a user range");
        let Self { table, gather } = self;
        let (start, shift) = (from.as_u64(), to.as_u64().wrapping_sub(from.as_u64()));
        // First make all tables, which can fail; then nothing can.
        let mut made = None;
        table.for_leaves(start, last, &mut |leaf, base, first, last| {
            let mut outcome = Ok(());
            leaf.for_each(first, last, |slot, _| {
                let target = (base + slot as u64 * span(0)).wrapping_add(shift);
                if outcome.is_ok() && made != Some(target / span(1)) {
                    outcome = table.get_or_make_leaf(target).map(|_| ());
                    made = Some(target / span(1));
                }
            });
            outcome
        })?;
        table.for_leaves(start, last, &mut |leaf, base, first, last| {
            leaf.clear_range(first, last, |slot, raw| {
                let addr = base + slot as u64 * span(0);
                let target = addr.wrapping_add(shift);
                let other = table.leaf(target).expect("invariant: the table was made before");
                other.fill(index(target, 0), raw);
                gather.touch(addr);
            });
            Ok(())
        })?;
        self.prune(self.table.root.table(), ROOT_LEVEL, 0, (start, last));
        Ok(())
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
        let Some(last) = last_byte(start, end) else { return Ok(counts) };
        let Self { table, gather } = self;
        table.for_leaves(start.as_u64(), last, &mut |leaf, base, first, last| {
            if leaf.used() == 0 {
                return Ok(());
            }
            let target = child.get_or_make_leaf(base)?;
            let share_leaf = match share {
                Share::Cow => share_leaf::<true>,
                Share::Shared => share_leaf::<false>,
            };
            share_leaf(leaf, target, base, (first, last), gather, &mut counts);
            Ok(())
        })?;
        Ok(counts)
    }
}

/// Empties entries of a last-level table. What they had waits for the flush.
#[inline]
fn clear_leaf(
    leaf: Table,
    base: u64,
    (first, last): (usize, usize),
    gather: &mut Gather,
    root: &Root,
    counts: &mut Counts,
) {
    let memory = physical();
    leaf.clear_range(first, last, |slot, raw| {
        let Some(mapping) = Mapping::from_raw(raw) else { return };
        if raw & PageFlags::READ.bits() != 0 {
            gather.touch(base + slot as u64 * span(0));
        }
        if !mapping.is_special() {
            counts.add(memory.info(mapping.number()));
            gather.release(root, mapping.number());
        }
    });
}

/// Empties a last-level table that no processor can reach: nothing has to wait.
#[inline]
fn drop_leaf(leaf: Table, (first, last): (usize, usize)) {
    let mut releaser = physical().releaser();
    leaf.clear_range(first, last, |_, raw| {
        if let Some(mapping) = Mapping::from_raw(raw)
            && !mapping.is_special()
        {
            releaser.release(mapping.number());
        }
    });
}

/// Changes one entry; says whether a processor may remember rights that it had.
#[inline]
fn update_entry(
    leaf: Table,
    slot: usize,
    mut raw: u64,
    f: &mut impl FnMut(Mapping) -> PageFlags,
) -> bool {
    // The processor may set its flags until the entry is exchanged.
    while let Some(old) = Mapping::from_raw(raw) {
        let special = old.flags().intersection(PageFlags::SPECIAL);
        let flags = f(old).difference(PageFlags::SPECIAL).union(special);
        let new = old.with_flags(flags);
        if new == old {
            return false;
        }
        match leaf.compare_exchange(slot, raw, new.raw()) {
            Ok(_) => return old.loses(new) || old.flags().difference(flags).intersects(HISTORY),
            Err(now) => raw = now,
        }
    }
    false
}

/// Copies entries to the child's table, where they are empty, and counts the frames' new users.
fn share_leaf<const COW: bool>(
    leaf: Table,
    target: Table,
    base: u64,
    (first, last): (usize, usize),
    gather: &mut Gather,
    counts: &mut Counts,
) {
    const WRITE: u64 = PageFlags::WRITE.bits();
    let memory = physical();
    let (mut groups, mut all) = (0, 0);
    leaf.for_each_group(first, last, |start, entries| {
        let mut protected: Option<(usize, usize)> = None;
        let (mut used, mut file, mut special) = (0, 0, 0);
        for (i, (from, to)) in entries.iter().zip(target.slice(start, entries.len())).enumerate() {
            let raw = from.load(Ordering::Relaxed);
            let Some(mapping) = Mapping::from_raw(raw & !if COW { WRITE } else { 0 }) else {
                continue;
            };
            if COW && raw & WRITE != 0 {
                // A locked instruction: the processor may be setting the dirty flag.
                from.fetch_and(!WRITE, Ordering::SeqCst);
                protected = Some((protected.map_or(i, |(first, _)| first), i));
            }
            used += 1;
            if mapping.is_special() {
                special += 1;
            } else {
                let info = memory.info(mapping.number());
                info.acquire();
                file += u64::from(info.is_cached());
            }
            to.store(mapping.raw(), Ordering::Relaxed);
        }
        if let Some((first, last)) = protected {
            let addr = |i| base + (start + i) as u64 * span(0);
            gather.touch_range(addr(first), addr(last));
        }
        if used != 0 {
            groups |= group_bit(start);
            all += used;
            counts.file += file;
            counts.anon += u64::from(used) - file - special;
        }
    });
    target.note_uses(groups, all);
}

/// What the processor noted, or we for those who watch writes.
const HISTORY: PageFlags = PageFlags::ACCESSED.union(PageFlags::DIRTY).union(PageFlags::SOFT_DIRTY);

impl Drop for Editor<'_> {
    #[inline]
    fn drop(&mut self) {
        self.gather.flush(&self.table.root);
    }
}
