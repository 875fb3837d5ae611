//! All of physical memory: where it is, and who gets it.

use core::sync::atomic::{AtomicU32, Ordering};

use super::buddy::{Buddy, ORDERS};
use super::cache::{Content, STOCKS, Stock};
use super::table::{FrameInfo, FrameTable, Number, STUCK};
use super::{Frame, OutOfFrames, UniqueFrame};
use crate::addr::{PAGE_SHIFT, PAGE_SIZE, PhysRange};
use crate::cpu;
use crate::sync::{SpinLock, SpinLockGuard, rank};

/// Figures of the frame allocator, in frames of 4 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FrameStats {
    /// Frames that were ever handed to the allocator.
    pub total: u64,
    /// Free frames, the processors' stocks and the reserve included.
    pub free: u64,
    /// Frames kept back for the kernel heap.
    pub reserve: u64,
}

/// Who asks for a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// May be refused: leaves the reserve alone.
    Ordinary,
    /// The kernel heap: may take the last frame.
    Heap,
}

/// Physical memory behind a direct map, and its allocator.
pub(crate) struct PhysicalMemory {
    /// Where physical address 0 is mapped.
    base: *mut u8,
    table: FrameTable,
    buddy: SpinLock<Buddy>,
    stocks: [SpinLock<Stock>; STOCKS],
    /// The buddy's free count, to be read without its lock.
    buddy_free: AtomicU32,
    total: AtomicU32,
    reserve: AtomicU32,
    /// How many frames of a kind a processor keeps.
    stock_limit: AtomicU32,
    /// The frame of zeroes; 0 before it is made.
    zero: AtomicU32,
}

// SAFETY: `base` is only an address; what is behind it is handed out by `Frame` and its rules.
unsafe impl Send for PhysicalMemory {}
// SAFETY: as above; the rest is atomic or behind locks.
unsafe impl Sync for PhysicalMemory {}

/// In a number given to [`PhysicalMemory::release_all`]: it is a page table.
pub(crate) const RELEASE_TABLE: Number = 1 << 31;

/// How many frames move between a stock and the buddy at once.
const BATCH_ORDER: usize = 4;

impl PhysicalMemory {
    /// No memory at all, before [`init`](Self::init).
    pub(crate) const fn empty() -> Self {
        Self {
            base: core::ptr::null_mut(),
            table: FrameTable::EMPTY,
            buddy: SpinLock::new(rank::BUDDY, Buddy::new()),
            stocks: [const { SpinLock::new(rank::FRAME_CACHE, Stock::new()) }; STOCKS],
            buddy_free: AtomicU32::new(0),
            total: AtomicU32::new(0),
            reserve: AtomicU32::new(0),
            stock_limit: AtomicU32::new(0),
            zero: AtomicU32::new(0),
        }
    }

    /// Takes over the memory in `usable`, which is mapped at `base + physical address`. The frame
    /// table, for all frames below `top`, is carved out of the largest range.
    ///
    /// # Safety
    /// 1. `base .. base + top` is where physical memory is mapped, readable and writable wherever
    ///    `usable` says; for ever.
    /// 2. Nothing else uses the usable ranges.
    pub(crate) unsafe fn init(&mut self, base: *mut u8, usable: &[PhysRange], top: u64) {
        let frames = usize::try_from(top >> PAGE_SHIFT).expect("memory fits the address space");
        assert!(frames < STUCK as usize, "frame numbers fit 31 bits");
        let table_bytes = (frames * size_of::<FrameInfo>()).next_multiple_of(PAGE_SIZE) as u64;
        let home = usable.iter().max_by_key(|range| range.end - range.start);
        let home = *home.expect("there is some memory");
        let table_start = home.start.next_multiple_of(PAGE_SIZE as u64);
        let table_end = table_start + table_bytes;
        assert!(table_end <= home.end, "memory is too small for its own frame table");
        self.base = base;
        // SAFETY: (1) the range is usable memory by requirement 1 and ours by requirement 2;
        // (2) all-zero bytes are valid entries; (3) it is page aligned and long enough.
        self.table = unsafe {
            let start = base.add(table_start as usize);
            super::raw::zero(start, table_bytes as usize);
            FrameTable::new(start.cast::<FrameInfo>(), frames)
        };
        for &range in usable {
            let range = if range == home { PhysRange { start: table_end, ..range } } else { range };
            // SAFETY: requirements 1 and 2, and the table itself is left out.
            unsafe { self.add(range) };
        }
        self.make_zero_frame();
    }

    /// Hands more memory to the allocator, such as an initrd that has been unpacked.
    ///
    /// # Safety
    /// The range lies below the `top` of [`init`](Self::init), is mapped as described there, and
    /// nothing uses it or will use it.
    pub(crate) unsafe fn add(&self, range: PhysRange) {
        let start =
            range.start.next_multiple_of(PAGE_SIZE as u64).max(PAGE_SIZE as u64) >> PAGE_SHIFT;
        let end = (range.end >> PAGE_SHIFT).min(self.table.len() as u64);
        if start >= end {
            return;
        }
        let (start, end) = (start as Number, end as Number);
        let mut buddy = self.buddy.lock();
        buddy.add(self.table, start, end);
        self.buddy_free.store(buddy.free_frames(), Ordering::Relaxed);
        drop(buddy);
        let total = self.total.fetch_add(end - start, Ordering::Relaxed) + (end - start);
        // 1/64 of memory, at least 256 KiB, at most 4 MiB: enough for the kernel objects that one
        // system call may make on every processor.
        self.reserve.store((total / 64).clamp(64, 1024), Ordering::Relaxed);
        self.stock_limit.store((total / 256).clamp(16, 128), Ordering::Relaxed);
    }

    fn make_zero_frame(&self) {
        let number = self.alloc_block(0, Claim::Ordinary).expect("memory was just added");
        // SAFETY: the frame was just allocated, so it is mapped and ours.
        unsafe { super::raw::zero(self.pointer(number), PAGE_SIZE) };
        self.info(number).refs.store(STUCK, Ordering::Relaxed);
        self.zero.store(number, Ordering::Relaxed);
    }

    pub(super) fn zero_frame(&self) -> Frame {
        // SAFETY: the zero frame's count is stuck, so a handle more needs no counting.
        unsafe { Frame::from_number(self.zero_number()) }
    }

    /// The number of the frame of zeroes.
    #[inline]
    pub(crate) fn zero_number(&self) -> Number {
        self.zero.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn info(&self, number: Number) -> &'static FrameInfo {
        self.table.at(number)
    }

    /// Where the bytes of a frame are. The pointer is good for the whole direct map.
    #[inline]
    pub(crate) fn pointer(&self, number: Number) -> *mut u8 {
        debug_assert!((number as usize) < self.table.len());
        // SAFETY: inside of the direct map, by requirement 1 of `init`.
        unsafe { self.base.add((number as usize) << PAGE_SHIFT) }
    }

    /// The frame that holds the byte at `pointer`, an address in the direct map.
    pub(crate) fn number_at(&self, pointer: *const u8) -> Number {
        ((pointer.addr() - self.base.addr()) >> PAGE_SHIFT) as Number
    }

    /// How many frames the table knows, holes included: one past the highest frame number.
    pub(crate) fn frames(&self) -> usize {
        self.table.len()
    }

    /// Gives a fresh block its first reference.
    #[inline]
    pub(crate) fn adopt(&self, number: Number, order: u32) -> UniqueFrame {
        let info = self.info(number);
        debug_assert_eq!(info.refs.load(Ordering::Relaxed), 0);
        info.meta.store(order, Ordering::Relaxed);
        info.refs.store(1, Ordering::Relaxed);
        // SAFETY: the reference counted in the line before is for this handle.
        UniqueFrame(unsafe { Frame::from_number(number) })
    }

    /// Takes one 4 KiB frame, preferably with the wanted content; it still has no reference.
    #[inline]
    pub(crate) fn alloc_small(&self, wanted: Content) -> Result<(Number, Content), OutOfFrames> {
        if super::allocation_fails() {
            return Err(OutOfFrames);
        }
        if let Some(found) = self.stocks[cpu::id().index() % STOCKS].lock().pop(wanted) {
            return Ok(found);
        }
        self.alloc_small_slow().map(|number| (number, Content::Stale))
    }

    #[cold]
    fn alloc_small_slow(&self) -> Result<Number, OutOfFrames> {
        let mut stock = self.stocks[cpu::id().index() % STOCKS].lock();
        let mut buddy = self.buddy.lock();
        let spare = buddy.free_frames().saturating_sub(self.reserve.load(Ordering::Relaxed));
        let order = if spare >= 8 << BATCH_ORDER { BATCH_ORDER } else { 0 };
        if spare >= 1
            && let Some((block, order)) =
                [order, 0].iter().find_map(|&order| Some((buddy.take(self.table, order)?, order)))
        {
            self.buddy_free.store(buddy.free_frames(), Ordering::Relaxed);
            drop(buddy);
            for number in (block + 1..block + (1 << order)).rev() {
                let pushed = stock.stale.push(number, usize::MAX);
                debug_assert!(pushed, "an empty stock takes a batch");
            }
            return Ok(block);
        }
        drop(buddy);
        drop(stock);
        // Other processors may sit on the last ones.
        self.drain_stocks();
        self.alloc_block_unchecked(0, Claim::Ordinary)
    }

    /// Takes a block of 2^order frames; it still has no reference.
    pub(crate) fn alloc_block(&self, order: u32, claim: Claim) -> Result<Number, OutOfFrames> {
        if claim == Claim::Ordinary && super::allocation_fails() {
            return Err(OutOfFrames);
        }
        self.alloc_block_unchecked(order, claim).or_else(|_| {
            self.drain_stocks();
            self.alloc_block_unchecked(order, claim)
        })
    }

    fn alloc_block_unchecked(&self, order: u32, claim: Claim) -> Result<Number, OutOfFrames> {
        let mut buddy = self.buddy.lock();
        let keep = match claim {
            Claim::Ordinary => self.reserve.load(Ordering::Relaxed),
            Claim::Heap => 0,
        };
        if order as usize >= ORDERS || buddy.free_frames() < keep.saturating_add(1 << order) {
            return Err(OutOfFrames);
        }
        let block = buddy.take(self.table, order as usize).ok_or(OutOfFrames)?;
        self.buddy_free.store(buddy.free_frames(), Ordering::Relaxed);
        Ok(block)
    }

    /// Takes back a block whose last reference is gone.
    #[inline]
    pub(crate) fn free(&self, number: Number, content: Content) {
        let info = self.info(number);
        let order = info.order() as usize;
        info.meta.store(0, Ordering::Relaxed);
        if order == 0 {
            let limit = self.stock_limit.load(Ordering::Relaxed) as usize;
            let mut stock = self.stocks[cpu::id().index() % STOCKS].lock();
            if stock.stack(content).push(number, limit) {
                return;
            }
            self.free_half(&mut stock, content);
        }
        self.free_block(number, order);
    }

    pub(crate) fn free_block(&self, number: Number, order: usize) {
        let mut buddy = self.buddy.lock();
        buddy.give(self.table, number, order);
        self.buddy_free.store(buddy.free_frames(), Ordering::Relaxed);
    }

    /// Takes back a page table that is all zeroes.
    pub(crate) fn free_zeroed_table(&self, number: Number) {
        self.release_all(&[number | RELEASE_TABLE]);
    }

    /// Drops one reference to each frame, and takes back those that had no other. With
    /// [`RELEASE_TABLE`] the number is of a page table whose entries are all zero.
    pub(crate) fn release_all(&self, numbers: &[Number]) {
        let mut releaser = self.releaser();
        for &number in numbers {
            releaser.release(number);
        }
    }

    /// For dropping references to many frames.
    #[inline]
    pub(crate) fn releaser(&self) -> Releaser<'_> {
        Releaser {
            limit: self.stock_limit.load(Ordering::Relaxed) as usize,
            stock: self.stocks[cpu::id().index() % STOCKS].lock(),
            memory: self,
        }
    }

    /// A stock ran over: half of it goes back.
    #[cold]
    fn free_half(&self, stock: &mut Stock, content: Content) {
        let stack = stock.stack(content);
        let mut buddy = self.buddy.lock();
        for _ in 0..stack.len().div_ceil(2) {
            let Some(number) = stack.pop() else { break };
            buddy.give(self.table, number, 0);
        }
        self.buddy_free.store(buddy.free_frames(), Ordering::Relaxed);
    }

    /// Empties the stocks of all processors into the buddy allocator, where blocks join.
    #[cold]
    pub(crate) fn drain_stocks(&self) {
        for stock in &self.stocks {
            let mut stock = stock.lock();
            if stock.len() == 0 {
                continue;
            }
            let mut buddy = self.buddy.lock();
            while let Some((number, _)) = stock.pop(Content::Stale) {
                buddy.give(self.table, number, 0);
            }
            self.buddy_free.store(buddy.free_frames(), Ordering::Relaxed);
        }
    }

    /// See [`check_reserve`](super::check_reserve).
    #[inline]
    pub(super) fn check_reserve(&self) -> Result<(), OutOfFrames> {
        if self.buddy_free.load(Ordering::Relaxed) > self.reserve.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check_reserve_slow()
    }

    #[cold]
    fn check_reserve_slow(&self) -> Result<(), OutOfFrames> {
        self.drain_stocks();
        let free = self.buddy_free.load(Ordering::Relaxed);
        if free > self.reserve.load(Ordering::Relaxed) { Ok(()) } else { Err(OutOfFrames) }
    }

    pub(super) fn total(&self) -> u64 {
        u64::from(self.total.load(Ordering::Relaxed))
    }

    pub(super) fn stats(&self) -> FrameStats {
        let stocked: usize = self.stocks.iter().map(|stock| stock.lock().len()).sum();
        let free = u64::from(self.buddy.lock().free_frames()) + stocked as u64;
        FrameStats {
            total: self.total(),
            free,
            reserve: u64::from(self.reserve.load(Ordering::Relaxed)),
        }
    }

    /// How many frames this processor knows to be zero.
    #[cfg(test)]
    pub(crate) fn zeroed_in_stock(&self) -> usize {
        self.stocks[cpu::id().index() % STOCKS].lock().zero.len()
    }

    /// Whether every frame but the zero frame is free.
    #[cfg(not(target_os = "none"))]
    pub(crate) fn is_pristine(&self) -> bool {
        let stats = self.stats();
        stats.free + 1 == stats.total
    }
}

/// Drops references with this processor's stock at hand.
pub(crate) struct Releaser<'a> {
    memory: &'a PhysicalMemory,
    limit: usize,
    stock: SpinLockGuard<'a, Stock>,
}

impl Releaser<'_> {
    /// See [`PhysicalMemory::release_all`].
    #[inline]
    pub(crate) fn release(&mut self, number: Number) {
        let content = if number & RELEASE_TABLE != 0 { Content::Zero } else { Content::Stale };
        let number = number & !RELEASE_TABLE;
        let info = self.memory.info(number);
        if !info.release() {
            return;
        }
        let order = info.order() as usize;
        info.meta.store(0, Ordering::Relaxed);
        if order != 0 || !self.stock.stack(content).push(number, self.limit) {
            self.release_slow(number, order, content);
        }
    }

    #[cold]
    fn release_slow(&mut self, number: Number, order: usize, content: Content) {
        if order == 0 {
            self.memory.free_half(&mut self.stock, content);
        }
        self.memory.free_block(number, order);
    }
}
