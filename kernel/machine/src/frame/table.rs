//! The frame table: what the kernel knows of each physical page.

use core::sync::atomic::{AtomicU32, Ordering};

/// A page frame number. 0 stands for none: the first page of memory is never handed out.
pub(crate) type Number = u32;

/// One entry per frame, 16 bytes. For a large frame only the first entry counts.
///
/// While the frame is free in the buddy allocator, `a` and `b` link its free list; while it is a
/// page table, they are its count of entries and its lock (`paging`).
#[repr(C)]
#[derive(Default)]
pub(crate) struct FrameInfo {
    /// How many [`Frame`](super::Frame) handles there are, mapped ones included.
    pub refs: AtomicU32,
    /// The order in the low byte, flags above.
    pub meta: AtomicU32,
    pub a: AtomicU32,
    pub b: AtomicU32,
}

/// Counts from here on stick: the frame is then never freed, which is a leak but safe. It is also
/// how frames that belong to the kernel for ever are marked.
pub(crate) const STUCK: u32 = 1 << 31;

/// In `meta`: the frame heads a free block of the buddy allocator.
pub(crate) const FREE: u32 = 1 << 8;
/// In `meta`: the frame is a page of a page cache.
pub(crate) const CACHED: u32 = 1 << 9;
/// In `meta`: the low byte.
pub(crate) const ORDER_MASK: u32 = 0xff;

impl FrameInfo {
    #[inline]
    pub(crate) fn order(&self) -> u32 {
        self.meta.load(Ordering::Relaxed) & ORDER_MASK
    }

    /// Whether it is a page of a page cache.
    #[inline]
    pub(crate) fn is_cached(&self) -> bool {
        self.meta.load(Ordering::Relaxed) & CACHED != 0
    }

    /// Adds one reference. The caller has one already, or a lock that keeps the frame alive.
    #[inline]
    pub(crate) fn acquire(&self) {
        if self.refs.fetch_add(1, Ordering::Relaxed) >= STUCK - 1 {
            self.refs.store(STUCK, Ordering::Relaxed);
        }
    }

    /// Drops one reference; true when it was the last.
    #[inline]
    pub(crate) fn release(&self) -> bool {
        let before = self.refs.fetch_sub(1, Ordering::Release);
        if before == 1 {
            core::sync::atomic::fence(Ordering::Acquire);
            return true;
        }
        debug_assert_ne!(before, 0, "a frame was dropped more often than it was taken");
        if before >= STUCK {
            self.refs.store(STUCK, Ordering::Relaxed);
        }
        false
    }
}

/// The table itself: one entry per frame from 0 on, for ever.
///
/// It hands out entries one by one and never the whole as a slice, since its users only have a
/// claim to single frames.
#[derive(Clone, Copy)]
pub(crate) struct FrameTable {
    first: *const FrameInfo,
    len: usize,
}

// SAFETY: the entries are atomics.
unsafe impl Send for FrameTable {}
// SAFETY: as above.
unsafe impl Sync for FrameTable {}

impl FrameTable {
    pub(crate) const EMPTY: Self = Self { first: core::ptr::null(), len: 0 };

    /// # Safety
    /// `first` points to `len` entries that live for ever.
    pub(crate) unsafe fn new(first: *const FrameInfo, len: usize) -> Self {
        Self { first, len }
    }

    pub(crate) fn len(self) -> usize {
        self.len
    }

    /// The entry of a frame that there may be none of.
    #[inline]
    pub(crate) fn get(self, number: Number) -> Option<&'static FrameInfo> {
        if (number as usize) < self.len { Some(self.at(number)) } else { None }
    }

    /// The entry of a frame that exists: numbers come from the allocator and from page tables.
    #[inline]
    pub(crate) fn at(self, number: Number) -> &'static FrameInfo {
        debug_assert!((number as usize) < self.len, "there is no frame {number:#x}");
        // SAFETY: the allocator hands out numbers below `len` only, and page tables have only
        // what it handed out.
        unsafe { &*self.first.add(number as usize) }
    }
}
