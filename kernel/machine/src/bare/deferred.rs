//! Work that interrupts leave behind; see the public module.

use core::mem::transmute;
use core::sync::atomic::{AtomicPtr, Ordering};

use x86_64::instructions::interrupts;

use super::{irq, percpu};
use crate::cpu::CpuId;
use crate::deferred::Pending;

/// The handler, a `fn(Pending)`.
static HANDLER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Sets the function that does the deferred work. Before it is set, what is raised is dropped.
pub fn set_handler(handler: fn(Pending)) {
    HANDLER.store(handler as *mut (), Ordering::Release);
}

/// Asks processor `cpu` to run the handler with `bits`.
pub fn raise(cpu: CpuId, bits: Pending) {
    let Some(block) = percpu::of(cpu.index()) else {
        return;
    };
    let waiting = block.pending.fetch_or(bits.bits(), Ordering::AcqRel);
    if u32::from(cpu.0) == percpu::id() {
        percpu::note_pending();
        run_if_pending();
    } else if waiting == 0 {
        // Whoever set the first bit sent the interrupt.
        irq::send(cpu, irq::RESCHEDULE);
    }
}

/// Notes work for this processor. For interrupt handlers: it runs at the end of the interrupt.
pub(super) fn raise_here(bits: Pending) {
    percpu::this().pending.fetch_or(bits.bits(), Ordering::AcqRel);
    percpu::note_pending();
}

/// Runs what waits if no lock is held.
#[inline]
pub(super) fn run_if_pending() {
    if percpu::depth_word() == 0 {
        run_pending();
    }
}

/// Runs what waits. Called at depth zero; does nothing while interrupts are off, because then the code
/// around is not a good place: the work runs at the next chance.
#[cold]
pub(super) fn run_pending() {
    if !interrupts::are_enabled() {
        return;
    }
    loop {
        percpu::enter_deferred();
        let bits = percpu::take_pending();
        let handler = HANDLER.load(Ordering::Acquire);
        if !handler.is_null() {
            // SAFETY: 1. only `set_handler` stores here, and it stores a `fn(Pending)`.
            let handler: fn(Pending) = unsafe { transmute(handler) };
            handler(Pending::from_bits_retain(bits));
        }
        if !percpu::leave_deferred() {
            break;
        }
    }
}
