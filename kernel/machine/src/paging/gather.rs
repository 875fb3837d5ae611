//! What an edit took out of a page table, until every processor has forgotten it.

use arrayvec::ArrayVec;

use super::root::Root;
use crate::addr::PAGE_SIZE;
use crate::frame::{Number, RELEASE_TABLE, physical};

/// Frames that wait for a flush at most.
const BATCH: usize = 128;

/// Addresses to flush and frames to drop after that.
pub(super) struct Gather {
    start: u64,
    end: u64,
    frames: ArrayVec<Number, BATCH>,
    /// No processor can have the root loaded: nothing to flush.
    unloaded: bool,
}

impl Gather {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { start: u64::MAX, end: 0, frames: ArrayVec::new(), unloaded: false }
    }

    /// The pages from `first` to `last`, both included, lost rights.
    #[inline]
    pub(super) fn touch_range(&mut self, first: u64, last: u64) {
        self.touch(first);
        self.touch(last);
    }

    /// For a root that no processor has, or can get, loaded.
    pub(super) fn unloaded() -> Self {
        Self { unloaded: true, ..Self::new() }
    }

    /// The page at `addr` lost rights.
    #[inline]
    pub(super) fn touch(&mut self, addr: u64) {
        self.start = self.start.min(addr);
        self.end = self.end.max(addr + PAGE_SIZE as u64);
    }

    /// The entry at `addr` lost its reference to a frame.
    #[inline]
    pub(super) fn release(&mut self, root: &Root, number: Number) {
        if self.frames.is_full() {
            self.flush(root);
        }
        self.frames.push(number);
    }

    /// A table of the range at `addr` was emptied and unhooked.
    pub(super) fn release_table(&mut self, root: &Root, addr: u64, number: Number) {
        self.touch(addr);
        self.release(root, number | RELEASE_TABLE);
    }

    /// Makes all processors forget, then drops the frames.
    #[inline]
    pub(super) fn flush(&mut self, root: &Root) {
        if self.start < self.end && !self.unloaded {
            root.flush(self.start, self.end);
        }
        (self.start, self.end) = (u64::MAX, 0);
        if !self.frames.is_empty() {
            // The references were taken out of entries, and the tables unhooked; no processor can
            // reach them any more.
            physical().release_all(&self.frames);
            self.frames.clear();
        }
    }
}
