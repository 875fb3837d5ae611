//! Translations of the kernel's own half, dropped on every processor.
//!
//! Rare (a stack beyond the stock, a device window never), so it is simple: one request at a time, each
//! processor answers by clearing its bit. The waiting processor has interrupts on, and answers others'
//! requests itself.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::{irq, percpu};
use crate::addr::PAGE_SIZE;
use crate::cpu;
use crate::sync::{Rank, SpinLock};

/// One request at a time.
static REQUEST: SpinLock<()> = SpinLock::new(Rank(223), ());
static START: AtomicU64 = AtomicU64::new(0);
static PAGES: AtomicUsize = AtomicUsize::new(0);
/// The processors that have not answered, as a mask.
static WAITING: AtomicU64 = AtomicU64::new(0);

fn flush_here(start: u64, pages: usize) {
    for page in 0..pages {
        let address = start + (page * PAGE_SIZE) as u64;
        // SAFETY: 1. forgetting a translation is always sound.
        unsafe { asm!("invlpg [{}]", in(reg) address, options(nostack, preserves_flags)) };
    }
}

/// Drops the translations of `pages` pages from `start` on every processor, before it returns.
/// Interrupts must be on.
pub(super) fn flush_kernel_everywhere(start: u64, pages: usize) {
    flush_here(start, pages);
    if cpu::online().len() == 1 {
        return;
    }
    let _request = REQUEST.lock();
    START.store(start, Ordering::Relaxed);
    PAGES.store(pages, Ordering::Relaxed);
    let others = cpu::online().without(cpu::id());
    WAITING.store(others.bits(), Ordering::SeqCst);
    for other in others.iter() {
        irq::send(other, irq::FLUSH_KERNEL);
    }
    while WAITING.load(Ordering::SeqCst) != 0 {
        core::hint::spin_loop();
    }
}

/// Answers a request, in the interrupt.
pub(super) fn answer() {
    flush_here(START.load(Ordering::Relaxed), PAGES.load(Ordering::Relaxed));
    WAITING.fetch_and(!(1 << percpu::id()), Ordering::SeqCst);
}
