//! Resource limits (getrlimit(2)).

use core::sync::atomic::{AtomicU64, Ordering};

use abi::limits::{
    RLIM_INFINITY, RLIM_NLIMITS, RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NICE,
    RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_RTPRIO, RLIMIT_SIGPENDING, RLIMIT_STACK,
};

/// One limit: soft and hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is enforced.
    pub soft: u64,
    /// How far an unprivileged process may raise it.
    pub hard: u64,
}

/// The limits of a process. Every number is an atomic of its own: limits are read in hot paths and
/// hardly ever change, and nobody relies on seeing a pair at once.
#[derive(Debug)]
pub struct Limits([(AtomicU64, AtomicU64); RLIM_NLIMITS]);

impl Limits {
    /// What process 1 starts with, as on Linux.
    pub fn initial() -> Self {
        // Linux lets one user have half as many processes as would fill memory with their kernel
        // parts; a kernel stack and its tables take about 32 KiB here.
        let processes = machine::frame::stats().total * 4096 / (32 << 10) / 2;
        Self(core::array::from_fn(|resource| {
            let (soft, hard) = match u32::try_from(resource).unwrap_or(u32::MAX) {
                RLIMIT_STACK => (8 << 20, RLIM_INFINITY),
                RLIMIT_CORE => (0, RLIM_INFINITY),
                RLIMIT_NPROC | RLIMIT_SIGPENDING => (processes, processes),
                RLIMIT_NOFILE => (1024, 4096),
                RLIMIT_MEMLOCK => (8 << 20, 8 << 20),
                RLIMIT_MSGQUEUE => (819_200, 819_200),
                RLIMIT_NICE | RLIMIT_RTPRIO => (0, 0),
                _ => (RLIM_INFINITY, RLIM_INFINITY),
            };
            (AtomicU64::new(soft), AtomicU64::new(hard))
        }))
    }

    /// A copy, for fork.
    pub fn duplicate(&self) -> Self {
        Self(core::array::from_fn(|resource| {
            let (soft, hard) = &self.0[resource];
            (
                AtomicU64::new(soft.load(Ordering::Relaxed)),
                AtomicU64::new(hard.load(Ordering::Relaxed)),
            )
        }))
    }

    /// The soft limit of `resource`, one of `RLIMIT_*`; none for an unknown one.
    pub fn soft(&self, resource: u32) -> u64 {
        self.0
            .get(resource as usize)
            .map_or(RLIM_INFINITY, |limit| limit.0.load(Ordering::Relaxed))
    }

    /// Both limits of `resource`; `None` for an unknown one.
    pub fn get(&self, resource: u32) -> Option<Limit> {
        let (soft, hard) = self.0.get(resource as usize)?;
        Some(Limit {
            soft: soft.load(Ordering::Relaxed),
            hard: hard.load(Ordering::Relaxed),
        })
    }

    /// Sets both limits of `resource`. The caller has checked them.
    pub fn set(&self, resource: u32, limit: Limit) {
        if let Some((soft, hard)) = self.0.get(resource as usize) {
            soft.store(limit.soft, Ordering::Relaxed);
            hard.store(limit.hard, Ordering::Relaxed);
        }
    }
}
