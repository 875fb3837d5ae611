//! Times, clocks and timers: `clock_gettime(2)`, `setitimer(2)`, `timer_create(2)`, `adjtimex(2)`.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Errno;

/// Nanoseconds in a second.
pub const NSEC_PER_SEC: u64 = 1_000_000_000;
/// Nanoseconds in a microsecond.
pub const NSEC_PER_USEC: u64 = 1_000;
/// Clock ticks in a second, as user space counts them (`USER_HZ`).
pub const USER_HZ: u64 = 100;
/// The longest time; what is longer is cut to it.
const NANOS_MAX: u64 = i64::MAX as u64;

/// Nanoseconds as clock ticks, for `times(2)`, `si_utime` and procfs.
pub const fn nanos_to_ticks(nanos: u64) -> u64 {
    nanos / (NSEC_PER_SEC / USER_HZ)
}

/// `struct timespec`.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(C)]
pub struct Timespec {
    /// Seconds.
    pub tv_sec: i64,
    /// Nanoseconds, 0 to 999,999,999.
    pub tv_nsec: i64,
}

impl Timespec {
    /// `utimensat(2)`: `tv_nsec` that means now.
    pub const UTIME_NOW: i64 = 0x3fff_ffff;
    /// `utimensat(2)`: `tv_nsec` that means no change.
    pub const UTIME_OMIT: i64 = 0x3fff_fffe;

    /// A duration, or a time since boot.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { tv_sec: (nanos / NSEC_PER_SEC) as i64, tv_nsec: (nanos % NSEC_PER_SEC) as i64 }
    }

    /// A time since the epoch, which may be before it.
    pub const fn from_wall_nanos(nanos: i64) -> Self {
        Self {
            tv_sec: nanos.div_euclid(NSEC_PER_SEC as i64),
            tv_nsec: nanos.rem_euclid(NSEC_PER_SEC as i64),
        }
    }

    /// A duration or a point of time in nanoseconds, at most `i64::MAX`.
    ///
    /// `EINVAL` if the seconds are negative or the nanoseconds not below a second.
    pub const fn to_nanos(self) -> Result<u64, Errno> {
        if self.tv_sec < 0 || self.tv_nsec < 0 || self.tv_nsec as u64 >= NSEC_PER_SEC {
            return Err(Errno::EINVAL);
        }
        Ok(join(self.tv_sec as u64, self.tv_nsec as u64))
    }

    /// Whether nothing is set, which disarms a timer.
    pub const fn is_zero(self) -> bool {
        self.tv_sec == 0 && self.tv_nsec == 0
    }
}

/// `struct timeval`.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(C)]
pub struct Timeval {
    /// Seconds.
    pub tv_sec: i64,
    /// Microseconds, 0 to 999,999.
    pub tv_usec: i64,
}

impl Timeval {
    /// A duration, or a time since boot.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self {
            tv_sec: (nanos / NSEC_PER_SEC) as i64,
            tv_usec: (nanos % NSEC_PER_SEC / NSEC_PER_USEC) as i64,
        }
    }

    /// A time since the epoch, which may be before it.
    pub const fn from_wall_nanos(nanos: i64) -> Self {
        let time = Timespec::from_wall_nanos(nanos);
        Self { tv_sec: time.tv_sec, tv_usec: time.tv_nsec / NSEC_PER_USEC as i64 }
    }

    /// A duration or a point of time in nanoseconds, at most `i64::MAX`.
    ///
    /// `EINVAL` if the seconds are negative or the microseconds not below a second.
    pub const fn to_nanos(self) -> Result<u64, Errno> {
        if self.tv_sec < 0 || self.tv_usec < 0 || self.tv_usec >= 1_000_000 {
            return Err(Errno::EINVAL);
        }
        Ok(join(self.tv_sec as u64, self.tv_usec as u64 * NSEC_PER_USEC))
    }
}

/// Seconds and nanoseconds together, at most [`NANOS_MAX`].
const fn join(sec: u64, nsec: u64) -> u64 {
    let nanos = sec.saturating_mul(NSEC_PER_SEC).saturating_add(nsec);
    if nanos > NANOS_MAX { NANOS_MAX } else { nanos }
}

/// `struct itimerspec`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Itimerspec {
    /// Time from one expiry to the next; zero for a single one.
    pub it_interval: Timespec,
    /// Time to the first; zero if the timer is not armed.
    pub it_value: Timespec,
}

/// `struct itimerval`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Itimerval {
    /// Time from one expiry to the next; zero for a single one.
    pub it_interval: Timeval,
    /// Time to the first; zero if the timer is not armed.
    pub it_value: Timeval,
}

/// `struct timezone`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Timezone {
    /// Minutes west of Greenwich.
    pub tz_minuteswest: i32,
    /// Kind of summer time.
    pub tz_dsttime: i32,
}

/// `struct tms` of `times(2)`, in clock ticks.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Tms {
    /// The process's user time.
    pub tms_utime: i64,
    /// The process's system time.
    pub tms_stime: i64,
    /// User time of the children that were waited for.
    pub tms_cutime: i64,
    /// Their system time.
    pub tms_cstime: i64,
}

/// `struct utimbuf` of `utime(2)`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Utimbuf {
    /// Access time.
    pub actime: i64,
    /// Modification time.
    pub modtime: i64,
}

/// Time since the epoch; may be set.
pub const CLOCK_REALTIME: i32 = 0;
/// Time since boot, without the time asleep.
pub const CLOCK_MONOTONIC: i32 = 1;
/// Processor time of the process.
pub const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
/// Processor time of the thread.
pub const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
/// `CLOCK_MONOTONIC` without adjustment of its rate.
pub const CLOCK_MONOTONIC_RAW: i32 = 4;
/// `CLOCK_REALTIME` at the last tick.
pub const CLOCK_REALTIME_COARSE: i32 = 5;
/// `CLOCK_MONOTONIC` at the last tick.
pub const CLOCK_MONOTONIC_COARSE: i32 = 6;
/// Time since boot, with the time asleep.
pub const CLOCK_BOOTTIME: i32 = 7;
/// `CLOCK_REALTIME` that wakes the machine.
pub const CLOCK_REALTIME_ALARM: i32 = 8;
/// `CLOCK_BOOTTIME` that wakes the machine.
pub const CLOCK_BOOTTIME_ALARM: i32 = 9;
/// International Atomic Time.
pub const CLOCK_TAI: i32 = 11;

/// `clock_nanosleep(2)`, `timer_settime(2)`: the time is a point on the clock.
pub const TIMER_ABSTIME: u32 = 1;

/// `setitimer(2)`: counts real time, sends `SIGALRM`.
pub const ITIMER_REAL: i32 = 0;
/// `setitimer(2)`: counts user time, sends `SIGVTALRM`.
pub const ITIMER_VIRTUAL: i32 = 1;
/// `setitimer(2)`: counts user and system time, sends `SIGPROF`.
pub const ITIMER_PROF: i32 = 2;

bitflags! {
    /// Flags of `timerfd_create(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct TimerfdFlags: u32 {
        /// Reads give `EAGAIN` rather than sleep.
        const TFD_NONBLOCK = 0o4000;
        /// The descriptor is closed by `execve(2)`.
        const TFD_CLOEXEC = 0o2000000;
    }
}

bitflags! {
    /// Flags of `timerfd_settime(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct TimerfdSetFlags: u32 {
        /// The time is a point on the clock.
        const TFD_TIMER_ABSTIME = 1;
        /// Reads give `ECANCELED` when the clock was set.
        const TFD_TIMER_CANCEL_ON_SET = 2;
    }
}

/// What a dynamic clock id (negative) stands for: `clock_getcpuclockid(3)`, `pthread_getcpuclockid(3)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuClock {
    /// The process or thread; 0 is the caller's own.
    pub id: i32,
    /// Whether `id` is a thread.
    pub is_thread: bool,
    /// 0: user and system time (`CPUCLOCK_PROF`); 1: user time (`CPUCLOCK_VIRT`); 2: `CPUCLOCK_SCHED`.
    pub kind: u32,
}

impl CpuClock {
    /// Takes a clock id apart; `None` if it is not a processor-time clock.
    pub const fn from_clock_id(clock: i32) -> Option<Self> {
        // The kinds 0 to 2 are valid, 3 is a descriptor of a clock device.
        if clock >= 0 || clock & 3 == 3 {
            return None;
        }
        Some(Self { id: !(clock >> 3), is_thread: clock & 4 != 0, kind: (clock & 3) as u32 })
    }
}
