//! Kernel timers: something happens at a point of the monotonic clock.
//!
//! Each processor has its own, sorted by deadline, and arms its one-shot interrupt for the first of
//! them or the scheduler's tick. An expired timer calls its [`Expire`] without locks, on the
//! processor that it was set on; expiry must not sleep.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use machine::sync::SpinLock;
use machine::time;

use super::cpu::{self, Processor};
use crate::locks;

/// What a timer does when its time has come.
pub trait Expire: Send + Sync {
    /// Called once, without locks, possibly a little late, never early. It must not sleep.
    fn expire(self: Arc<Self>);
}

/// A timer that was set: cancels with [`cancel`]. Dropping it does not cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerHandle {
    processor: usize,
    key: (u64, u64),
}

type Pending = BTreeMap<(u64, u64), Arc<dyn Expire>>;

/// The timers of one processor.
pub(super) struct Timers {
    pending: SpinLock<Pending>,
    /// What the interrupt is armed for; `u64::MAX` for nothing. Written under `pending`.
    armed: AtomicU64,
}

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// Lets `target` expire at `deadline` (nanoseconds of the monotonic clock).
pub fn add(deadline: u64, target: Arc<dyn Expire>) -> TimerHandle {
    let here = cpu::here();
    let key = (deadline, SERIAL.fetch_add(1, Ordering::Relaxed));
    let mut pending = here.timers.pending.lock();
    pending.insert(key, target);
    here.timers.arm(&pending, here);
    drop(pending);
    TimerHandle { processor: machine::cpu::id().index(), key }
}

/// Takes a timer back. False if it has expired, or is about to on another processor.
pub fn cancel(handle: TimerHandle) -> bool {
    // An interrupt that is armed for it comes for nothing, which costs less than arming again.
    let Some(processor) = cpu::processors().get(handle.processor) else {
        return false;
    };
    let removed = processor.timers.pending.lock().remove(&handle.key);
    removed.is_some()
}

/// The deferred work of a timer interrupt: expires what is due, then the scheduler's tick.
pub fn on_interrupt() {
    let here = cpu::here();
    let now = time::now();
    while let Some(target) = here.timers.take_due(now) {
        target.expire();
    }
    cpu::tick(now);
    // The one-shot has fired, whatever it was armed for.
    here.timers.armed.store(u64::MAX, Ordering::Relaxed);
    here.timers.rearm(here);
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self {
            pending: SpinLock::new(locks::TIMERS, BTreeMap::new()),
            armed: AtomicU64::new(u64::MAX),
        }
    }

    /// Arms the interrupt of `processor`, the calling one, for what comes first.
    pub(super) fn rearm(&self, processor: &Processor) {
        let pending = self.pending.lock();
        self.arm(&pending, processor);
    }

    fn arm(&self, pending: &Pending, processor: &Processor) {
        let mut first = pending.first_key_value().map_or(u64::MAX, |(key, _)| key.0);
        let tick = processor.tick_at.load(Ordering::Relaxed);
        if tick != 0 {
            first = first.min(tick);
        }
        // An earlier interrupt than needed is harmless and rearms; so only ever move forward.
        if first < self.armed.load(Ordering::Relaxed) {
            self.armed.store(first, Ordering::Relaxed);
            time::arm(Some(first));
        }
    }

    fn take_due(&self, now: u64) -> Option<Arc<dyn Expire>> {
        let mut pending = self.pending.lock();
        let entry = pending.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}
