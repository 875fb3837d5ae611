//! Sleeping for a while or until a time: nanosleep(2), clock_nanosleep(2).

use alloc::boxed::Box;
use core::any::Any;

use abi::{Errno, Timespec};
use machine::addr::UserAddr;

use super::clocks::{self, CHANGED, Clock};
use crate::clock;
use crate::error::{Error, Restart, RestartBlock, Result};
use crate::mm::user;
use crate::sched::{self, Sleep, Woken};
use crate::task::CurrentThread;

/// What restart_syscall(2) needs to go on sleeping.
#[derive(Debug)]
pub struct SleepRestart {
    /// On the monotonic clock.
    deadline: u64,
    /// Where the time left is stored when a handler ends the sleep; 0 for nowhere.
    remainder: UserAddr,
}

impl RestartBlock for SleepRestart {
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl SleepRestart {
    /// Sleeps on.
    ///
    /// # Errors
    /// As [`relative`].
    pub fn run(self, cx: &CurrentThread) -> Result<usize> {
        until(cx, self.deadline, self.remainder)
    }
}

/// Sleeps `ns` nanoseconds. `remainder` says where to store what is left when a handler runs.
///
/// # Errors
/// A [`Restart::Block`] when a signal came; `EFAULT` when the remainder could not be stored.
pub fn relative(cx: &CurrentThread, ns: u64, remainder: UserAddr) -> Result<usize> {
    until(cx, clock::monotonic().saturating_add(ns), remainder)
}

fn until(cx: &CurrentThread, deadline: u64, remainder: UserAddr) -> Result<usize> {
    // A second sleep may follow when the machine was woken a little early.
    match sched::sleep_until(Sleep::Interruptible, Some(deadline)) {
        Woken::TimedOut => Ok(0),
        Woken::Interrupted => {
            let left = deadline.saturating_sub(clock::monotonic());
            if left == 0 {
                return Ok(0);
            }
            if !remainder.is_null() {
                user::write(&cx.space, remainder, &Timespec::from_nanos(left))?;
            }
            let block = SleepRestart { deadline, remainder };
            Err(Error::Restart(Restart::Block(Box::new(block))))
        }
    }
}

/// Sleeps until `clock` shows `ns`, also if the clock is set meanwhile.
///
/// # Errors
/// [`Restart::IfNoHandler`] when a signal came: the same call with the same time goes on.
pub fn absolute(clock: &Clock, ns: u64) -> Result<usize> {
    let realtime = matches!(clock, Clock::Realtime { .. });
    loop {
        let seen = clocks::changes();
        let deadline = clock.to_monotonic(ns);
        let changed = || (realtime && clocks::changes() != seen).then_some(());
        match CHANGED.wait_until(Sleep::Interruptible, Some(deadline), changed) {
            Ok(()) => {}
            Err(Woken::TimedOut) => return Ok(0),
            Err(Woken::Interrupted) => return Err(Restart::IfNoHandler.into()),
        }
    }
}

/// Sleeps until a process has used CPU time up to `ns` (`absolute`) or for `ns` from now.
///
/// # Errors
/// `EINVAL` for a thread's clock (the caller's own stands still while it sleeps, others are not
/// supported by Linux either); a [`Restart`] when a signal came.
pub fn cpu_time(clock: &Clock, ns: u64, absolute: bool) -> Result<usize> {
    if !matches!(clock, Clock::Process(..)) {
        return Err(Errno::EINVAL.into());
    }
    let now = u64::try_from(clock.now()).unwrap_or(0);
    let target = if absolute { ns } else { now.saturating_add(ns) };
    loop {
        let used = u64::try_from(clock.now()).unwrap_or(0);
        let Some(left) = target.checked_sub(used).filter(|&left| left > 0) else {
            return Ok(0);
        };
        // It cannot be there earlier than all processors need together.
        let processors = u64::try_from(machine::cpu::count()).unwrap_or(1).max(1);
        let nap = (left / processors).max(sched::TICK_NS);
        let deadline = clock::monotonic().saturating_add(nap);
        if sched::sleep_until(Sleep::Interruptible, Some(deadline)) == Woken::Interrupted {
            let restart = if absolute { Restart::IfNoHandler } else { Restart::IfSaRestart };
            return Err(restart.into());
        }
    }
}
