//! The pages of one file or shared object.
//!
//! A [`PageCache`] is the only store of a memory file's bytes: `read`, `write`, `mmap` and the
//! truncating calls all work on the same frames, so they are coherent by construction. Shared
//! anonymous memory is a page cache without a file.
//!
//! Invariants:
//! - A frame in the tree is marked as cached, and stays so until it is freed: what was counted as
//!   a file's page when it was mapped is then counted as one when it is unmapped.
//! - The bytes of the last page past the size are zero, unless a mapping wrote there.
//! - An address space that maps the cache is in `mappers` before it can map a page. So what leaves
//!   the tree is found and unmapped from everybody: see [`PageCache::truncate`].
//!
//! Locks: `mappers` (`CACHE_MAPPINGS`) and `state` (`PAGE_CACHE`), both inside of address spaces,
//! never held over a copy from or to user memory.

mod io;
mod tree;

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use abi::Errno;
use arrayvec::ArrayVec;
use machine::addr::{PAGE_SHIFT, PAGE_SIZE};
use machine::frame::{self, Frame};
use machine::sync::SpinLock;

use super::AddressSpace;
use crate::locks;
use tree::PageTree;

/// A limit on the pages of a file system.
#[derive(Debug)]
pub struct PageQuota {
    limit: AtomicU64,
    used: AtomicU64,
}

impl PageQuota {
    /// A quota of `limit` pages.
    pub const fn new(limit: u64) -> Self {
        Self { limit: AtomicU64::new(limit), used: AtomicU64::new(0) }
    }

    /// The limit in pages.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit (a remount); false when more is in use.
    pub fn set_limit(&self, pages: u64) -> bool {
        if self.used() > pages {
            return false;
        }
        self.limit.store(pages, Ordering::Relaxed);
        true
    }

    /// Pages in use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn charge(&self) -> Result<(), Errno> {
        let limit = self.limit();
        let step = |used: u64| (used < limit).then_some(used + 1);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) {
            Ok(_) => Ok(()),
            Err(_) => Err(Errno::ENOSPC),
        }
    }

    fn release(&self, pages: u64) {
        self.used.fetch_sub(pages, Ordering::Relaxed);
    }
}

/// Why a page can not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPage {
    /// It lies past the end of the object: SIGBUS for a mapping.
    PastEnd,
    /// The file system is full: SIGBUS, too.
    NoSpace,
    /// No memory.
    NoMemory,
}

impl From<NoPage> for Errno {
    fn from(reason: NoPage) -> Self {
        match reason {
            NoPage::PastEnd => Errno::EFAULT,
            NoPage::NoSpace => Errno::ENOSPC,
            NoPage::NoMemory => Errno::ENOMEM,
        }
    }
}

/// The pages of one file or shared object.
pub struct PageCache {
    /// Bytes. Changed only under `state`.
    size: AtomicU64,
    state: SpinLock<PageTree>,
    mappers: SpinLock<Vec<Weak<AddressSpace>>>,
    quota: Option<Arc<PageQuota>>,
    /// Mappings that may write to the object; -1 once writing is sealed off.
    writers: AtomicI64,
}

/// Counts as a shared writable mapping until it is dropped.
pub struct WriteToken(Arc<PageCache>);

impl Drop for WriteToken {
    fn drop(&mut self) {
        self.0.writers.fetch_sub(1, Ordering::Release);
    }
}

/// Frames of up to this many pages are looked up at once.
pub(super) const BATCH: usize = 16;

/// Consecutive pages of an object; `None` for holes.
pub(super) type Run = ArrayVec<Option<Frame>, BATCH>;

impl PageCache {
    /// An empty object, whose pages count against `quota` if there is one.
    pub fn new(quota: Option<Arc<PageQuota>>) -> Arc<Self> {
        Arc::new(Self {
            size: AtomicU64::new(0),
            state: SpinLock::new(locks::PAGE_CACHE, PageTree::new()),
            mappers: SpinLock::new(locks::CACHE_MAPPINGS, Vec::new()),
            quota,
            writers: AtomicI64::new(0),
        })
    }

    /// An object of `bytes` zeroes.
    pub fn with_size(bytes: u64) -> Arc<Self> {
        let cache = Self::new(None);
        cache.size.store(bytes, Ordering::Relaxed);
        cache
    }

    /// The size in bytes.
    #[inline]
    pub fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// Pages that exist.
    pub fn pages(&self) -> u64 {
        self.state.lock().pages()
    }

    /// Counts a mapping that may write to the object.
    ///
    /// # Errors
    /// `EPERM` when writing was sealed off.
    pub fn add_writer(self: &Arc<Self>) -> Result<WriteToken, Errno> {
        let step = |writers: i64| (writers >= 0).then_some(writers + 1);
        match self.writers.fetch_update(Ordering::Acquire, Ordering::Relaxed, step) {
            Ok(_) => Ok(WriteToken(self.clone())),
            Err(_) => Err(Errno::EPERM),
        }
    }

    /// Refuses writing mappings from now on (`F_SEAL_WRITE`).
    ///
    /// # Errors
    /// `EBUSY` when there are some.
    pub fn deny_writers(&self) -> Result<(), Errno> {
        match self.writers.compare_exchange(0, -1, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) | Err(-1) => Ok(()),
            Err(_) => Err(Errno::EBUSY),
        }
    }

    /// The frame of a page, made if it is a hole.
    ///
    /// # Errors
    /// See [`NoPage`].
    pub fn page(&self, page: u64) -> Result<Frame, NoPage> {
        if page >= self.size().div_ceil(PAGE_SIZE as u64) {
            return Err(NoPage::PastEnd);
        }
        if let Some(frame) = self.state.lock().get(page) {
            return Ok(frame.clone());
        }
        let fresh = frame::alloc_zeroed().map_err(|_| NoPage::NoMemory)?;
        self.insert(page, fresh.into_shared(), true)
    }

    /// The frame of a page if it is there.
    pub fn peek(&self, page: u64) -> Option<Frame> {
        self.state.lock().get(page).cloned()
    }

    /// Fills a hole; whoever was faster wins. With `inside` the page must still be within the size.
    fn insert(&self, page: u64, fresh: Frame, inside: bool) -> Result<Frame, NoPage> {
        frame::check_reserve().map_err(|_| NoPage::NoMemory)?;
        let mut tree = self.state.lock();
        if inside && page >= self.size().div_ceil(PAGE_SIZE as u64) {
            return Err(NoPage::PastEnd);
        }
        if let Some(frame) = tree.get(page) {
            return Ok(frame.clone());
        }
        if let Some(quota) = &self.quota {
            quota.charge().map_err(|_| NoPage::NoSpace)?;
        }
        fresh.set_cached(true);
        tree.insert(page, fresh.clone());
        Ok(fresh)
    }

    /// The frames of `count` pages from `first` on, as far as they exist now and lie within the
    /// size; stops at the end.
    pub(super) fn run(&self, first: u64, count: usize, out: &mut Run) {
        let tree = self.state.lock();
        let end = self.size().div_ceil(PAGE_SIZE as u64);
        for page in first..end.min(first + count.min(BATCH) as u64) {
            out.push(tree.get(page).cloned());
        }
    }

    /// Notes that `space` maps this object.
    pub(super) fn add_mapper(&self, space: &Weak<AddressSpace>) {
        let mut mappers = self.mappers.lock();
        if !mappers.iter().rev().any(|known| known.ptr_eq(space)) {
            mappers.push(space.clone());
        }
    }

    /// Forgets a space that has ended.
    pub(super) fn forget_mapper(&self, space: &Weak<AddressSpace>) {
        let mut mappers = self.mappers.lock();
        // The youngest processes end first, most often.
        if let Some(at) = mappers.iter().rposition(|known| known.ptr_eq(space)) {
            mappers.swap_remove(at);
        }
        if mappers.is_empty() {
            *mappers = Vec::new();
        }
    }

    /// Takes pages out of all mappings. They left the tree before:
    ///
    /// ```text
    /// truncate                          fault, with its address space locked for reading
    /// takes the page out of the tree    gets the frame from the tree
    /// waits for the address space       maps the frame
    /// unmaps it                         unlocks
    /// ```
    /// Either the fault finds no page, or the unmapping finds the fault's.
    fn unmap_everywhere(&self, first: u64, last: u64) {
        let spaces: Vec<Arc<AddressSpace>> =
            self.mappers.lock().iter().filter_map(Weak::upgrade).collect();
        for space in spaces {
            space.unmap_object(self, first, last);
        }
    }

    /// Takes the pages `first ..= last` out, everywhere.
    fn drop_pages(&self, first: u64, last: u64) {
        let mut count = 0;
        // Mappings have references of their own until they are found below.
        self.state.lock().remove(first, last, &mut |_| count += 1);
        if let Some(quota) = &self.quota {
            quota.release(count);
        }
        // Even if there was nothing: private mappings may have copies.
        self.unmap_everywhere(first, last);
    }

    /// Sets the size. What is cut off is gone from all mappings when this returns; what is added
    /// reads as zeroes.
    ///
    /// # Errors
    /// Never; whether the file may have that size was checked before.
    pub fn truncate(&self, size: u64) {
        let old = {
            let tree = self.state.lock();
            let old = self.size.swap(size, Ordering::AcqRel);
            let tail = size as usize % PAGE_SIZE;
            if size < old
                && tail != 0
                && let Some(frame) = tree.get(size >> PAGE_SHIFT)
            {
                frame.fill_zero(tail, PAGE_SIZE - tail);
            }
            old
        };
        if size < old {
            self.drop_pages(size.div_ceil(PAGE_SIZE as u64), u64::MAX);
        }
    }

    /// Zeroes `start .. end` and frees the whole pages in it (`FALLOC_FL_PUNCH_HOLE`). The size
    /// stays.
    pub fn punch_hole(&self, start: u64, end: u64) {
        let page = PAGE_SIZE as u64;
        let (first, last) = (start.div_ceil(page), end / page);
        let zero = |from: u64, to: u64| {
            if from < to
                && let Some(frame) = self.peek(from >> PAGE_SHIFT)
            {
                frame.fill_zero((from % page) as usize, (to - from) as usize);
            }
        };
        if first > last {
            // Inside of one page.
            return zero(start, end);
        }
        zero(start, first * page);
        zero(last * page, end);
        if first < last {
            self.drop_pages(first, last - 1);
        }
    }

    /// Makes the pages of `start .. end` exist and, unless `keep_size`, the size reach `end`.
    ///
    /// # Errors
    /// `ENOSPC`, `ENOMEM`; the pages made until then stay.
    pub fn allocate(&self, start: u64, end: u64, keep_size: bool) -> Result<(), Errno> {
        for page in start >> PAGE_SHIFT..end.div_ceil(PAGE_SIZE as u64) {
            if self.state.lock().get(page).is_none() {
                let fresh = frame::alloc_zeroed().map_err(|_| Errno::ENOMEM)?;
                self.insert(page, fresh.into_shared(), false)?;
            }
        }
        if !keep_size {
            self.grow(end);
        }
        Ok(())
    }

    /// The next position at or after `pos` that has data, for `SEEK_DATA`.
    pub fn next_data(&self, pos: u64) -> Option<u64> {
        let size = self.size();
        let mut found = None;
        if pos < size {
            self.state.lock().visit(pos >> PAGE_SHIFT, (size - 1) >> PAGE_SHIFT, &mut |page, _| {
                found = Some(pos.max(page << PAGE_SHIFT));
                false
            });
        }
        found
    }

    /// The next position at or after `pos` that is a hole, for `SEEK_HOLE`: the end counts as one.
    pub fn next_hole(&self, pos: u64) -> u64 {
        let size = self.size();
        if pos >= size {
            return size;
        }
        let mut expected = pos >> PAGE_SHIFT;
        self.state.lock().visit(expected, (size - 1) >> PAGE_SHIFT, &mut |page, _| {
            let adjacent = page == expected;
            expected += u64::from(adjacent);
            adjacent
        });
        (expected << PAGE_SHIFT).clamp(pos, size)
    }

    /// Makes the size at least `end`.
    fn grow(&self, end: u64) {
        let _tree = self.state.lock();
        if self.size() < end {
            self.size.store(end, Ordering::Release);
        }
    }
}

impl Drop for PageCache {
    fn drop(&mut self) {
        let quota = self.quota.take();
        let mut count = 0;
        self.state.get_mut().remove(0, u64::MAX, &mut |_| count += 1);
        if let Some(quota) = quota {
            quota.release(count);
        }
    }
}

impl core::fmt::Debug for PageCache {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PageCache").field("size", &self.size()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
