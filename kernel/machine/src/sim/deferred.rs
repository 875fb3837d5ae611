//! Deferred work without interrupts: looked for when a processor halts or releases its last lock.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, OnceLock};
use std::time::Duration;

use super::{percpu, time};
use crate::cpu::{CpuId, MAX_CPUS};
use crate::deferred::Pending;

static HANDLER: OnceLock<fn(Pending)> = OnceLock::new();
static PENDING: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(0) }; MAX_CPUS];
static RAISED: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());

std::thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Sets the handler; the first one stays.
pub fn set_handler(handler: fn(Pending)) {
    HANDLER.get_or_init(|| handler);
}

/// Marks work for `cpu`.
pub fn raise(cpu: CpuId, bits: Pending) {
    PENDING[cpu.index()].fetch_or(bits.bits(), Ordering::SeqCst);
    let _guard = RAISED.0.lock().expect("nothing panics inside");
    RAISED.1.notify_all();
}

/// Does what is pending on this processor, unless that is being done.
pub(super) fn run_pending() {
    let Some(handler) = HANDLER.get() else { return };
    let cpu = percpu::id();
    let mut pending = Pending::from_bits_truncate(PENDING[cpu as usize].swap(0, Ordering::SeqCst));
    if time::take_expired(cpu) {
        pending |= Pending::TIMER;
    }
    if pending.is_empty() {
        return;
    }
    if INSIDE.replace(true) {
        raise(CpuId(cpu as u8), pending);
        return;
    }
    handler(pending);
    INSIDE.set(false);
}

/// Halts until there is work, does it, and returns; at once when `skip` says so.
pub fn halt_until_interrupt(skip: impl FnOnce() -> bool) {
    let cpu = percpu::id();
    let guard = RAISED.0.lock().expect("nothing panics inside");
    if !skip() && PENDING[cpu as usize].load(Ordering::SeqCst) == 0 {
        let nap = time::armed(cpu).saturating_sub(time::now()).min(10_000_000);
        let _ = RAISED.1.wait_timeout(guard, Duration::from_nanos(nap));
    } else {
        drop(guard);
    }
    run_pending();
}
