//! Timers as files: timerfd_create(2).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::Errno;
use abi::poll::PollEvents;
use machine::sync::SpinLock;

use super::alarm::{Alarm, Remaining, Schedule};
use super::clocks::{self, CHANGED, Clock};
use crate::clock;
use crate::error::{Restart, Result};
use crate::fs::{FileOps, Io, OpenFile};
use crate::locks;
use crate::mm::user::Sink;
use crate::sched::timer::Expire;
use crate::sched::{PollTable, Sleep, WaitQueue};

/// How a timerfd was set last.
#[derive(Clone, Copy, Debug, Default)]
struct Setting {
    absolute: bool,
    /// TFD_TIMER_CANCEL_ON_SET: the count of clock changes that was seen.
    cancel_on_set: Option<u64>,
}

/// An open timerfd: a handle to the timer, so that the timer can outlive the file while it expires.
pub struct TimerFd(Arc<Timer>);

struct Timer {
    clock_id: i32,
    clock: Clock,
    alarm: Alarm,
    /// 1 when it has gone off and was not read.
    expired: AtomicU64,
    setting: SpinLock<Setting>,
    readers: WaitQueue,
}

/// What timerfd_settime(2) asks for; times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// When first; 0 turns it off.
    pub value: u64,
    /// Between later times; 0 for once.
    pub interval: u64,
    /// `value` is a point on the clock.
    pub absolute: bool,
    /// Reads fail when the wall clock is set.
    pub cancel_on_set: bool,
}

impl TimerFd {
    /// A timer on `clock`, not set.
    pub fn new(clock_id: i32, clock: Clock) -> Arc<Self> {
        Arc::new(Self(Arc::new(Timer {
            clock_id,
            clock,
            alarm: Alarm::new(),
            expired: AtomicU64::new(0),
            setting: SpinLock::new(locks::TIMER_SETTING, Setting::default()),
            readers: WaitQueue::new(),
        })))
    }

    /// Sets it and returns how it was set.
    pub fn set(&self, request: Request) -> Remaining {
        let timer = &self.0;
        let deadline = if request.absolute {
            timer.clock.to_monotonic(request.value)
        } else {
            clock::monotonic().saturating_add(request.value)
        };
        let schedule =
            (request.value != 0).then_some(Schedule { deadline, interval: request.interval });
        let realtime = matches!(timer.clock, Clock::Realtime { .. });
        let cancels = request.cancel_on_set && request.absolute && realtime;
        let mut setting = timer.setting.lock();
        *setting =
            Setting { absolute: request.absolute, cancel_on_set: cancels.then(clocks::changes) };
        timer.expired.store(0, Ordering::SeqCst);
        timer.alarm.set(schedule, timer)
    }

    /// How it is set.
    pub fn remaining(&self) -> Remaining {
        self.0.alarm.remaining()
    }
}

impl Timer {
    /// Takes the number of times it has gone off, if it has.
    fn take(&self, me: &Arc<Self>) -> Option<u64> {
        if self.expired.swap(0, Ordering::SeqCst) == 0 {
            return None;
        }
        Some(1 + self.alarm.rearm(me).unwrap_or(0))
    }

    /// Whether the wall clock was set since the timer was, and it wants to know.
    fn is_cancelled(&self) -> bool {
        let seen = self.setting.lock().cancel_on_set;
        seen.is_some_and(|seen| seen != clocks::changes())
    }

    /// The user is told once of each change.
    fn acknowledge(&self) {
        let mut setting = self.setting.lock();
        if setting.cancel_on_set.is_some() {
            setting.cancel_on_set = Some(clocks::changes());
        }
    }
}

impl Expire for Timer {
    fn expire(self: Arc<Self>) {
        if self.alarm.went_off() {
            self.expired.store(1, Ordering::SeqCst);
            self.readers.wake_all();
        }
    }
}

impl FileOps for TimerFd {
    fn read(&self, _: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        if dst.remaining() < size_of::<u64>() {
            return Err(Errno::EINVAL.into());
        }
        let timer = &self.0;
        let step = || {
            if timer.is_cancelled() {
                timer.acknowledge();
                return Some(Err(Errno::ECANCELED));
            }
            timer.take(timer).map(Ok)
        };
        let count = match step() {
            Some(outcome) => outcome?,
            None if io.nonblock => return Err(Errno::EAGAIN.into()),
            None => {
                let waited = timer.readers.wait_until(Sleep::Interruptible, None, step);
                waited.map_err(|_| Restart::IfSaRestart)??
            }
        };
        dst.write(&count.to_ne_bytes())
    }

    fn poll(&self, _: &OpenFile, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.0.readers);
            table.wait_on(&CHANGED);
        }
        let ready = self.0.expired.load(Ordering::SeqCst) != 0 || self.0.is_cancelled();
        if ready { PollEvents::READABLE } else { PollEvents::empty() }
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn info(&self, _: &OpenFile, out: &mut Vec<u8>) {
        let timer = &self.0;
        let Remaining { value, interval } = timer.alarm.remaining();
        let pair = |ns: u64| (ns / 1_000_000_000, ns % 1_000_000_000);
        let ((value_s, value_ns), (interval_s, interval_ns)) = (pair(value), pair(interval));
        let text = alloc::format!(
            "clockid: {}\nticks: {}\nsettime flags: 0{:o}\nit_value: ({value_s}, {value_ns})\n\
             it_interval: ({interval_s}, {interval_ns})\n",
            timer.clock_id,
            timer.expired.load(Ordering::SeqCst),
            u32::from(timer.setting.lock().absolute),
        );
        out.extend_from_slice(text.as_bytes());
    }

    fn release(&self, _: &OpenFile) {
        self.0.alarm.clear();
    }
}
