//! Timers with ids: timer_create(2) and its relatives.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, Ordering};

use abi::siginfo::{SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, SIGEV_THREAD_ID};
use abi::{Errno, SigEvent, Signal};
use machine::sync::SpinLock;

use super::alarm::{Alarm, Remaining, Schedule};
use super::clocks::Clock;
use crate::clock;
use crate::locks;
use crate::sched::timer::Expire;
use crate::task::process::Process;
use crate::task::signal::pending::SignalSource;
use crate::task::signal::{Sent, SigInfo, Target};
use crate::task::thread::Thread;
use crate::task::{CurrentThread, tree};

/// Whom a timer tells.
#[derive(Clone)]
enum Notify {
    Nobody,
    Process(Signal, u64),
    Thread(Weak<Thread>, Signal, u64),
}

/// One timer.
pub struct PosixTimer {
    id: i32,
    clock: Clock,
    notify: Notify,
    process: Weak<Process>,
    alarm: Alarm,
    /// How many times were missed when its last signal was taken.
    overrun: AtomicI32,
}

/// The timers of a process by id, and the id that comes next.
pub struct PosixTimers(SpinLock<Table>);

struct Table {
    next: i32,
    timers: Vec<Arc<PosixTimer>>,
}

impl Default for PosixTimers {
    fn default() -> Self {
        Self::new()
    }
}

impl PosixTimers {
    /// None.
    pub const fn new() -> Self {
        let table = Table { next: 0, timers: Vec::new() };
        Self(SpinLock::new(locks::PROCESS_TIMERS, table))
    }

    /// Makes a timer on `clock` that tells as `event` says (default: SIGALRM with its id), and
    /// returns its id.
    ///
    /// # Errors
    /// `EINVAL` for an event that makes no sense; `EAGAIN` when the process has too many.
    pub fn create(
        &self,
        cx: &CurrentThread,
        clock: Clock,
        event: Option<&SigEvent>,
    ) -> Result<i32, Errno> {
        let mut notify = match event {
            Some(event) => notify_for(event, cx)?,
            None => Notify::Process(Signal::SIGALRM, 0),
        };
        let mut table = self.0.lock();
        let limit = cx.process.limits.soft(abi::limits::RLIMIT_SIGPENDING);
        if table.timers.len() as u64 >= limit || table.timers.try_reserve(1).is_err() {
            return Err(Errno::EAGAIN);
        }
        let id = table.free_id();
        if event.is_none() {
            notify = Notify::Process(Signal::SIGALRM, u64::from(id.cast_unsigned()));
        }
        let timer = Arc::new(PosixTimer {
            id,
            clock,
            notify,
            process: Arc::downgrade(&cx.process),
            alarm: Alarm::new(),
            overrun: AtomicI32::new(0),
        });
        table.timers.push(timer);
        Ok(id)
    }

    /// The timer with this id.
    ///
    /// # Errors
    /// `EINVAL` when there is none.
    pub fn find(&self, id: i32) -> Result<Arc<PosixTimer>, Errno> {
        let table = self.0.lock();
        table.timers.iter().find(|timer| timer.id == id).cloned().ok_or(Errno::EINVAL)
    }

    /// Deletes a timer; its signal is no longer pending.
    ///
    /// # Errors
    /// `EINVAL` when there is none.
    pub fn delete(&self, process: &Arc<Process>, id: i32) -> Result<(), Errno> {
        let timer = {
            let mut table = self.0.lock();
            let index = table.timers.iter().position(|timer| timer.id == id);
            table.timers.swap_remove(index.ok_or(Errno::EINVAL)?)
        };
        timer.disarm(process);
        Ok(())
    }

    /// Deletes all of them.
    pub(super) fn delete_all(&self, process: &Arc<Process>) {
        let timers = core::mem::take(&mut self.0.lock().timers);
        for timer in timers {
            timer.disarm(process);
        }
    }

    /// What /proc/PID/timers shows of each: id, signal, value.
    pub fn ids(&self) -> Vec<i32> {
        self.0.lock().timers.iter().map(|timer| timer.id).collect()
    }
}

impl Table {
    /// Ids go up and come back as late as possible, so that a deleted one is not mistaken.
    fn free_id(&mut self) -> i32 {
        loop {
            let id = self.next;
            self.next = self.next.checked_add(1).unwrap_or(0);
            if self.timers.iter().all(|timer| timer.id != id) {
                return id;
            }
        }
    }
}

fn notify_for(event: &SigEvent, cx: &CurrentThread) -> Result<Notify, Errno> {
    let signal = || {
        let number = u32::try_from(event.sigev_signo).ok();
        number.and_then(Signal::new).ok_or(Errno::EINVAL)
    };
    match event.sigev_notify {
        SIGEV_NONE => Ok(Notify::Nobody),
        SIGEV_SIGNAL | SIGEV_THREAD => Ok(Notify::Process(signal()?, event.sigev_value)),
        SIGEV_THREAD_ID => {
            let tid = u32::try_from(event.sigev_tid).map_err(|_| Errno::EINVAL)?;
            let thread = tree::thread(tid).filter(|thread| thread.process.pid == cx.pid());
            let thread = thread.ok_or(Errno::EINVAL)?;
            Ok(Notify::Thread(Arc::downgrade(&thread), signal()?, event.sigev_value))
        }
        _ => Err(Errno::EINVAL),
    }
}

impl PosixTimer {
    /// Sets it: `value` is a point on its clock (`absolute`) or from now on, 0 turns it off. Returns
    /// how it was set.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn set(
        self: &Arc<Self>,
        process: &Arc<Process>,
        value: u64,
        interval: u64,
        absolute: bool,
    ) -> Result<Remaining, Errno> {
        // A signal of the old setting that was not taken does not belong to the new one.
        let source: Arc<dyn SignalSource> = self.clone();
        process.signals.discard_source(&source);
        self.overrun.store(0, Ordering::Relaxed);
        if self.clock.is_cpu() {
            let now = u64::try_from(self.clock.now()).unwrap_or(0);
            let deadline = if absolute { value } else { now.saturating_add(value) };
            let schedule = (value != 0).then_some(Schedule { deadline, interval });
            return process.timers.cpu.set_posix(self, &self.clock, schedule);
        }
        let deadline = if absolute {
            self.clock.to_monotonic(value)
        } else {
            clock::monotonic().saturating_add(value)
        };
        let schedule = (value != 0).then_some(Schedule { deadline, interval });
        Ok(self.alarm.set(schedule, self))
    }

    /// How it is set.
    pub fn remaining(self: &Arc<Self>, process: &Process) -> Remaining {
        if self.clock.is_cpu() {
            process.timers.cpu.posix(self, &self.clock)
        } else {
            self.alarm.remaining()
        }
    }

    /// How many times were missed when its last signal was taken.
    pub fn overrun(&self) -> i32 {
        self.overrun.load(Ordering::Relaxed)
    }

    fn disarm(self: &Arc<Self>, process: &Arc<Process>) {
        self.alarm.clear();
        if self.clock.is_cpu() {
            // Turning off never needs memory.
            let _ = process.timers.cpu.set_posix(self, &self.clock, None);
        }
        let source: Arc<dyn SignalSource> = self.clone();
        process.signals.discard_source(&source);
    }

    /// Sends its signal. Whether it will be taken one day.
    pub(super) fn send(self: &Arc<Self>, overrun: i32) -> bool {
        let Some(process) = self.process.upgrade() else {
            return false;
        };
        let (target, signal, value) = match &self.notify {
            Notify::Nobody => return false,
            Notify::Process(signal, value) => (Target::Process, *signal, *value),
            Notify::Thread(thread, signal, value) => {
                let Some(thread) = thread.upgrade() else {
                    return false;
                };
                (Target::Thread(thread.slot), *signal, *value)
            }
        };
        let info = SigInfo::timer(signal, self.id, overrun, value);
        process.signals.send_from(target, info, self.clone()) == Sent::Pending
    }
}

impl Expire for PosixTimer {
    fn expire(self: Arc<Self>) {
        if self.alarm.went_off() && !self.send(0) {
            self.alarm.rearm_lazily(&self);
        }
    }
}

impl SignalSource for PosixTimer {
    fn taken(self: Arc<Self>, info: &mut SigInfo) {
        if let Some(missed) = self.alarm.rearm(&self) {
            let missed = i32::try_from(missed).unwrap_or(i32::MAX);
            self.overrun.store(missed, Ordering::Relaxed);
            info.set_overrun(missed);
        }
    }

    fn discarded(self: Arc<Self>) {
        self.alarm.rearm_lazily(&self);
    }
}
