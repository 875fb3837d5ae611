//! The end after a bug: what happened, how we got there, and out with the panic code.
//!
//! Nothing here allocates or takes a lock: the locks may be held by the code that panicked, or by a
//! processor that was just stopped.

use core::fmt::Write;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU64, Ordering};

use super::traps::TrapFrame;
use super::{backtrace, irq, percpu, power, smp};
use crate::log;
use crate::power::exit_code;

/// Where the trap that leads to a panic came from: instruction and frame pointer, 0 for none.
static TRAP_RIP: AtomicU64 = AtomicU64::new(0);
static TRAP_RBP: AtomicU64 = AtomicU64::new(0);

/// Notes the origin of a fatal trap, for the backtrace.
pub(super) fn note_trap(frame: &TrapFrame) {
    TRAP_RIP.store(frame.rip, Ordering::Relaxed);
    TRAP_RBP.store(frame.rbp, Ordering::Relaxed);
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    x86_64::instructions::interrupts::disable();
    if !smp::begin_panic() {
        power::halt();
    }
    irq::stop_others();
    let mut out = log::PanicWriter;
    let cpu = percpu::id();
    // The writer never fails.
    let _ = match info.location() {
        Some(at) => writeln!(out, "kernel panic on processor {cpu} at {at}:"),
        None => writeln!(out, "kernel panic on processor {cpu}:"),
    };
    let _ = writeln!(out, "{}", info.message());
    let _ = writeln!(out, "backtrace:");
    let trap = TRAP_RIP.load(Ordering::Relaxed);
    if trap != 0 {
        backtrace::print(&mut out, trap, TRAP_RBP.load(Ordering::Relaxed));
    } else {
        backtrace::print_here(&mut out);
    }
    power::exit(exit_code::PANIC)
}
