//! Kernel stacks: their own range of addresses, with a page below each that is never mapped.
//!
//! Owns: the slots of that range. A freed stack stays mapped for the next thread. When too many are free,
//! a batch of them is unmapped together: every processor must be told, which is dear.

use alloc::vec::Vec;
use core::mem::ManuallyDrop;

use arrayvec::ArrayVec;

use super::{frames, kernel_map, tlb};
use crate::addr::PAGE_SIZE;
use crate::frame::OutOfFrames;
use crate::sync::{Rank, SpinLock};

/// Bytes of a stack: debug builds use more.
pub(super) const SIZE: usize = if cfg!(debug_assertions) { 32 << 10 } else { 16 << 10 };
const PAGES: usize = SIZE / PAGE_SIZE;
const STRIDE: u64 = (SIZE + PAGE_SIZE) as u64;
/// How many stacks there can be: the range is 512 GiB, this is enough for every pid and more.
const SLOTS: u32 = 1 << 20;
/// Free stacks that stay mapped, at most, and how many are unmapped when there are more.
const STOCK: usize = 32;
const BATCH: usize = 16;

/// A mapped stack.
pub(super) struct Stack {
    slot: u32,
}

struct Slots {
    /// Mapped and free.
    stock: ArrayVec<u32, STOCK>,
    /// Free, and not mapped.
    unmapped: Vec<u32>,
    /// Slots from here on were never used.
    next: u32,
}

static SLOTS_LOCK: SpinLock<Slots> =
    SpinLock::new(Rank(222), Slots { stock: ArrayVec::new_const(), unmapped: Vec::new(), next: 0 });

/// The lowest byte of the guard page of a slot.
fn guard(slot: u32) -> u64 {
    kernel_map::STACKS + u64::from(slot) * STRIDE
}

impl Stack {
    /// Maps a stack, or takes one from the stock.
    pub(super) fn new() -> Result<Self, OutOfFrames> {
        let slot = {
            let mut slots = SLOTS_LOCK.lock();
            if let Some(slot) = slots.stock.pop() {
                return Ok(Self { slot });
            }
            slots.take_unmapped().ok_or(OutOfFrames)?
        };
        let stack = Self { slot };
        for page in 0..PAGES {
            if let Err(error) = map_page(slot, page) {
                // Not into the stock: it is only mapped in part.
                let _ = ManuallyDrop::new(stack);
                unmap(&[slot]);
                return Err(error);
            }
        }
        Ok(stack)
    }

    /// One past the highest byte.
    pub(super) fn top(&self) -> u64 {
        guard(self.slot) + STRIDE
    }
}

impl Slots {
    fn take_unmapped(&mut self) -> Option<u32> {
        if let Some(slot) = self.unmapped.pop() {
            return Some(slot);
        }
        let slot = self.next;
        if slot == SLOTS {
            return None;
        }
        self.next += 1;
        Some(slot)
    }
}

fn map_page(slot: u32, page: usize) -> Result<(), OutOfFrames> {
    let frame = frames::take_zeroed()?;
    let virt = guard(slot) + ((page + 1) * PAGE_SIZE) as u64;
    if kernel_map::map_stack_page(virt, frame << 12, &mut frames::take_table).is_none() {
        // SAFETY: 1. it was just taken and is mapped nowhere.
        unsafe { frames::give_back(frame) };
        return Err(OutOfFrames);
    }
    Ok(())
}

/// Unmaps what is mapped of some slots and frees them, after every processor forgot them.
fn unmap(slots: &[u32]) {
    let mut freed = ArrayVec::<u64, { BATCH * PAGES }>::new();
    for &slot in slots {
        for page in 1..=PAGES as u64 {
            freed.extend(kernel_map::unmap_stack_page(guard(slot) + page * PAGE_SIZE as u64));
        }
    }
    tlb::flush_kernel_everywhere();
    for physical in freed {
        // SAFETY: 1. it was taken by `map_page`; 2. no processor has a translation any more.
        unsafe { frames::give_back(physical >> 12) };
    }
    SLOTS_LOCK.lock().unmapped.extend_from_slice(slots);
}

impl Drop for Stack {
    fn drop(&mut self) {
        let mut slots = SLOTS_LOCK.lock();
        let mut surplus = ArrayVec::<u32, BATCH>::new();
        if slots.stock.is_full() {
            surplus.extend(slots.stock.drain(..BATCH));
        }
        slots.stock.push(self.slot);
        drop(slots);
        if !surplus.is_empty() {
            unmap(&surplus);
        }
    }
}

/// Whether `address` is in the page below some stack: the stack has overflowed.
pub(super) fn is_guard(address: u64) -> bool {
    let area = kernel_map::STACKS..guard(SLOTS);
    area.contains(&address) && (address - area.start) % STRIDE < PAGE_SIZE as u64
}

/// Frames in free stacks: nobody uses them.
pub(crate) fn spare_frames() -> u64 {
    (SLOTS_LOCK.lock().stock.len() * PAGES) as u64
}
