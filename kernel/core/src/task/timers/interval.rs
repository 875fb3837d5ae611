//! setitimer(2) and alarm(2).

use alloc::sync::{Arc, Weak};

use abi::Signal;
use machine::sync::Once;

use super::alarm::{Alarm, Remaining, Schedule};
use crate::clock;
use crate::sched::timer::Expire;
use crate::task::process::Process;
use crate::task::signal::pending::SignalSource;
use crate::task::signal::{Sent, SigInfo, Target};

/// ITIMER_REAL: made when it is first set, since most processes never do.
#[derive(Default)]
pub struct RealTimer(Once<Arc<Inner>>);

struct Inner {
    alarm: Alarm,
    process: Weak<Process>,
}

impl RealTimer {
    /// One that is not set.
    pub const fn new() -> Self {
        Self(Once::new())
    }

    /// Sets it to go off in `value` nanoseconds (0: never) and every `interval` after that; returns
    /// how it was set.
    pub fn set(&self, process: &Arc<Process>, value: u64, interval: u64) -> Remaining {
        if value == 0 && self.0.get().is_none() {
            return Remaining::default();
        }
        let inner = self.0.call_once(|| {
            Arc::new(Inner { alarm: Alarm::new(), process: Arc::downgrade(process) })
        });
        let deadline = clock::monotonic().saturating_add(value);
        let schedule = (value != 0).then_some(Schedule { deadline, interval });
        inner.alarm.set(schedule, inner)
    }

    /// How it is set.
    pub fn remaining(&self) -> Remaining {
        self.0.get().map_or_else(Remaining::default, |inner| inner.alarm.remaining())
    }

    /// Turns it off.
    pub fn disarm(&self) {
        if let Some(inner) = self.0.get() {
            inner.alarm.clear();
        }
    }
}

impl Expire for Inner {
    fn expire(self: Arc<Self>) {
        if !self.alarm.went_off() {
            return;
        }
        let Some(process) = self.process.upgrade() else {
            return;
        };
        let info = SigInfo::kernel(Signal::SIGALRM);
        let sent = process.signals.send_from(Target::Process, info, self.clone());
        if sent != Sent::Pending {
            self.alarm.rearm_lazily(&self);
        }
    }
}

impl SignalSource for Inner {
    fn taken(self: Arc<Self>, _: &mut SigInfo) {
        self.alarm.rearm(&self);
    }

    fn discarded(self: Arc<Self>) {
        self.alarm.rearm_lazily(&self);
    }
}
