//! Per-processor state: thread locals, one simulated processor per host thread.

use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering};

use spin::RelaxStrategy;

use crate::cpu::{CpuId, MAX_CPUS};

/// The numbers of live threads, as a bit set.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// A processor number that is free again when its thread ends.
struct Number(CpuId);

impl Number {
    fn take() -> Self {
        const { assert!(MAX_CPUS == 64) };
        loop {
            let taken = TAKEN.load(Ordering::Relaxed);
            let free = (!taken).trailing_zeros();
            // With more live threads than numbers, wait for one to end.
            if free == 64 {
                std::thread::yield_now();
                continue;
            }
            let with = taken | 1 << free;
            if TAKEN.compare_exchange(taken, with, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Self(CpuId(free as u8));
            }
        }
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        super::tlb::load_on(self.0, None);
        TAKEN.fetch_and(!(1 << self.0.0), Ordering::Release);
    }
}

std::thread_local! {
    static NUMBER: Number = Number::take();
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// The processor that another thread handed over, for `super::thread`.
    static BORROWED: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Makes this host thread run on processor `cpu`, which no other runs on.
pub fn enter_cpu(cpu: u32) {
    BORROWED.set(Some(cpu));
}

pub(crate) fn id() -> u32 {
    if let Some(cpu) = BORROWED.get() {
        return cpu;
    }
    // Destructors of other thread locals may still free frames: they use the shared stock of 0.
    NUMBER.try_with(|number| u32::from(number.0.0)).unwrap_or(0)
}

pub(crate) fn lock_depth() -> u32 {
    DEPTH.get()
}

pub(crate) fn lock_taken() {
    DEPTH.set(DEPTH.get() + 1);
}

pub(crate) fn lock_released() {
    let depth = DEPTH.get() - 1;
    DEPTH.set(depth);
    if depth == 0 {
        super::deferred::run_pending();
    }
}

/// Waiting for a lock on the host: let the holder's thread run.
pub(crate) struct Relax;

impl RelaxStrategy for Relax {
    fn relax() {
        std::thread::yield_now();
    }
}
