//! Interrupts: who sends them, and the little that is done when they arrive.

use super::{apic, deferred, percpu, serial, smp, tlb};
use crate::cpu::CpuId;
use crate::deferred::Pending;

/// The first vector that is an interrupt, not an exception.
pub(super) const FIRST: u8 = 0x20;
/// Where the old interrupt controllers would send their spurious interrupts.
pub(super) const LEGACY: u8 = 0x20;
/// The first and the second serial port.
pub(super) const SERIAL: [u8; 2] = [0x34, 0x33];
/// The timer of the local APIC.
pub(super) const TIMER: u8 = 0xf0;
/// Another processor raised deferred work here.
pub(super) const RESCHEDULE: u8 = 0xf1;
/// Another processor wants user translations dropped.
pub(super) const FLUSH_USER: u8 = 0xf2;
/// Another processor wants kernel translations dropped.
pub(super) const FLUSH_KERNEL: u8 = 0xf3;
/// Local APIC: nothing, after all.
pub(super) const SPURIOUS: u8 = 0xff;

/// Handles an interrupt; interrupts are off. Only notes what happened, takes no locks.
pub(super) fn handle(vector: u8) {
    match vector {
        TIMER => deferred::raise_here(Pending::TIMER),
        RESCHEDULE => percpu::note_pending(),
        FLUSH_USER => crate::paging::serve_requests(),
        FLUSH_KERNEL => tlb::answer(),
        SPURIOUS => return,
        vector if vector < LEGACY + 16 => return,
        vector => {
            if let Some(port) = SERIAL.iter().position(|serial| *serial == vector) {
                serial::receive(port);
            }
        }
    }
    apic::end_of_interrupt();
}

/// Sends `vector` to another processor.
pub(super) fn send(cpu: CpuId, vector: u8) {
    if let Some(block) = percpu::of(cpu.index()) {
        apic::send(block.apic_id.load(core::sync::atomic::Ordering::Relaxed), vector);
    }
}

/// Stops all other processors for good, for a panic.
pub(super) fn stop_others() {
    smp::stop_others();
}
