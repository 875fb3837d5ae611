//! Not more machines at a time than the host has processors: tests wait for
//! events, but their guards against hanging are clocks.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// A counting semaphore for the whole process.
struct Slots {
    free: Mutex<Option<usize>>,
    changed: Condvar,
}

static SLOTS: Slots = Slots { free: Mutex::new(None), changed: Condvar::new() };

/// The right to run one machine, given back on drop.
pub struct Slot(());

/// Waits for a free slot.
pub fn take() -> Slot {
    let mut free = SLOTS.free.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let count = free.get_or_insert_with(count);
        if *count > 0 {
            *count -= 1;
            return Slot(());
        }
        free = SLOTS.changed.wait(free).unwrap_or_else(PoisonError::into_inner);
    }
}

/// How many machines run at a time.
pub fn count() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut free = SLOTS.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free.get_or_insert_with(count) += 1;
        SLOTS.changed.notify_one();
    }
}
