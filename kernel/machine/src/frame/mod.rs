//! Physical page frames: counted handles, the allocator behind them, and the ledger.
//!
//! A [`Frame`] is a counted reference to one page of memory (4 KiB or 2 MiB); the last drop gives
//! the page back. Only a [`UniqueFrame`], which nobody else can reach, lends its bytes as a slice.
//! A frame that comes out of the allocator is zero or filled by the caller, so stale bytes never
//! leak.
//!
//! Layers: each processor has a small stock of frames ([`cache`]), dirty and zeroed ones apart,
//! before the buddy allocator ([`buddy`]). A part of memory is the reserve: only the kernel heap,
//! whose allocations can not fail in Rust's types, may dig into it; everything else gets
//! [`OutOfFrames`] before.
//!
//! Locks: one per processor's stock, then the buddy's. Both are leaves.

mod buddy;
mod cache;
mod memory;
mod raw;
mod table;

use core::mem::ManuallyDrop;
use core::num::NonZeroU32;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::Ordering;

use crate::addr::{HUGE_SIZE, PAGE_SIZE};
#[cfg(not(target_os = "none"))]
use crate::sim::allocation_fails;
#[cfg(not(target_os = "none"))]
pub(crate) use crate::sim::physical;
#[cfg(target_os = "none")]
use boot::allocation_fails;
#[cfg(target_os = "none")]
pub(crate) use boot::physical;

pub use memory::FrameStats;
pub(crate) use memory::{Claim, PhysicalMemory, RELEASE_TABLE};
pub(crate) use table::{CACHED, FrameInfo, Number};

/// The order of a 2 MiB frame.
pub(crate) const HUGE_ORDER: u32 = 9;

/// No free frame is left for this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfFrames;

impl core::fmt::Display for OutOfFrames {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("out of memory")
    }
}

/// A counted handle to a physical page. Cloning adds one to the count, the last drop frees.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Frame(NonZeroU32);

impl Frame {
    /// Takes over a reference that was counted before.
    ///
    /// # Safety
    /// `number` is an allocated frame, and one of its references was given up by
    /// [`into_number`](Self::into_number) for this handle.
    #[inline]
    pub(crate) unsafe fn from_number(number: Number) -> Self {
        debug_assert_ne!(number, 0);
        // SAFETY: frame 0 is never allocated.
        Self(unsafe { NonZeroU32::new_unchecked(number) })
    }

    /// Gives up the handle but keeps its reference counted: a page-table entry holds it now.
    #[inline]
    pub(crate) fn into_number(self) -> Number {
        ManuallyDrop::new(self).0.get()
    }

    #[inline]
    fn info(&self) -> &'static FrameInfo {
        physical().info(self.0.get())
    }

    #[inline]
    pub(crate) fn bytes(&self) -> *mut u8 {
        physical().pointer(self.0.get())
    }

    /// The page frame number: the physical address divided by 4,096.
    pub fn number(&self) -> u64 {
        u64::from(self.0.get())
    }

    /// How many handles there are; page-table entries and the page cache hold one each. It may be
    /// stale at once, except that a 1 stays 1 while the only holder does not clone.
    pub fn ref_count(&self) -> u32 {
        self.info().refs.load(Ordering::Acquire)
    }

    /// Whether this handle is the only one.
    pub fn is_unique(&self) -> bool {
        self.ref_count() == 1
    }

    /// The bytes in this frame: 4 KiB or 2 MiB.
    pub fn size(&self) -> usize {
        PAGE_SIZE << self.info().order()
    }

    /// Whether the frame is a page of a file or of shared memory.
    pub fn is_cached(&self) -> bool {
        self.info().is_cached()
    }

    /// Notes that the frame joined or left a page cache, for the accounting of mappings.
    pub fn set_cached(&self, cached: bool) {
        if cached {
            self.info().meta.fetch_or(CACHED, Ordering::Relaxed);
        } else {
            self.info().meta.fetch_and(!CACHED, Ordering::Relaxed);
        }
    }

    /// The exclusive form, if this is the only handle.
    pub fn try_into_unique(self) -> Result<UniqueFrame, Frame> {
        if self.is_unique() { Ok(UniqueFrame(self)) } else { Err(self) }
    }

    /// Reads bytes at `offset`.
    pub fn read(&self, offset: usize, to: &mut [u8]) {
        self.check(offset, to.len());
        // SAFETY: (1) the range is inside of the frame; (2) a buffer of the kernel's is no part of
        // a frame that has handles, so they do not overlap.
        unsafe { raw::copy(self.bytes().add(offset), to.as_mut_ptr(), to.len()) }
    }

    /// Writes bytes at `offset`.
    pub fn write(&self, offset: usize, from: &[u8]) {
        self.check(offset, from.len());
        // SAFETY: as in `read`; and nobody has a slice of a frame that is not unique.
        unsafe { raw::copy(from.as_ptr(), self.bytes().add(offset), from.len()) }
    }

    /// Zeroes `len` bytes at `offset`.
    pub fn fill_zero(&self, offset: usize, len: usize) {
        self.check(offset, len);
        // SAFETY: as in `write`.
        unsafe { raw::zero(self.bytes().add(offset), len) }
    }

    /// Copies `len` bytes from another frame.
    pub fn copy_range(&self, offset: usize, from: &Frame, from_offset: usize, len: usize) {
        self.check(offset, len);
        from.check(from_offset, len);
        assert!(self != from, "a frame is not copied onto itself");
        // SAFETY: both ranges are inside of their frames, which differ.
        unsafe { raw::copy(from.bytes().add(from_offset), self.bytes().add(offset), len) }
    }

    /// Copies the whole of another frame of the same size.
    pub fn copy_from(&self, from: &Frame) {
        self.copy_range(0, from, 0, from.size());
    }

    #[inline]
    #[track_caller]
    fn check(&self, offset: usize, len: usize) {
        let fits = offset.checked_add(len).is_some_and(|end| end <= self.size());
        assert!(fits, "an access of {len} bytes at {offset} leaves the frame");
    }
}

impl Clone for Frame {
    #[inline]
    fn clone(&self) -> Self {
        self.info().acquire();
        Self(self.0)
    }
}

impl Drop for Frame {
    #[inline]
    fn drop(&mut self) {
        if self.info().release() {
            physical().free(self.0.get(), cache::Content::Stale);
        }
    }
}

impl core::fmt::Debug for Frame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Frame({:#x} x{})", self.0, self.ref_count())
    }
}

/// The only handle to a frame, which therefore lends its bytes.
#[derive(Debug)]
pub struct UniqueFrame(Frame);

impl UniqueFrame {
    /// Makes it countable.
    pub fn into_shared(self) -> Frame {
        self.0
    }

    /// The handle, for reading its number and size.
    pub fn as_frame(&self) -> &Frame {
        &self.0
    }
}

impl Deref for UniqueFrame {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: (1) the frame is that long and mapped; (2) this is the only handle, so nobody
        // writes while the slice is borrowed.
        unsafe { core::slice::from_raw_parts(self.0.bytes(), self.0.size()) }
    }
}

impl DerefMut for UniqueFrame {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and the handle is borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.0.bytes(), self.0.size()) }
    }
}

/// A zeroed 4 KiB frame.
pub fn alloc_zeroed() -> Result<UniqueFrame, OutOfFrames> {
    let memory = physical();
    let (number, content) = memory.alloc_small(cache::Content::Zero)?;
    let frame = memory.adopt(number, 0);
    // Miri does not want to see a table's atomics in a page of data: for it, a plain write between.
    if content == cache::Content::Stale || cfg!(miri) {
        frame.0.fill_zero(0, PAGE_SIZE);
    }
    Ok(frame)
}

/// A 4 KiB frame with the bytes of `from`.
pub fn alloc_copy(from: &Frame) -> Result<UniqueFrame, OutOfFrames> {
    debug_assert_eq!(from.size(), PAGE_SIZE);
    let memory = physical();
    let (number, _) = memory.alloc_small(cache::Content::Stale)?;
    let frame = memory.adopt(number, 0);
    frame.0.copy_range(0, from, 0, PAGE_SIZE);
    Ok(frame)
}

/// A 4 KiB frame whose first bytes `fill` writes: it is given the whole page with stale content
/// kept out of sight (already written over with zeroes past what `fill` says it wrote).
///
/// `fill` returns how many bytes it wrote, from the start; it only sees them through the frame's
/// copying methods.
pub fn alloc_filled(fill: impl FnOnce(&Frame) -> usize) -> Result<UniqueFrame, OutOfFrames> {
    let memory = physical();
    let (number, content) = memory.alloc_small(cache::Content::Stale)?;
    let frame = memory.adopt(number, 0);
    let written = fill(&frame.0).min(PAGE_SIZE);
    if content == cache::Content::Stale {
        frame.0.fill_zero(written, PAGE_SIZE - written);
    }
    Ok(frame)
}

/// A zeroed 2 MiB frame.
pub fn alloc_huge_zeroed() -> Result<UniqueFrame, OutOfFrames> {
    let memory = physical();
    let number = memory.alloc_block(HUGE_ORDER, memory::Claim::Ordinary)?;
    let frame = memory.adopt(number, HUGE_ORDER);
    frame.0.fill_zero(0, HUGE_SIZE);
    Ok(frame)
}

/// A 2 MiB frame with the bytes of `from`.
pub fn alloc_huge_copy(from: &Frame) -> Result<UniqueFrame, OutOfFrames> {
    debug_assert_eq!(from.size(), HUGE_SIZE);
    let memory = physical();
    let number = memory.alloc_block(HUGE_ORDER, memory::Claim::Ordinary)?;
    let frame = memory.adopt(number, HUGE_ORDER);
    frame.0.copy_from(from);
    Ok(frame)
}

/// The shared page of zeroes. It is never freed, and nobody may write to it.
pub fn zero_frame() -> Frame {
    physical().zero_frame()
}

/// Fails when only the reserve is left. To be asked by every operation that is about to allocate
/// kernel objects on behalf of a user: the heap itself can not refuse.
#[inline]
pub fn check_reserve() -> Result<(), OutOfFrames> {
    physical().check_reserve()
}

/// How much memory there is.
pub fn stats() -> FrameStats {
    let mut stats = physical().stats();
    stats.free += crate::paging::spare_roots();
    #[cfg(target_os = "none")]
    {
        stats.free += crate::backend::stack::spare_frames();
    }
    stats
}

/// The frames that were ever handed to the allocator; as in [`stats`], but at once.
pub fn stats_total() -> u64 {
    physical().total()
}

/// One past the highest frame number, for tables with a line per frame.
pub fn count() -> u64 {
    physical().frames() as u64
}

#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
pub use boot::{init, release};

#[cfg(test)]
mod tests;
