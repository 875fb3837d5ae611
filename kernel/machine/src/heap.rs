//! The kernel heap.
//!
//! Three levels: each processor keeps a short list of free blocks per size class, which serves
//! nearly everything in a few instructions; `talc` carves blocks out of 64 KiB pieces and gives
//! empty pieces back; and requests over [`LARGE`] are whole frames from the buddy allocator.
//!
//! The heap may use the frame reserve, since `Box` and `Vec` can not report failure. Operations
//! that allocate for a user call [`check_reserve`](crate::frame::check_reserve) first.
//!
//! Locks: the processor's lists, then talc's, then those of the frames.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use talc::base::Talc;
use talc::base::binning::DefaultBinning;
use talc::source::GlobalAllocSource;

use crate::addr::PAGE_SIZE;
use crate::cpu::{self, MAX_CPUS};
use crate::frame::{Claim, physical};
use crate::sync::{SpinLock, rank};

/// Requests over this many bytes are whole frames.
const LARGE: usize = 16 << 10;
/// The biggest size class.
const SMALL: usize = 1024;
/// Size classes are multiples of this, and blocks are aligned to it.
const STEP: usize = 32;
/// How many stocks there are: one for each processor. (Miri checks whole structures at each use.)
const STOCKS: usize = if cfg!(miri) { 2 } else { MAX_CPUS };
const CLASSES: usize = SMALL / STEP;
/// How many free bytes of one class a processor keeps.
const KEEP: usize = 8 << 10;

/// The allocator behind `Box`, `Vec` and `Arc`.
pub struct Heap {
    stocks: [SpinLock<Stock>; STOCKS],
    middle: SpinLock<Talc<GlobalAllocSource<Blocks>, DefaultBinning>>,
}

#[cfg(target_os = "none")]
#[global_allocator]
static HEAP: Heap = Heap::new();

/// Where talc gets its pieces from: whole frames.
#[derive(Debug)]
struct Blocks;

/// A free block; it begins with a link to the next.
#[repr(C)]
struct FreeBlock {
    next: *mut FreeBlock,
}

/// Free blocks of one processor, by size class.
struct Stock {
    heads: [*mut FreeBlock; CLASSES],
    counts: [u16; CLASSES],
}

// SAFETY: the blocks in the lists are free memory that only the owner of the stock can reach.
unsafe impl Send for Stock {}

impl Stock {
    const fn new() -> Self {
        Self { heads: [null_mut(); CLASSES], counts: [0; CLASSES] }
    }

    #[inline]
    fn pop(&mut self, class: usize) -> Option<NonNull<u8>> {
        let block = NonNull::new(self.heads[class])?;
        // SAFETY: a block in the list is free and begins with its link.
        self.heads[class] = unsafe { block.as_ref().next };
        self.counts[class] -= 1;
        Some(block.cast())
    }

    /// # Safety
    /// The block is of this class, and nobody uses it.
    #[inline]
    unsafe fn push(&mut self, class: usize, block: NonNull<u8>) {
        let block = block.cast::<FreeBlock>();
        // SAFETY: (1) blocks are longer than a link and aligned to more; (2) it is free.
        unsafe { block.write(FreeBlock { next: self.heads[class] }) };
        self.heads[class] = block.as_ptr();
        self.counts[class] += 1;
    }
}

/// The size class of a request, if it has one.
#[inline]
fn class_of(layout: Layout) -> Option<usize> {
    if layout.size() <= SMALL && layout.align() <= STEP && layout.size() != 0 {
        Some((layout.size() - 1) / STEP)
    } else {
        None
    }
}

fn class_layout(class: usize) -> Layout {
    Layout::from_size_align((class + 1) * STEP, STEP).expect("invariant: STEP is a power of two")
}

impl Heap {
    /// An empty heap; it grows from the frame allocator on first use.
    #[expect(clippy::new_without_default, reason = "a static; Default is not const")]
    pub const fn new() -> Self {
        Self {
            stocks: [const { SpinLock::new(rank::HEAP_CACHE, Stock::new()) }; STOCKS],
            middle: SpinLock::new(
                rank::HEAP,
                Talc::new(GlobalAllocSource::with_block_size(Blocks, 64 << 10)),
            ),
        }
    }

    fn alloc_middle(&self, layout: Layout) -> *mut u8 {
        // SAFETY: layouts that come here are not empty.
        let block = unsafe { self.middle.lock().allocate(layout) };
        block.map_or(null_mut(), NonNull::as_ptr)
    }

    /// Gives half of a class back to the middle level.
    #[cold]
    fn trim(&self, stock: &mut Stock, class: usize) {
        let mut middle = self.middle.lock();
        for _ in 0..stock.counts[class].div_ceil(2) {
            let Some(block) = stock.pop(class) else { break };
            // SAFETY: the block came from `alloc_middle` with this layout, and it is free.
            unsafe { middle.deallocate(block.as_ptr(), class_layout(class)) };
        }
    }
}

// SAFETY: blocks are disjoint, aligned and long enough, by the rules of each level; a layout always
// maps to the same level and class, so that a block returns to where it came from.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(class) = class_of(layout) {
            if let Some(block) = self.stocks[cpu::id().index() % STOCKS].lock().pop(class) {
                return block.as_ptr();
            }
            return self.alloc_middle(class_layout(class));
        }
        if layout.size() > LARGE {
            // SAFETY: handed on to the caller.
            return unsafe { Blocks.alloc(layout) };
        }
        self.alloc_middle(layout)
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let (Some(class), Some(block)) = (class_of(layout), NonNull::new(block)) {
            let mut stock = self.stocks[cpu::id().index() % STOCKS].lock();
            // SAFETY: the caller gives up the block, which is of that class.
            unsafe { stock.push(class, block) };
            if usize::from(stock.counts[class]) * (class + 1) * STEP > KEEP {
                self.trim(&mut stock, class);
            }
        } else if layout.size() > LARGE {
            // SAFETY: it came from there.
            unsafe { Blocks.dealloc(block, layout) };
        } else {
            // SAFETY: it came from `alloc_middle` with this layout.
            unsafe { self.middle.lock().deallocate(block, layout) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else {
            return null_mut();
        };
        if class_of(layout).is_some() && class_of(layout) == class_of(wanted) {
            return block;
        }
        // SAFETY: (1) the caller's promises for `block` and `size`; (2) the copy is as long as the
        // shorter of the two.
        unsafe {
            let new = self.alloc(wanted);
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

/// The order of a block of whole frames for this request, if there are blocks that big.
fn order_of(layout: Layout) -> Option<u32> {
    let bytes = layout.size().max(layout.align()).checked_next_power_of_two()?;
    Some((bytes / PAGE_SIZE).max(1).ilog2())
}

// SAFETY: a block of 2^n frames is aligned to its size, so it satisfies every layout that `order_of`
// maps to n.
unsafe impl GlobalAlloc for Blocks {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let memory = physical();
        let Some(order) = order_of(layout) else {
            return null_mut();
        };
        match memory.alloc_block(order, Claim::Heap) {
            Ok(number) => memory.pointer(number),
            Err(_) => null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let memory = physical();
        let order = order_of(layout).expect("invariant: the block was allocated with this layout");
        memory.free_block(memory.number_at(block), order as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::stats;
    use crate::sim::Machine;
    use std::vec::Vec;

    #[test]
    fn blocks_are_disjoint_and_come_back() {
        let _machine = Machine::new(if cfg!(miri) { 1 << 20 } else { 4 << 20 });
        let heap = Heap::new();
        let mut held: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut random = 12345_u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % below
        };
        for round in 0..if cfg!(miri) { 60 } else { 5000 } {
            if next(3) == 0 && !held.is_empty() {
                let (block, layout, tag) = held.swap_remove(next(held.len() as u32) as usize);
                // SAFETY: the block is ours, allocated with this layout.
                unsafe {
                    assert_eq!((*block, *block.add(layout.size() - 1)), (tag, tag));
                    heap.dealloc(block, layout);
                }
                continue;
            }
            let size = [next(64), next(1500), next(20_000), next(80_000)][next(4) as usize] + 1;
            let layout = Layout::from_size_align(size as usize, 1 << next(9)).unwrap();
            // SAFETY: the layout is not empty.
            let block = unsafe { heap.alloc(layout) };
            if block.is_null() || held.len() > 60 {
                for (block, layout, _) in held.drain(..) {
                    // SAFETY: as above.
                    unsafe { heap.dealloc(block, layout) };
                }
            }
            if !block.is_null() {
                assert_eq!(block as usize % layout.align(), 0);
                // SAFETY: the block is that long.
                unsafe { block.write_bytes(round as u8, layout.size()) };
                held.push((block, layout, round as u8));
            }
        }
    }

    #[test]
    fn growing_in_the_same_class_stays_in_place() {
        let _machine = Machine::new(if cfg!(miri) { 1 << 20 } else { 4 << 20 });
        let heap = Heap::new();
        let layout = Layout::from_size_align(40, 8).unwrap();
        // SAFETY: sizes and layouts match at each step.
        unsafe {
            let block = heap.alloc(layout);
            block.write(9);
            assert_eq!(heap.realloc(block, layout, 64), block);
            let bigger = heap.realloc(block, Layout::from_size_align(64, 8).unwrap(), 65);
            assert_ne!(bigger, block);
            assert_eq!(bigger.read(), 9);
            heap.dealloc(bigger, Layout::from_size_align(65, 8).unwrap());
        }
    }

    #[test]
    fn the_heap_may_use_the_reserve_and_fails_softly() {
        let _machine = Machine::new(if cfg!(miri) { 1 << 20 } else { 4 << 20 });
        let heap = Heap::new();
        let before = stats().free;
        let layout = Layout::from_size_align(64 << 10, 8).unwrap();
        let mut blocks = Vec::new();
        loop {
            // SAFETY: the layout is not empty.
            let block = unsafe { heap.alloc(layout) };
            if block.is_null() {
                break;
            }
            blocks.push(block);
        }
        assert!(stats().free < stats().reserve);
        for block in blocks {
            // SAFETY: allocated above.
            unsafe { heap.dealloc(block, layout) };
        }
        assert_eq!(stats().free, before);
    }
}
