//! Scheduling policies: sched(7), `sched_setscheduler(2)`, `sched_setattr(2)`.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The fair policy (`SCHED_OTHER` in C).
pub const SCHED_NORMAL: u32 = 0;
/// Real time, first in first out.
pub const SCHED_FIFO: u32 = 1;
/// Real time, round robin.
pub const SCHED_RR: u32 = 2;
/// Fair, for batch work.
pub const SCHED_BATCH: u32 = 3;
/// Runs when nothing else wants to.
pub const SCHED_IDLE: u32 = 5;
/// Earliest deadline first.
pub const SCHED_DEADLINE: u32 = 6;
/// Policies loaded as BPF programs.
pub const SCHED_EXT: u32 = 7;
/// Or'ed into the policy: children start with the default policy.
pub const SCHED_RESET_ON_FORK: u32 = 0x4000_0000;

/// Lowest priority of `SCHED_FIFO` and `SCHED_RR`; the others have 0 alone.
pub const RT_PRIORITY_MIN: i32 = 1;
/// Their highest priority.
pub const RT_PRIORITY_MAX: i32 = 99;

bitflags! {
    /// Flags of [`SchedAttr`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SchedFlags: u64 {
        /// Children start with the default policy.
        const SCHED_FLAG_RESET_ON_FORK = 0x01;
        /// Deadline threads may use the time others leave.
        const SCHED_FLAG_RECLAIM = 0x02;
        /// `SIGXCPU` when a deadline thread overruns.
        const SCHED_FLAG_DL_OVERRUN = 0x04;
        /// Leave the policy as it is.
        const SCHED_FLAG_KEEP_POLICY = 0x08;
        /// Leave the parameters as they are.
        const SCHED_FLAG_KEEP_PARAMS = 0x10;
        /// `sched_util_min` is valid.
        const SCHED_FLAG_UTIL_CLAMP_MIN = 0x20;
        /// `sched_util_max` is valid.
        const SCHED_FLAG_UTIL_CLAMP_MAX = 0x40;
    }
}

/// Argument of `sched_setparam(2)`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SchedParam {
    /// 1 to 99 for `SCHED_FIFO` and `SCHED_RR`, else 0.
    pub sched_priority: i32,
}

/// Argument of `sched_setattr(2)` and `sched_getattr(2)`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SchedAttr {
    /// Size of the structure that the caller knows.
    pub size: u32,
    /// `SCHED_*`.
    pub sched_policy: u32,
    /// [`SchedFlags`].
    pub sched_flags: u64,
    /// For the fair policies.
    pub sched_nice: i32,
    /// For the real-time policies.
    pub sched_priority: u32,
    /// Nanoseconds; the slice of a fair policy, or for `SCHED_DEADLINE`.
    pub sched_runtime: u64,
    /// Nanoseconds; for `SCHED_DEADLINE`.
    pub sched_deadline: u64,
    /// Nanoseconds; for `SCHED_DEADLINE`.
    pub sched_period: u64,
    /// Utilisation clamp, 0 to 1024.
    pub sched_util_min: u32,
    /// Utilisation clamp, 0 to 1024.
    pub sched_util_max: u32,
}

impl SchedAttr {
    /// Size of the first version.
    pub const SIZE_VER0: usize = 48;
    /// Size with the utilisation clamps.
    pub const SIZE_VER1: usize = 56;
}
