//! The buddy allocator: free blocks of 2^order frames.
//!
//! Free lists are doubly linked by frame number through the frame table, so that they need no
//! memory and a block can leave the middle of a list when its buddy is freed.

use core::sync::atomic::Ordering::Relaxed;

use super::table::{FREE, FrameTable, Number};

/// Orders 0 (4 KiB) to 10 (4 MiB).
pub(crate) const ORDERS: usize = 11;

pub(crate) struct Buddy {
    /// The first block of each order, 0 for none.
    heads: [Number; ORDERS],
    /// Bit n: there is a free block of order n.
    nonempty: u32,
    /// Free frames in all lists.
    free: u32,
}

impl Buddy {
    pub(crate) const fn new() -> Self {
        Self { heads: [0; ORDERS], nonempty: 0, free: 0 }
    }

    /// Free frames in all lists.
    pub(crate) fn free_frames(&self) -> u32 {
        self.free
    }

    /// Takes a block of `order` out; its frames have no references and no flags.
    pub(crate) fn take(&mut self, table: FrameTable, order: usize) -> Option<Number> {
        let fitting = self.nonempty >> order;
        if fitting == 0 {
            return None;
        }
        let mut have = order + fitting.trailing_zeros() as usize;
        let block = self.heads[have];
        self.unlink(table, block, have);
        while have > order {
            have -= 1;
            self.link(table, block + (1 << have), have);
        }
        self.free -= 1 << order;
        Some(block)
    }

    /// Puts a block back, joined with its free buddies.
    pub(crate) fn give(&mut self, table: FrameTable, block: Number, order: usize) {
        self.free += 1 << order;
        let (mut block, mut order) = (block, order);
        while order < ORDERS - 1 {
            let buddy = block ^ (1 << order);
            let Some(info) = table.get(buddy) else {
                break;
            };
            if info.meta.load(Relaxed) != FREE | order as u32 {
                break;
            }
            self.unlink(table, buddy, order);
            block &= !(1 << order);
            order += 1;
        }
        self.link(table, block, order);
    }

    /// Adds the frames `start .. end`, never seen before, in the largest aligned blocks.
    pub(crate) fn add(&mut self, table: FrameTable, mut start: Number, end: Number) {
        while start < end {
            let aligned = start.trailing_zeros() as usize;
            let fitting = (end - start).ilog2() as usize;
            let order = aligned.min(fitting).min(ORDERS - 1);
            self.give(table, start, order);
            start += 1 << order;
        }
    }

    fn link(&mut self, table: FrameTable, block: Number, order: usize) {
        let head = self.heads[order];
        let info = table.at(block);
        info.meta.store(FREE | order as u32, Relaxed);
        info.a.store(head, Relaxed);
        info.b.store(0, Relaxed);
        if head != 0 {
            table.at(head).b.store(block, Relaxed);
        }
        self.heads[order] = block;
        self.nonempty |= 1 << order;
    }

    fn unlink(&mut self, table: FrameTable, block: Number, order: usize) {
        let info = table.at(block);
        debug_assert_eq!(info.meta.load(Relaxed), FREE | order as u32);
        let (next, previous) = (info.a.load(Relaxed), info.b.load(Relaxed));
        info.meta.store(0, Relaxed);
        if next != 0 {
            table.at(next).b.store(previous, Relaxed);
        }
        if previous != 0 {
            table.at(previous).a.store(next, Relaxed);
        } else {
            self.heads[order] = next;
            if next == 0 {
                self.nonempty &= !(1 << order);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::FrameInfo;
    use super::*;
    use std::vec::Vec;

    /// A table, and what it lives in.
    fn table(frames: usize) -> (FrameTable, Vec<FrameInfo>) {
        let entries: Vec<FrameInfo> = (0..frames).map(|_| FrameInfo::default()).collect();
        // SAFETY: the caller keeps the entries as long as the table.
        (unsafe { FrameTable::new(entries.as_ptr(), frames) }, entries)
    }

    #[test]
    fn everything_can_be_taken_and_joins_again() {
        // The range has exactly one aligned block of that order.
        let order = if cfg!(miri) { 7 } else { 10 };
        let frames = (3 << order) - 100;
        let (table, _entries) = table(frames as usize);
        let mut buddy = Buddy::new();
        buddy.add(table, 1, frames);
        assert_eq!(buddy.free_frames(), frames - 1);
        let all: Vec<_> = core::iter::from_fn(|| buddy.take(table, 0)).collect();
        assert_eq!(all.len(), frames as usize - 1);
        assert_eq!(buddy.free_frames(), 0);
        for &block in all.iter().step_by(2).chain(all.iter().skip(1).step_by(2)) {
            buddy.give(table, block, 0);
        }
        assert_eq!(buddy.take(table, order), Some(1 << order));
        assert_eq!(buddy.take(table, order), None);
    }

    #[test]
    fn blocks_are_aligned_and_disjoint() {
        let (table, _entries) = table(4096);
        let mut buddy = Buddy::new();
        buddy.add(table, 1, 4096);
        let mut seen = std::vec![false; 4096];
        for order in [9, 0, 3, 9, 10, 1, 0, 5] {
            let block = buddy.take(table, order).unwrap() as usize;
            assert_eq!(block % (1 << order), 0);
            for frame in &mut seen[block..block + (1 << order)] {
                assert!(!std::mem::replace(frame, true));
            }
        }
    }
}
