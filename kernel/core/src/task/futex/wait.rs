//! Sleeping on a futex: `FUTEX_WAIT` and `FUTEX_WAIT_BITSET`.

use alloc::boxed::Box;
use core::any::Any;

use abi::Errno;
use machine::addr::UserAddr;
use machine::user as raw;

use super::key::{Key, Sharing};
use super::table::TABLE;
use crate::error::{Error, Restart, RestartBlock, Result};
use crate::mm::{AddressSpace, user};
use crate::sched::Woken;

/// What to wait for.
#[derive(Clone, Copy, Debug)]
pub struct WaitRequest {
    /// The word.
    pub addr: UserAddr,
    /// Who else may use it.
    pub sharing: Sharing,
    /// Sleep only while it has this value.
    pub expected: u32,
    /// Which wake-ups count; not 0.
    pub bitset: u32,
    /// When to give up, in nanoseconds of the monotonic clock.
    pub deadline: Option<u64>,
}

/// An interrupted wait with a deadline, for restart_syscall(2).
#[derive(Debug)]
pub struct FutexRestart(WaitRequest);

impl RestartBlock for FutexRestart {
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl FutexRestart {
    /// Goes on waiting, with what is left of the time.
    ///
    /// # Errors
    /// As [`wait`].
    pub fn run(self, space: &AddressSpace) -> Result<usize> {
        wait(space, self.0)
    }
}

/// Why the entry was not made.
enum NotQueued {
    /// The page of the word is not there, or not readable.
    Fault,
    /// The word has another value.
    Changed,
}

/// Sleeps until somebody wakes the futex.
///
/// # Errors
/// `EAGAIN` when the word has another value; `ETIMEDOUT`; `EFAULT`; `EINVAL` for an address that is
/// not aligned or a bitset without bits. A signal restarts it, by the rules of `Restart`.
pub fn wait(space: &AddressSpace, request: WaitRequest) -> Result<usize> {
    let WaitRequest { addr, expected, bitset, deadline, .. } = request;
    if bitset == 0 {
        return Err(Errno::EINVAL.into());
    }
    let key = Key::new(space, addr, request.sharing)?;
    let waiter = loop {
        let queued = TABLE.enqueue(&key, bitset, || match raw::load_u32(addr) {
            Ok(value) if value == expected => Ok(()),
            Ok(_) => Err(NotQueued::Changed),
            Err(raw::Fault) => Err(NotQueued::Fault),
        });
        match queued {
            Ok(waiter) => break waiter,
            Err(NotQueued::Changed) => return Err(Errno::EAGAIN.into()),
            // Fetches the page, or says EFAULT.
            Err(NotQueued::Fault) => user::load_u32(space, addr)?,
        };
    };
    let Err(woken) = waiter.sleep(deadline) else {
        return Ok(0);
    };
    if !TABLE.remove(&waiter) {
        // A wake-up came together with the signal or the deadline, and it counts.
        return Ok(0);
    }
    Err(match woken {
        Woken::TimedOut => Errno::ETIMEDOUT.into(),
        Woken::Interrupted => interrupted(request),
    })
}

fn interrupted(request: WaitRequest) -> Error {
    match request.deadline {
        None => Restart::IfSaRestart.into(),
        Some(_) => Restart::Block(Box::new(FutexRestart(request))).into(),
    }
}
