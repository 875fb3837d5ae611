//! The two clocks that everything else is derived from.

use core::sync::atomic::{AtomicI64, Ordering};

/// What clock_settime(2) has added to the wall time measured at boot.
static ADJUSTMENT: AtomicI64 = AtomicI64::new(0);

/// Nanoseconds since boot; never steps.
#[inline]
pub fn monotonic() -> u64 {
    machine::time::now()
}

/// Nanoseconds since 1970.
#[inline]
pub fn realtime() -> i64 {
    realtime_offset().wrapping_add_unsigned(monotonic())
}

/// What to add to [`monotonic`] for [`realtime`].
#[inline]
pub fn realtime_offset() -> i64 {
    machine::time::wall_at_boot().wrapping_add(ADJUSTMENT.load(Ordering::Relaxed))
}

/// Sets the real-time clock to `ns` since 1970, as of now.
pub fn set_realtime(ns: i64) {
    let change = ns.wrapping_sub(realtime());
    ADJUSTMENT.fetch_add(change, Ordering::Relaxed);
}
