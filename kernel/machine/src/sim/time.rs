//! The host's monotonic clock. Armed deadlines are looked at when a processor halts or releases its
//! last lock.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

use super::percpu;
use crate::cpu::MAX_CPUS;

static START: OnceLock<(Instant, i64)> = OnceLock::new();
static ARMED: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(u64::MAX) }; MAX_CPUS];

fn start() -> (Instant, i64) {
    *START.get_or_init(|| {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        (Instant::now(), wall.map_or(0, |since| since.as_nanos() as i64))
    })
}

/// Nanoseconds since the first call.
pub fn now() -> u64 {
    start().0.elapsed().as_nanos() as u64
}

/// The wall clock at `now() == 0`.
pub fn wall_at_boot() -> i64 {
    start().1
}

/// Nanoseconds again.
pub fn cycles() -> u64 {
    now()
}

/// Of [`cycles`].
pub fn cycles_per_second() -> u64 {
    1_000_000_000
}

/// Sets this processor's one-shot timer.
pub fn arm(deadline: Option<u64>) {
    ARMED[percpu::id() as usize].store(deadline.unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Until when processor `cpu` may halt.
pub(super) fn armed(cpu: u32) -> u64 {
    ARMED[cpu as usize].load(Ordering::Relaxed)
}

/// Whether the timer of `cpu` has gone off; it does so once.
pub(super) fn take_expired(cpu: u32) -> bool {
    let armed = &ARMED[cpu as usize];
    let deadline = armed.load(Ordering::Relaxed);
    if deadline == u64::MAX || now() < deadline {
        return false;
    }
    armed.store(u64::MAX, Ordering::Relaxed);
    true
}
