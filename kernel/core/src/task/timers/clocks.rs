//! What the clock ids of clock_gettime(2) mean.

use core::sync::atomic::{AtomicU64, Ordering};

use abi::Errno;
use abi::time::*;
use alloc::sync::Arc;

use crate::clock;
use crate::sched::{self, WaitQueue};
use crate::task::process::Process;
use crate::task::thread::Thread;
use crate::task::usage::Usage;
use crate::task::{CurrentThread, tree};

/// How often the wall clock was set.
static CHANGES: AtomicU64 = AtomicU64::new(0);
/// Woken when the wall clock is set.
pub(super) static CHANGED: WaitQueue = WaitQueue::new();

/// A clock.
#[derive(Clone)]
pub enum Clock {
    /// The wall clock, and whether only to the tick.
    Realtime {
        /// `_COARSE`.
        coarse: bool,
    },
    /// Time since boot; nothing is suspended here, so CLOCK_BOOTTIME and CLOCK_MONOTONIC_RAW are
    /// the same.
    Monotonic {
        /// `_COARSE`.
        coarse: bool,
    },
    /// CPU time of a process.
    Process(Arc<Process>, CpuKind),
    /// CPU time of a thread.
    Thread(Arc<Thread>, CpuKind),
}

/// Which CPU time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuKind {
    /// In user mode only (`CPUCLOCK_VIRT`).
    User,
    /// In user mode and in the kernel.
    Total,
}

impl Clock {
    /// The clock with this id, for the calling thread.
    ///
    /// # Errors
    /// `EINVAL` for an id that is no clock, or a process or thread that is not there.
    pub fn find(id: i32, cx: &CurrentThread) -> Result<Self, Errno> {
        Ok(match id {
            CLOCK_REALTIME | CLOCK_TAI | CLOCK_REALTIME_ALARM => Self::Realtime { coarse: false },
            CLOCK_REALTIME_COARSE => Self::Realtime { coarse: true },
            CLOCK_MONOTONIC | CLOCK_MONOTONIC_RAW | CLOCK_BOOTTIME | CLOCK_BOOTTIME_ALARM => {
                Self::Monotonic { coarse: false }
            }
            CLOCK_MONOTONIC_COARSE => Self::Monotonic { coarse: true },
            CLOCK_PROCESS_CPUTIME_ID => Self::Process(cx.process.clone(), CpuKind::Total),
            CLOCK_THREAD_CPUTIME_ID => Self::Thread(cx.thread.clone(), CpuKind::Total),
            _ => Self::find_cpu(CpuClock::from_clock_id(id).ok_or(Errno::EINVAL)?, cx)?,
        })
    }

    fn find_cpu(cpu: CpuClock, cx: &CurrentThread) -> Result<Self, Errno> {
        let kind = if cpu.kind == 1 { CpuKind::User } else { CpuKind::Total };
        let id = u32::try_from(cpu.id).map_err(|_| Errno::EINVAL)?;
        if cpu.is_thread {
            let thread = match id {
                0 => cx.thread.clone(),
                _ => tree::thread(id).ok_or(Errno::EINVAL)?,
            };
            // A thread's clock is its process's own business.
            if thread.process.pid != cx.pid() {
                return Err(Errno::EINVAL);
            }
            return Ok(Self::Thread(thread, kind));
        }
        let process = match id {
            0 => cx.process.clone(),
            _ => tree::process(id).ok_or(Errno::EINVAL)?,
        };
        Ok(Self::Process(process, kind))
    }

    /// The time it shows in nanoseconds; negative for a wall clock before 1970.
    pub fn now(&self) -> i64 {
        let tick = |ns: i64| ns - ns.rem_euclid(TICK);
        match self {
            Self::Realtime { coarse: false } => clock::realtime(),
            Self::Realtime { coarse: true } => tick(clock::realtime()),
            Self::Monotonic { coarse: false } => signed(clock::monotonic()),
            Self::Monotonic { coarse: true } => tick(signed(clock::monotonic())),
            Self::Process(process, kind) => signed(process_time(process, *kind)),
            Self::Thread(thread, kind) => signed(thread_time(thread, *kind)),
        }
    }

    /// How finely it counts, in nanoseconds.
    pub fn resolution(&self) -> u64 {
        match self {
            Self::Realtime { coarse: true } | Self::Monotonic { coarse: true } => sched::TICK_NS,
            _ => 1,
        }
    }

    /// Whether it counts CPU time.
    pub fn is_cpu(&self) -> bool {
        matches!(self, Self::Process(..) | Self::Thread(..))
    }

    /// The monotonic time at which this clock, if it is no CPU clock, will show `ns`. A point in
    /// the past is now.
    pub fn to_monotonic(&self, ns: u64) -> u64 {
        match self {
            Self::Realtime { .. } => {
                let since_boot = signed(ns).saturating_sub(clock::realtime_offset());
                u64::try_from(since_boot).unwrap_or(0)
            }
            _ => ns,
        }
    }
}

const TICK: i64 = sched::TICK_NS as i64;

fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

/// The CPU time of a process, its ended threads included, in nanoseconds.
pub(super) fn process_time(process: &Process, kind: CpuKind) -> u64 {
    sched::update_time(&sched::current());
    let time = Usage::of_process(process).time;
    match kind {
        CpuKind::User => time.user,
        CpuKind::Total => time.user + time.system,
    }
}

fn thread_time(thread: &Thread, kind: CpuKind) -> u64 {
    sched::update_time(&sched::current());
    match kind {
        CpuKind::User => thread.task.time.split().user,
        CpuKind::Total => thread.task.time.total(),
    }
}

/// How often the wall clock was set up to now.
pub fn changes() -> u64 {
    CHANGES.load(Ordering::SeqCst)
}

/// Sets the wall clock to `ns` since 1970, and tells those who wait for a time on it.
pub fn set_realtime(ns: i64) {
    clock::set_realtime(ns);
    CHANGES.fetch_add(1, Ordering::SeqCst);
    CHANGED.wake_all();
}
