//! One timer on the monotonic clock, single or periodic.

use alloc::sync::Arc;

use machine::sync::SpinLock;

use crate::clock;
use crate::locks;
use crate::sched::timer::{self, Expire, TimerHandle};

/// When an alarm goes off, in nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The next time.
    pub deadline: u64,
    /// Between later ones; 0 for a single alarm.
    pub interval: u64,
}

impl Schedule {
    /// The first time after `now` on the same grid, and how many were passed over for it besides
    /// the one that is due. `None` for a single alarm.
    pub fn advanced(self, now: u64) -> Option<(Self, u64)> {
        if self.interval == 0 {
            return None;
        }
        let missed = now.saturating_sub(self.deadline) / self.interval;
        let steps = self.interval.saturating_mul(missed + 1);
        let deadline = self.deadline.saturating_add(steps);
        Some((Self { deadline, ..self }, missed))
    }
}

#[derive(Clone, Copy, Debug, Default)]
enum Phase {
    /// Not set.
    #[default]
    Off,
    /// The timer runs.
    Armed(Schedule, TimerHandle),
    /// It has gone off and waits to be set again.
    Due(Schedule),
}

/// What setitimer(2) and the like report: how long until the next time, and the interval. Zero for
/// a timer that is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Until the next time.
    pub value: u64,
    /// Between later ones.
    pub interval: u64,
}

/// A timer that tells its owner, an [`Expire`], once each time it is set.
#[derive(Debug)]
pub struct Alarm(SpinLock<Phase>);

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}

/// A periodic alarm that nobody takes the signals of is not looked at more often than this.
const LAZY_GAP: u64 = 1_000_000;

impl Alarm {
    /// One that is not set.
    pub const fn new() -> Self {
        Self(SpinLock::new(locks::TIMER, Phase::Off))
    }

    /// Sets it (`None`: turns it off) and returns how it was set.
    pub fn set(&self, schedule: Option<Schedule>, owner: &Arc<impl Expire + 'static>) -> Remaining {
        let mut phase = self.0.lock();
        let before = remaining(*phase);
        if let Phase::Armed(_, handle) = *phase {
            timer::cancel(handle);
        }
        *phase = match schedule {
            None => Phase::Off,
            Some(schedule) => arm(schedule, owner),
        };
        before
    }

    /// Turns it off. An expiry that is under way on another processor finds nothing to do.
    pub fn clear(&self) {
        let mut phase = self.0.lock();
        if let Phase::Armed(_, handle) = core::mem::take(&mut *phase) {
            timer::cancel(handle);
        }
    }

    /// How it is set.
    pub fn remaining(&self) -> Remaining {
        remaining(*self.0.lock())
    }

    /// Called by the owner's `expire`: whether it has really gone off now. It may have been set
    /// anew or turned off while the expiry was on its way.
    pub fn went_off(&self) -> bool {
        let mut phase = self.0.lock();
        let Phase::Armed(schedule, _) = *phase else {
            return false;
        };
        let due = schedule.deadline <= clock::monotonic();
        if due {
            *phase = Phase::Due(schedule);
        }
        due
    }

    /// What has gone off was noticed: sets a periodic alarm for its next time, and returns how many
    /// were missed. `None` when nothing had gone off.
    pub fn rearm(&self, owner: &Arc<impl Expire + 'static>) -> Option<u64> {
        self.rearm_after(clock::monotonic(), owner)
    }

    /// As [`Alarm::rearm`], for a signal that nobody will take (ignored, or pending for another
    /// reason): not before a millisecond from now.
    pub fn rearm_lazily(&self, owner: &Arc<impl Expire + 'static>) {
        self.rearm_after(clock::monotonic().saturating_add(LAZY_GAP), owner);
    }

    fn rearm_after(&self, now: u64, owner: &Arc<impl Expire + 'static>) -> Option<u64> {
        let mut phase = self.0.lock();
        let Phase::Due(schedule) = *phase else {
            return None;
        };
        let (next, missed) = match schedule.advanced(now) {
            Some((schedule, missed)) => (arm(schedule, owner), missed),
            None => (Phase::Off, 0),
        };
        *phase = next;
        Some(missed)
    }
}

fn arm(schedule: Schedule, owner: &Arc<impl Expire + 'static>) -> Phase {
    Phase::Armed(schedule, timer::add(schedule.deadline, owner.clone()))
}

fn remaining(phase: Phase) -> Remaining {
    let now = clock::monotonic();
    let schedule = match phase {
        Phase::Off => return Remaining::default(),
        Phase::Armed(schedule, _) => schedule,
        Phase::Due(schedule) => match schedule.advanced(now) {
            Some((next, _)) => next,
            None => return Remaining::default(),
        },
    };
    // A timer that is about to go off is still set: never report 0 for it.
    let value = schedule.deadline.saturating_sub(now).max(1);
    Remaining { value, interval: schedule.interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_stays_on_the_grid() {
        let schedule = Schedule { deadline: 100, interval: 10 };
        let at = |now| schedule.advanced(now).map(|(next, missed)| (next.deadline, missed));
        assert_eq!(at(100), Some((110, 0)));
        assert_eq!(at(109), Some((110, 0)));
        assert_eq!(at(110), Some((120, 1)));
        assert_eq!(at(135), Some((140, 3)));
        assert_eq!(Schedule { interval: 0, ..schedule }.advanced(500), None);
        let far = Schedule { deadline: u64::MAX - 1, interval: 5 };
        assert_eq!(far.advanced(u64::MAX).map(|(next, _)| next.deadline), Some(u64::MAX));
    }
}
