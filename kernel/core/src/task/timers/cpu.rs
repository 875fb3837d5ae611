//! Timers that run while a process runs: ITIMER_VIRTUAL, ITIMER_PROF, timer_create(2) on CPU
//! clocks, and the limit RLIMIT_CPU. They are looked at when a tick finds the process running.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::limits::{RLIM_INFINITY, RLIMIT_CPU};
use abi::time::NSEC_PER_SEC;
use abi::{Errno, Signal};
use machine::sync::SpinLock;

use super::alarm::{Remaining, Schedule};
use super::clocks::{Clock, CpuKind};
use super::posix::PosixTimer;
use crate::locks;
use crate::sched::UserSystem;
use crate::task::CurrentThread;
use crate::task::process::Process;
use crate::task::signal::SigInfo;
use crate::task::usage::Usage;

/// The two interval timers on CPU time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuInterval {
    /// User time; SIGVTALRM.
    Virtual,
    /// User and system time; SIGPROF.
    Prof,
}

/// The CPU timers of a process.
pub struct CpuTimers {
    /// Whether a tick has to look at all.
    armed: AtomicBool,
    /// The second of CPU time at which SIGXCPU is sent next, 0 for as the limit says.
    next_xcpu: AtomicU64,
    state: SpinLock<State>,
}

struct State {
    virtual_timer: Option<Schedule>,
    prof_timer: Option<Schedule>,
    posix: Vec<PosixEntry>,
}

struct PosixEntry {
    timer: Arc<PosixTimer>,
    clock: Clock,
    schedule: Schedule,
}

impl Default for CpuTimers {
    fn default() -> Self {
        Self::new()
    }
}

impl CpuTimers {
    /// None.
    pub const fn new() -> Self {
        let state = State { virtual_timer: None, prof_timer: None, posix: Vec::new() };
        Self {
            armed: AtomicBool::new(false),
            next_xcpu: AtomicU64::new(0),
            state: SpinLock::new(locks::PROCESS_TIMERS, state),
        }
    }

    /// Sets an interval timer to go off after `value` nanoseconds of CPU time (0: never) and every
    /// `interval` after that; returns how it was set.
    pub fn set_interval(
        &self,
        process: &Process,
        which: CpuInterval,
        value: u64,
        interval: u64,
    ) -> Remaining {
        let used = used(process, which);
        let mut state = self.state.lock();
        let slot = state.slot(which);
        let before = remaining(*slot, used);
        *slot = (value != 0).then(|| Schedule { deadline: used.saturating_add(value), interval });
        self.update_armed(&state);
        before
    }

    /// How an interval timer is set.
    pub fn interval(&self, process: &Process, which: CpuInterval) -> Remaining {
        let used = used(process, which);
        remaining(*self.state.lock().slot(which), used)
    }

    /// Sets a POSIX timer on a CPU clock; `None` turns it off. Returns how it was set.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn set_posix(
        &self,
        timer: &Arc<PosixTimer>,
        clock: &Clock,
        schedule: Option<Schedule>,
    ) -> Result<Remaining, Errno> {
        let now = time_of(clock);
        let mut state = self.state.lock();
        let mut before = Remaining::default();
        let found = state.posix.iter().position(|entry| Arc::ptr_eq(&entry.timer, timer));
        let old = found.map(|index| state.posix.swap_remove(index));
        if let Some(old) = &old {
            before = remaining(Some(old.schedule), now);
        }
        if let Some(schedule) = schedule {
            state.posix.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
            state.posix.push(PosixEntry { timer: timer.clone(), clock: clock.clone(), schedule });
        }
        self.update_armed(&state);
        drop(state);
        drop(old);
        Ok(before)
    }

    /// How a POSIX timer on a CPU clock is set.
    pub(super) fn posix(&self, timer: &Arc<PosixTimer>, clock: &Clock) -> Remaining {
        let now = time_of(clock);
        let state = self.state.lock();
        let entry = state.posix.iter().find(|entry| Arc::ptr_eq(&entry.timer, timer));
        remaining(entry.map(|entry| entry.schedule), now)
    }

    /// Turns all of them off.
    pub fn clear(&self) {
        let gone = {
            let mut state = self.state.lock();
            state.virtual_timer = None;
            state.prof_timer = None;
            self.armed.store(false, Ordering::Relaxed);
            core::mem::take(&mut state.posix)
        };
        drop(gone);
    }

    fn update_armed(&self, state: &State) {
        let any =
            state.virtual_timer.is_some() || state.prof_timer.is_some() || !state.posix.is_empty();
        self.armed.store(any, Ordering::Relaxed);
    }

    /// Takes what is due off the list.
    fn take_due(&self, time: UserSystem) -> (Vec<Signal>, Vec<Arc<PosixTimer>>) {
        let mut signals = Vec::new();
        let mut timers = Vec::new();
        // The clocks of POSIX timers ask the process tree, so their times are read beforehand.
        let clocks: Vec<_> = {
            let state = self.state.lock();
            state.posix.iter().map(|entry| (entry.timer.clone(), entry.clock.clone())).collect()
        };
        let times: Vec<_> =
            clocks.into_iter().map(|(timer, clock)| (timer, time_of(&clock))).collect();
        let mut state = self.state.lock();
        let total = time.user + time.system;
        if pass(&mut state.virtual_timer, time.user) {
            signals.push(Signal::SIGVTALRM);
        }
        if pass(&mut state.prof_timer, total) {
            signals.push(Signal::SIGPROF);
        }
        for (timer, now) in times {
            let index = state.posix.iter().position(|entry| Arc::ptr_eq(&entry.timer, &timer));
            let Some(index) = index else { continue };
            let mut schedule = Some(state.posix[index].schedule);
            if pass(&mut schedule, now) {
                timers.push(timer);
                match schedule {
                    Some(next) => state.posix[index].schedule = next,
                    None => drop(state.posix.swap_remove(index)),
                }
            }
        }
        self.update_armed(&state);
        (signals, timers)
    }
}

impl State {
    fn slot(&mut self, which: CpuInterval) -> &mut Option<Schedule> {
        match which {
            CpuInterval::Virtual => &mut self.virtual_timer,
            CpuInterval::Prof => &mut self.prof_timer,
        }
    }
}

/// Whether the timer has gone off at `now`; moves it on to its next time.
fn pass(slot: &mut Option<Schedule>, now: u64) -> bool {
    let Some(schedule) = *slot else { return false };
    let due = schedule.deadline <= now;
    if due {
        *slot = schedule.advanced(now).map(|(next, _)| next);
    }
    due
}

fn remaining(slot: Option<Schedule>, now: u64) -> Remaining {
    slot.map_or_else(Remaining::default, |schedule| Remaining {
        value: schedule.deadline.saturating_sub(now).max(1),
        interval: schedule.interval,
    })
}

fn used(process: &Process, which: CpuInterval) -> u64 {
    let kind = match which {
        CpuInterval::Virtual => CpuKind::User,
        CpuInterval::Prof => CpuKind::Total,
    };
    super::clocks::process_time(process, kind)
}

fn time_of(clock: &Clock) -> u64 {
    u64::try_from(clock.now()).unwrap_or(0)
}

/// Sends what has become due for the calling thread's process.
pub(super) fn check(cx: &CurrentThread) {
    let timers = &cx.process.timers.cpu;
    let limited = cx.process.limits.soft(RLIMIT_CPU) != RLIM_INFINITY;
    if !limited && !timers.armed.load(Ordering::Relaxed) {
        return;
    }
    let time = Usage::of_process(&cx.process).time;
    if timers.armed.load(Ordering::Relaxed) {
        let (signals, expired) = timers.take_due(time);
        for signal in signals {
            super::notify(&cx.process, SigInfo::kernel(signal));
        }
        for timer in expired {
            timer.send(0);
        }
    }
    if limited {
        check_limit(cx, time.user + time.system);
    }
}

/// RLIMIT_CPU: SIGXCPU at the soft limit and every second after it, SIGKILL at the hard one.
fn check_limit(cx: &CurrentThread, used: u64) {
    let Some(limit) = cx.process.limits.get(RLIMIT_CPU) else {
        return;
    };
    let seconds = used / NSEC_PER_SEC;
    if limit.hard != RLIM_INFINITY && seconds >= limit.hard {
        return super::notify(&cx.process, SigInfo::kernel(Signal::SIGKILL));
    }
    let next = &cx.process.timers.cpu.next_xcpu;
    let due = limit.soft.max(next.load(Ordering::Relaxed));
    if seconds >= due {
        next.store(seconds + 1, Ordering::Relaxed);
        super::notify(&cx.process, SigInfo::kernel(Signal::SIGXCPU));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_passes_once_for_each_time() {
        let mut slot = Some(Schedule { deadline: 10, interval: 5 });
        assert!(!pass(&mut slot, 9));
        assert!(pass(&mut slot, 10));
        assert_eq!(slot, Some(Schedule { deadline: 15, interval: 5 }));
        assert!(pass(&mut slot, 31));
        assert_eq!(slot, Some(Schedule { deadline: 35, interval: 5 }));
        let mut single = Some(Schedule { deadline: 10, interval: 0 });
        assert!(pass(&mut single, 10));
        assert_eq!(single, None);
        assert!(!pass(&mut single, 20));
    }
}
