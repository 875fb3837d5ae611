//! A lock that may be held over a sleep or a user copy.
//!
//! A [`Gate`] guards an activity (one reader of a pipe at a time, one writer of a file), not data:
//! the data is behind spin locks, taken for moments while the gate is held. The uncontended way is
//! one compare-and-swap in, one swap out.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::sched::{Sleep, WaitQueue, Woken};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

/// Lets one through at a time.
pub struct Gate {
    state: AtomicU32,
    queue: WaitQueue,
}

/// Proof of having passed; dropping it lets the next one through.
#[must_use]
pub struct Pass<'a>(&'a Gate);

impl Gate {
    /// An open gate.
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(FREE), queue: WaitQueue::new() }
    }

    /// Passes, after a sleep if somebody is inside.
    ///
    /// # Errors
    /// What ended the sleep.
    #[inline]
    pub fn pass(&self, sleep: Sleep) -> Result<Pass<'_>, Woken> {
        match self.try_pass() {
            Some(pass) => Ok(pass),
            None => self.wait(sleep),
        }
    }

    /// Passes if nobody is inside.
    #[inline]
    pub fn try_pass(&self) -> Option<Pass<'_>> {
        // Not `then_some`: a `Pass` that is made for nothing opens the gate when it is dropped.
        self.state
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            .then(|| Pass(self))
    }

    #[cold]
    fn wait(&self, sleep: Sleep) -> Result<Pass<'_>, Woken> {
        // Whoever had to wait leaves the gate marked as contended: others may wait still, and a
        // needless wake-up is harmless.
        self.queue.wait_until(sleep, None, || {
            (self.state.swap(CONTENDED, Ordering::Acquire) == FREE).then(|| Pass(self))
        })
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Pass<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.0.state.swap(FREE, Ordering::Release) == CONTENDED {
            self.0.queue.wake_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_try_leaves_the_gate_closed() {
        let gate = Gate::new();
        let pass = gate.try_pass().expect("nobody is inside");
        assert!(gate.try_pass().is_none());
        assert!(gate.try_pass().is_none());
        drop(pass);
        assert!(gate.try_pass().is_some());
    }
}
