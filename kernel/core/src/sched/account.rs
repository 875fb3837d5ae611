//! CPU time: of each task, of each processor, and the load average.
//!
//! A task's total is exact (measured at every switch); how it splits into user and system time is
//! sampled by the tick, as Linux does without virtual CPU accounting, because exact splitting would
//! cost two clock readings in every system call.

use core::sync::atomic::{AtomicU64, Ordering};

/// The time a task has used.
#[derive(Debug, Default)]
pub struct CpuTime {
    /// Exact run time in nanoseconds, up to the last switch or tick.
    pub(super) ran_ns: AtomicU64,
    user_ticks: AtomicU64,
    system_ticks: AtomicU64,
    /// What was reported last, so that neither half ever goes backwards.
    reported_user: AtomicU64,
    reported_system: AtomicU64,
    /// Switches because the task had to wait.
    pub(super) voluntary: AtomicU64,
    /// Switches because others wanted the processor.
    pub(super) involuntary: AtomicU64,
}

/// User and system time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserSystem {
    /// Time in user mode.
    pub user: u64,
    /// Time in the kernel on behalf of the task.
    pub system: u64,
}

impl core::ops::Add for UserSystem {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { user: self.user + other.user, system: self.system + other.system }
    }
}

impl CpuTime {
    /// All the time it ran, in nanoseconds.
    pub fn total(&self) -> u64 {
        self.ran_ns.load(Ordering::Relaxed)
    }

    /// The total, split by where the ticks found the task.
    pub fn split(&self) -> UserSystem {
        let total = self.total();
        let ticks_user = self.user_ticks.load(Ordering::Relaxed);
        let ticks_system = self.system_ticks.load(Ordering::Relaxed);
        let user = if ticks_system == 0 {
            total
        } else if ticks_user == 0 {
            0
        } else {
            let share =
                u128::from(total) * u128::from(ticks_user) / u128::from(ticks_user + ticks_system);
            u64::try_from(share).unwrap_or(total)
        };
        // Once reported, a half may grow only.
        let user = user
            .max(self.reported_user.load(Ordering::Relaxed))
            .min(total.saturating_sub(self.reported_system.load(Ordering::Relaxed)));
        self.reported_user.fetch_max(user, Ordering::Relaxed);
        let system = total - user;
        self.reported_system.fetch_max(system, Ordering::Relaxed);
        UserSystem { user, system }
    }

    /// Voluntary and involuntary context switches.
    pub fn switches(&self) -> (u64, u64) {
        (self.voluntary.load(Ordering::Relaxed), self.involuntary.load(Ordering::Relaxed))
    }

    /// Charges one tick to user mode or to the kernel.
    pub(super) fn charge_tick(&self, user: bool) {
        let ticks = if user { &self.user_ticks } else { &self.system_ticks };
        ticks.fetch_add(1, Ordering::Relaxed);
    }
}

/// The load average over 1, 5 and 15 minutes, in 1/2048 units as Linux computes it.
#[derive(Debug)]
pub struct LoadAverage {
    averages: [AtomicU64; 3],
    next_at: AtomicU64,
}

const FIXED_1: u64 = 2048;
/// 1/exp(5s/1min), 1/exp(5s/5min), 1/exp(5s/15min), times 2048.
const DECAY: [u64; 3] = [1884, 2014, 2037];
const INTERVAL_NS: u64 = 5_000_000_000;

impl LoadAverage {
    pub(super) const fn new() -> Self {
        Self { averages: [const { AtomicU64::new(0) }; 3], next_at: AtomicU64::new(0) }
    }

    /// Whether `update` would do something.
    pub(super) fn is_due(&self, now: u64) -> bool {
        now >= self.next_at.load(Ordering::Relaxed)
    }

    /// Called from ticks and idle exits; folds `active` tasks in for each interval that has passed.
    pub(super) fn update(&self, now: u64, active: u64) {
        let next = self.next_at.load(Ordering::Relaxed);
        if now < next {
            return;
        }
        let following = now + INTERVAL_NS;
        if self
            .next_at
            .compare_exchange(next, following, Ordering::Relaxed, Ordering::Relaxed)
            .is_err()
        {
            return;
        }
        // The machine may have been idle for long; 256 intervals bring any load to zero.
        let missed = if next == 0 { 1 } else { (1 + (now - next) / INTERVAL_NS).min(256) };
        for (average, decay) in self.averages.iter().zip(DECAY) {
            let mut value = average.load(Ordering::Relaxed);
            for _ in 0..missed {
                value = (value * decay + active * FIXED_1 * (FIXED_1 - decay)) / FIXED_1;
            }
            average.store(value, Ordering::Relaxed);
        }
    }

    /// The three averages in hundredths.
    pub fn hundredths(&self) -> [u64; 3] {
        [0, 1, 2].map(|i| self.averages[i].load(Ordering::Relaxed) * 100 / FIXED_1)
    }

    /// The three averages as sysinfo(2) wants them, scaled by 65536.
    pub fn scaled_65536(&self) -> [u64; 3] {
        [0, 1, 2].map(|i| self.averages[i].load(Ordering::Relaxed) << 5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_add_up_and_never_shrink() {
        let time = CpuTime::default();
        time.ran_ns.store(1000, Ordering::Relaxed);
        assert_eq!(time.split(), UserSystem { user: 1000, system: 0 });
        time.charge_tick(false);
        assert_eq!(time.split(), UserSystem { user: 1000, system: 0 });
        time.ran_ns.store(3000, Ordering::Relaxed);
        time.charge_tick(true);
        assert_eq!(time.split(), UserSystem { user: 1500, system: 1500 });
    }

    #[test]
    fn a_constant_load_of_one_approaches_one() {
        let load = LoadAverage::new();
        for step in 1..=200 {
            load.update(step * INTERVAL_NS, 1);
        }
        let [one, five, _] = load.hundredths();
        assert!((98..=100).contains(&one), "{one}");
        assert!(five > 90, "{five}");
    }
}
