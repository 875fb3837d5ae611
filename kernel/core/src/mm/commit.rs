//! The commit limit: how much memory may be promised (`/proc/sys/vm/overcommit_memory`).

use core::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use abi::Errno;
use machine::frame;

/// Pages promised to private writable mappings of all processes.
static COMMITTED: AtomicI64 = AtomicI64::new(0);
/// 0: refuse only what can never be; 1: refuse nothing; 2: keep to the limit.
static MODE: AtomicU32 = AtomicU32::new(0);
/// Percent of memory that may be promised in mode 2.
static RATIO: AtomicU32 = AtomicU32::new(50);

/// Promises `pages`.
///
/// # Errors
/// `ENOMEM` when that is too much for the mode.
pub(super) fn charge(pages: u64) -> Result<(), Errno> {
    let pages = i64::try_from(pages).map_err(|_| Errno::ENOMEM)?;
    let now = COMMITTED.fetch_add(pages, Ordering::Relaxed) + pages;
    let fits = match MODE.load(Ordering::Relaxed) {
        0 => pages as u64 <= frame::stats_total(),
        1 => true,
        _ => now <= limit() as i64,
    };
    if fits {
        return Ok(());
    }
    COMMITTED.fetch_sub(pages, Ordering::Relaxed);
    Err(Errno::ENOMEM)
}

/// Takes a promise back.
pub(super) fn uncharge(pages: u64) {
    COMMITTED.fetch_sub(pages as i64, Ordering::Relaxed);
}

/// Pages promised now (`Committed_AS`).
pub fn committed() -> u64 {
    COMMITTED.load(Ordering::Relaxed).max(0) as u64
}

/// Pages that may be promised in mode 2 (`CommitLimit`).
pub fn limit() -> u64 {
    frame::stats_total() * u64::from(RATIO.load(Ordering::Relaxed)) / 100
}

/// The mode, as `/proc/sys/vm/overcommit_memory` has it.
pub fn mode() -> u32 {
    MODE.load(Ordering::Relaxed)
}

/// Sets the mode.
///
/// # Errors
/// `EINVAL` for anything but 0, 1 and 2.
pub fn set_mode(mode: u32) -> Result<(), Errno> {
    if mode > 2 {
        return Err(Errno::EINVAL);
    }
    MODE.store(mode, Ordering::Relaxed);
    Ok(())
}

/// The percentage for mode 2.
pub fn ratio() -> u32 {
    RATIO.load(Ordering::Relaxed)
}

/// Sets the percentage for mode 2.
pub fn set_ratio(percent: u32) {
    RATIO.store(percent, Ordering::Relaxed);
}
