//! Resource limits (getrlimit(2)).

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::Errno;
use abi::cap::CAP_SYS_RESOURCE;

use abi::limits::{
    RLIM_INFINITY, RLIM_NLIMITS, RLIMIT_AS, RLIMIT_CORE, RLIMIT_DATA, RLIMIT_MEMLOCK,
    RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_RTPRIO, RLIMIT_SIGPENDING,
    RLIMIT_STACK,
};

use super::thread::Thread;
use crate::cred::Cred;
use crate::fs::fd_table::NR_OPEN;
use crate::mm::layout::MemoryLimit;

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
        self.0.get(resource as usize).map_or(RLIM_INFINITY, |limit| limit.0.load(Ordering::Relaxed))
    }

    /// Both limits of `resource`; `None` for an unknown one.
    pub fn get(&self, resource: u32) -> Option<Limit> {
        let (soft, hard) = self.0.get(resource as usize)?;
        Some(Limit { soft: soft.load(Ordering::Relaxed), hard: hard.load(Ordering::Relaxed) })
    }

    /// Sets both limits of `resource`. The caller has checked them.
    pub fn set(&self, resource: u32, limit: Limit) {
        if let Some((soft, hard)) = self.0.get(resource as usize) {
            soft.store(limit.soft, Ordering::Relaxed);
            hard.store(limit.hard, Ordering::Relaxed);
        }
    }
}

impl Limit {
    /// Whether the hard limit is not below the soft one, and within what the kernel can do.
    ///
    /// # Errors
    /// `EINVAL`; `EPERM` for more descriptors than a table can have.
    fn check(self, resource: u32) -> Result<(), Errno> {
        if self.soft > self.hard {
            return Err(Errno::EINVAL);
        }
        if resource == RLIMIT_NOFILE && self.hard > NR_OPEN {
            return Err(Errno::EPERM);
        }
        Ok(())
    }
}

/// Reads and, with `new`, changes a limit of the process of `target`: prlimit(2). What it was.
///
/// # Errors
/// `EINVAL` for an unknown resource or a soft limit above the hard one; `EPERM` for raising a hard
/// limit without `CAP_SYS_RESOURCE`.
pub fn exchange(
    caller: &Cred,
    target: &Arc<Thread>,
    resource: u32,
    new: Option<Limit>,
) -> Result<Limit, Errno> {
    let limits = &target.process.limits;
    let old = limits.get(resource).ok_or(Errno::EINVAL)?;
    let Some(new) = new else { return Ok(old) };
    new.check(resource)?;
    if new.hard > old.hard && !caller.capable(CAP_SYS_RESOURCE) {
        return Err(Errno::EPERM);
    }
    limits.set(resource, new);
    let for_memory = match resource {
        RLIMIT_AS => Some(MemoryLimit::AddressSpace),
        RLIMIT_DATA => Some(MemoryLimit::Data),
        RLIMIT_STACK => Some(MemoryLimit::Stack),
        RLIMIT_MEMLOCK => Some(MemoryLimit::Locked),
        _ => None,
    };
    // Faults need these and do not know the process.
    if let (Some(which), Some(space)) = (for_memory, target.files().space) {
        space.limits().set(which, new.soft);
    }
    Ok(old)
}

/// Whether `caller` may look at and change the limits of another process: same user and group in
/// every respect, or `CAP_SYS_RESOURCE`.
pub fn may_exchange(caller: &Cred, target: &Cred) -> bool {
    let users = [target.euid, target.suid, target.ruid];
    let groups = [target.egid, target.sgid, target.rgid];
    (users.iter().all(|&uid| uid == caller.ruid) && groups.iter().all(|&gid| gid == caller.rgid))
        || caller.capable(CAP_SYS_RESOURCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        let limit = |soft, hard| Limit { soft, hard };
        assert_eq!(limit(2, 1).check(RLIMIT_CORE), Err(Errno::EINVAL));
        assert_eq!(limit(1, RLIM_INFINITY).check(RLIMIT_NOFILE), Err(Errno::EPERM));
        assert_eq!(limit(1, NR_OPEN).check(RLIMIT_NOFILE), Ok(()));
        assert_eq!(limit(1, RLIM_INFINITY).check(RLIMIT_CORE), Ok(()));
    }

    #[test]
    fn every_id_must_match() {
        let mut target = Cred::root();
        let mut caller = Cred::root();
        caller.caps.effective = 0;
        assert!(may_exchange(&caller, &target));
        target.sgid = 1;
        assert!(!may_exchange(&caller, &target));
        assert!(may_exchange(&Cred::root(), &target));
    }
}
