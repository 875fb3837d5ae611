//! Translations of the kernel's own half, dropped on every processor.
//!
//! Rare (a batch of stacks beyond the stock), so it is simple: one request at a time, always for everything,
//! and each processor answers by clearing its bit. The waiting processor has interrupts on, and answers
//! others' requests itself.

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::instructions::interrupts::without_interrupts;
use x86_64::registers::control::{Cr4, Cr4Flags};

use super::{features, irq, percpu};
use crate::cpu;
use crate::sync::{Rank, SpinLock};

/// One request at a time.
static REQUEST: SpinLock<()> = SpinLock::new(Rank(223), ());
/// The processors that have not answered, as a mask.
static WAITING: AtomicU64 = AtomicU64::new(0);

/// Drops every translation of this processor, global ones too.
fn flush_here() {
    // SAFETY: 1. forgetting translations is always sound; 2. nothing else changes CR4 in between.
    without_interrupts(|| unsafe {
        if features::get().pge {
            Cr4::update(|flags| flags.remove(Cr4Flags::PAGE_GLOBAL));
            Cr4::update(|flags| flags.insert(Cr4Flags::PAGE_GLOBAL));
        } else {
            x86_64::instructions::tlb::flush_all();
        }
    });
}

/// Drops the translations of every processor, before it returns. Interrupts must be on.
pub(super) fn flush_kernel_everywhere() {
    flush_here();
    if cpu::online().len() == 1 {
        return;
    }
    let _request = REQUEST.lock();
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
    flush_here();
    WAITING.fetch_and(!(1 << percpu::id()), Ordering::SeqCst);
}
