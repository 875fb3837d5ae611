//! One table of 512 entries, of any level, in a frame of its own.
//!
//! The frame table keeps for it: how many entries are in use (`meta`, upper half), which groups of
//! 16 entries may be in use (`a`, one bit each, so that sparse tables are walked quickly), and the
//! lock of a last-level table (`b`).

use core::sync::atomic::{AtomicU64, Ordering};

use crate::addr::PAGE_SHIFT;
use crate::frame::{self, Frame, FrameInfo, Number, OutOfFrames, physical};

/// Entries in a table.
pub(super) const ENTRIES: usize = 512;
/// Entries that share a bit of the occupancy mask.
const GROUP: usize = 16;
/// One entry in the count that lives in `meta`.
const ONE: u32 = 1 << 16;

/// The levels: entries of level 0 map pages, those of level 3 are the root's.
pub(super) const ROOT_LEVEL: u32 = 3;

/// The index of `addr` in a table of `level`.
#[inline]
pub(super) fn index(addr: u64, level: u32) -> usize {
    (addr >> (PAGE_SHIFT + 9 * level)) as usize & (ENTRIES - 1)
}

/// The bytes that one entry of `level` covers.
#[inline]
pub(super) const fn span(level: u32) -> u64 {
    1 << (PAGE_SHIFT + 9 * level)
}

/// A table. This is a plain reference: who may change what is ruled by `PageTable`'s borrows and
/// the leaf locks.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) number: Number,
    info: &'static FrameInfo,
    entries: &'static [AtomicU64; ENTRIES],
}

impl Table {
    /// The table in a frame.
    ///
    /// # Safety
    /// The frame is a table, allocated by [`alloc`](Self::alloc), and stays one while the result
    /// is used.
    #[inline]
    pub(super) unsafe fn at(number: Number) -> Self {
        let memory = physical();
        let entries = memory.pointer(number).cast::<[AtomicU64; ENTRIES]>();
        // SAFETY: (1) a frame is as long and as aligned as a table; (2) it is only accessed as
        // atomics while it is a table.
        let entries = unsafe { &*entries };
        Self { number, info: memory.info(number), entries }
    }

    /// A new, empty table.
    pub(super) fn alloc() -> Result<Self, OutOfFrames> {
        let frame = frame::alloc_zeroed()?.into_shared();
        let number = frame.into_number();
        let info = physical().info(number);
        info.a.store(0, Ordering::Relaxed);
        info.b.store(0, Ordering::Relaxed);
        // SAFETY: the frame is fresh and ours.
        Ok(unsafe { Self::at(number) })
    }

    /// Gives an empty table back at once: nobody ever saw it, or nobody can any more.
    ///
    /// # Safety
    /// No other reference to the table is left, in processors' caches included.
    pub(super) unsafe fn free(self) {
        physical().free_zeroed_table(self.number);
    }

    /// The lock word of a last-level table.
    #[inline]
    pub(super) fn lock_word(&self) -> &'static core::sync::atomic::AtomicU32 {
        &self.info.b
    }

    /// How many entries are in use.
    #[inline]
    pub(super) fn used(&self) -> u32 {
        self.info.meta.load(Ordering::Relaxed) / ONE
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> u64 {
        self.entries[index % ENTRIES].load(Ordering::Acquire)
    }

    /// Fills an empty entry; the caller excludes others.
    #[inline]
    pub(super) fn fill(&self, index: usize, raw: u64) {
        debug_assert_eq!(self.get(index), 0);
        self.note_use(index);
        self.entries[index % ENTRIES].store(raw, Ordering::Release);
    }

    /// Fills an entry of an upper table if it is still empty; else tells what is there.
    pub(super) fn try_fill(&self, index: usize, raw: u64) -> Result<(), u64> {
        self.entries[index % ENTRIES].compare_exchange(
            0,
            raw,
            Ordering::AcqRel,
            Ordering::Acquire,
        )?;
        self.note_use(index);
        Ok(())
    }

    #[inline]
    fn note_use(&self, index: usize) {
        self.note_uses(group_bit(index), 1);
    }

    /// Empties an entry and returns what was in it. A full barrier.
    #[inline]
    pub(super) fn clear(&self, index: usize) -> u64 {
        let raw = self.entries[index % ENTRIES].swap(0, Ordering::SeqCst);
        debug_assert_ne!(raw, 0);
        if self.info.meta.fetch_sub(ONE, Ordering::Relaxed) / ONE == 1 {
            self.info.a.store(0, Ordering::Relaxed);
        }
        raw
    }

    /// Empties all entries in use in `first ..= last` and hands each to `f(index, raw)`.
    #[inline]
    pub(super) fn clear_range(&self, first: usize, last: usize, mut f: impl FnMut(usize, u64)) {
        let mut gone = 0;
        self.for_each_group(first, last, |start, entries| {
            for (i, entry) in entries.iter().enumerate() {
                if entry.load(Ordering::Relaxed) != 0 {
                    // Exchanged, because the processor may set its flags until then.
                    let raw = entry.swap(0, Ordering::SeqCst);
                    gone += ONE;
                    f(start + i, raw);
                }
            }
        });
        if gone != 0 && self.info.meta.fetch_sub(gone, Ordering::Relaxed) / ONE == gone / ONE {
            self.info.a.store(0, Ordering::Relaxed);
        }
    }

    /// Counts `entries` that were filled, in the groups that `groups` has bits for.
    #[inline]
    pub(super) fn note_uses(&self, groups: u32, entries: u32) {
        self.info.a.fetch_or(groups, Ordering::Relaxed);
        self.info.meta.fetch_add(entries * ONE, Ordering::Relaxed);
    }

    /// Empties an entry for a moment, while it still counts as in use. A full barrier.
    #[inline]
    pub(super) fn take(&self, index: usize) -> u64 {
        self.entries[index % ENTRIES].swap(0, Ordering::SeqCst)
    }

    /// Ends what [`take`](Self::take) began.
    #[inline]
    pub(super) fn put_back(&self, index: usize, raw: u64) {
        self.entries[index % ENTRIES].store(raw, Ordering::Release);
    }

    /// Sets bits of an entry in use, as the processor does.
    #[cfg(not(target_os = "none"))]
    pub(super) fn set_bits(&self, index: usize, old: u64, bits: u64) -> Result<u64, u64> {
        self.compare_exchange(index, old, old | bits)
    }

    /// Replaces an entry if it still reads `old`; the processor may have set flags in between.
    #[inline]
    pub(super) fn compare_exchange(&self, index: usize, old: u64, new: u64) -> Result<u64, u64> {
        self.entries[index % ENTRIES].compare_exchange(
            old,
            new,
            Ordering::SeqCst,
            Ordering::Acquire,
        )
    }

    /// Clears bits of an entry in use. A full barrier.
    #[inline]
    pub(super) fn clear_bits(&self, index: usize, bits: u64) -> u64 {
        self.entries[index % ENTRIES].fetch_and(!bits, Ordering::SeqCst)
    }

    /// Calls `f(start, entries)` for each group of neighbouring entries in `first ..= last` that may
    /// be in use, in order.
    #[inline]
    pub(super) fn for_each_group(
        &self,
        first: usize,
        last: usize,
        mut f: impl FnMut(usize, &'static [AtomicU64]),
    ) {
        let mut groups = self.info.a.load(Ordering::Relaxed);
        groups &= u32::MAX << (first / GROUP);
        groups &= u32::MAX >> (ENTRIES / GROUP - 1 - last / GROUP);
        while groups != 0 {
            let group = groups.trailing_zeros() as usize;
            groups &= groups - 1;
            let start = (group * GROUP).max(first);
            let end = (group * GROUP + GROUP - 1).min(last);
            f(start, &self.entries[start..=end]);
        }
    }

    /// Calls `f(index, raw)` for each entry in use in `first ..= last`, in order; `f` may change
    /// that entry.
    #[inline]
    pub(super) fn for_each(&self, first: usize, last: usize, mut f: impl FnMut(usize, u64)) {
        self.for_each_group(first, last, |start, entries| {
            for (i, entry) in entries.iter().enumerate() {
                let raw = entry.load(Ordering::Acquire);
                if raw != 0 {
                    f(start + i, raw);
                }
            }
        });
    }

    /// The entries `start .. start + len`.
    #[inline]
    pub(super) fn slice(&self, start: usize, len: usize) -> &'static [AtomicU64] {
        &self.entries[start..start + len]
    }
}

/// The bit of an entry's group in the occupancy mask.
#[inline]
pub(super) fn group_bit(index: usize) -> u32 {
    1 << (index / GROUP)
}

/// A handle of its own for the frame in a mapping.
///
/// # Safety
/// The mapping is counted and can not go away before this returns.
#[inline]
pub(super) unsafe fn handle(number: Number) -> Frame {
    physical().info(number).acquire();
    // SAFETY: the reference counted in the line before is for this handle.
    unsafe { Frame::from_number(number) }
}
