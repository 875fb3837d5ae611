//! Who may change how a thread competes for the processors (sched(7), getpriority(2)).

use alloc::sync::Arc;

use abi::Errno;
use abi::cap::CAP_SYS_NICE;
use abi::limits::{RLIMIT_NICE, RLIMIT_RTPRIO};

use super::thread::Thread;
use crate::cred::Cred;
use crate::sched::{Competition, Policy, TaskExt};

/// What the caller may do to a thread.
#[derive(Clone, Copy, Debug)]
struct Rights {
    /// Its effective user is the thread's effective or real one.
    owner: bool,
    /// It has `CAP_SYS_NICE`.
    privileged: bool,
    /// `RLIMIT_NICE` of the thread: 20 minus the best nice value.
    nice: u64,
    /// `RLIMIT_RTPRIO` of the thread.
    rt: u64,
}

impl Rights {
    fn over(caller: &Cred, target: &Thread) -> Self {
        let cred = target.cred();
        let limits = &target.process.limits;
        Self {
            owner: caller.euid == cred.euid || caller.euid == cred.ruid,
            privileged: caller.capable(CAP_SYS_NICE),
            nice: limits.soft(RLIMIT_NICE),
            rt: limits.soft(RLIMIT_RTPRIO),
        }
    }

    /// Whether the limit allows this nice value.
    fn allow_nice(&self, nice: i32) -> bool {
        u64::try_from(20 - nice).is_ok_and(|wanted| wanted <= self.nice)
    }
}

/// setpriority(2) for one thread; the value is cut to its range.
///
/// # Errors
/// `EPERM` for another user's thread, `EACCES` for a better value than the limit allows.
pub fn set_nice(caller: &Cred, target: &Arc<Thread>, nice: i32) -> Result<(), Errno> {
    let rights = Rights::over(caller, target);
    let old = target.task.competition();
    if !rights.owner && !rights.privileged {
        return Err(Errno::EPERM);
    }
    let nice = nice.clamp(crate::sched::NICE_MIN, crate::sched::NICE_MAX);
    if nice < old.nice && !rights.privileged && !rights.allow_nice(nice) {
        return Err(Errno::EACCES);
    }
    target.task.set_competition(Competition { nice, ..old });
    Ok(())
}

/// Changes policy, priority and nice value.
///
/// # Errors
/// `EPERM`.
pub fn set_policy(caller: &Cred, target: &Arc<Thread>, new: Competition) -> Result<(), Errno> {
    let old = target.task.competition();
    let rights = Rights::over(caller, target);
    if !rights.privileged && needs_privilege(&old, &new, rights) {
        return Err(Errno::EPERM);
    }
    target.task.set_competition(new);
    Ok(())
}

/// Changes the processors that a thread may use.
///
/// # Errors
/// `EPERM`; `EINVAL` when none of them exists.
pub fn set_affinity(caller: &Cred, target: &Arc<Thread>, mask: u64) -> Result<(), Errno> {
    let rights = Rights::over(caller, target);
    if !rights.owner && !rights.privileged {
        return Err(Errno::EPERM);
    }
    if mask & crate::sched::online() == 0 {
        return Err(Errno::EINVAL);
    }
    let old = target.task.competition();
    target.task.set_competition(Competition { affinity: mask, ..old });
    Ok(())
}

fn needs_privilege(old: &Competition, new: &Competition, rights: Rights) -> bool {
    let kind = |policy: Policy| core::mem::discriminant(&policy);
    let beyond_limit = match new.policy.rt_priority() {
        None => new.nice < old.nice && !rights.allow_nice(new.nice),
        Some(priority) => {
            let priority = u64::from(priority);
            let before = old.policy.rt_priority().map_or(0, u64::from);
            (kind(new.policy) != kind(old.policy) && rights.rt == 0)
                || (priority > before && priority > rights.rt)
        }
    };
    // Leaving SCHED_IDLE is like becoming nicer from beyond 19.
    let leaves_idle =
        old.policy == Policy::Idle && new.policy != Policy::Idle && !rights.allow_nice(old.nice);
    let drops_reset = old.reset_on_fork && !new.reset_on_fork;
    beyond_limit || leaves_idle || !rights.owner || drops_reset
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Rights = Rights { owner: true, privileged: false, nice: 0, rt: 0 };

    fn with(policy: Policy, nice: i32) -> Competition {
        Competition { policy, nice, ..Competition::default() }
    }

    #[test]
    fn a_user_may_only_become_nicer() {
        let old = with(Policy::Other, 5);
        assert!(!needs_privilege(&old, &with(Policy::Other, 6), PLAIN));
        assert!(!needs_privilege(&old, &with(Policy::Batch, 5), PLAIN));
        assert!(needs_privilege(&old, &with(Policy::Other, 4), PLAIN));
        let limit = Rights { nice: 16, ..PLAIN };
        assert!(!needs_privilege(&old, &with(Policy::Other, 4), limit));
        assert!(needs_privilege(&old, &with(Policy::Other, 3), limit));
    }

    #[test]
    fn real_time_needs_its_limit() {
        let old = with(Policy::Other, 0);
        assert!(needs_privilege(&old, &with(Policy::Fifo(1), 0), PLAIN));
        let limit = Rights { rt: 10, ..PLAIN };
        assert!(!needs_privilege(&old, &with(Policy::Fifo(10), 0), limit));
        assert!(needs_privilege(&old, &with(Policy::RoundRobin(11), 0), limit));
        // A higher priority from before may be kept, and lowered.
        let high = with(Policy::Fifo(50), 0);
        assert!(!needs_privilege(&high, &with(Policy::Fifo(50), 0), PLAIN));
        assert!(!needs_privilege(&high, &with(Policy::Fifo(20), 0), PLAIN));
        assert!(needs_privilege(&high, &with(Policy::RoundRobin(20), 0), PLAIN));
    }

    #[test]
    fn strangers_idlers_and_the_reset_flag_need_privilege() {
        let old = with(Policy::Other, 0);
        assert!(needs_privilege(&old, &old, Rights { owner: false, ..PLAIN }));
        assert!(needs_privilege(&with(Policy::Idle, 0), &old, PLAIN));
        let limit = Rights { nice: 20, ..PLAIN };
        assert!(!needs_privilege(&with(Policy::Idle, 0), &old, limit));
        let reset = Competition { reset_on_fork: true, ..old };
        assert!(needs_privilege(&reset, &old, PLAIN));
        assert!(!needs_privilege(&old, &reset, PLAIN));
    }
}
