//! Changing who a thread acts as (credentials(7), capabilities(7)).
//!
//! The rules are pure functions from old credentials to new ones: [`ids`] for the set*id family,
//! [`capabilities`] for capability sets and securebits, [`on_exec`] for programs with set-id bits.
//! [`commit`] puts the result in place, with what follows from it.

pub mod capabilities;
pub mod ids;
pub mod on_exec;
#[cfg(test)]
mod tests;

use abi::cap::CAP_SYS_PTRACE;
use abi::limits::RLIMIT_NPROC;

use super::{CurrentThread, ProcessFlags, Thread};
use crate::cred::Cred;

/// Gives the calling thread new credentials.
///
/// Whoever acts as somebody else from now on is no longer traced or dumped by whom it acted as
/// before, and does not die with its parent (`PR_SET_DUMPABLE`, `PR_SET_PDEATHSIG`).
pub fn commit(cx: &mut CurrentThread, new: Cred) {
    let old = cx.cred();
    let ids = |cred: &Cred| (cred.euid, cred.egid, cred.fsuid, cred.fsgid);
    let gained = new.caps.permitted & !old.caps.permitted != 0;
    if ids(old) != ids(&new) || gained {
        cx.process.set_flags(ProcessFlags::DUMPABLE, false);
        cx.thread.set_parent_death_signal(None);
    }
    cx.set_cred(new);
}

/// Which ids of the caller count when it looks into another thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerIds {
    /// Those for file access, and the effective capabilities: /proc.
    FileSystem,
    /// The real ones, and the permitted capabilities: system calls.
    Real,
}

/// Whether the caller may look into another thread (ptrace(2), "Ptrace access mode checking").
pub fn may_inspect(cx: &CurrentThread, target: &Thread, ids: CallerIds) -> bool {
    if target.process.pid == cx.pid() {
        return true;
    }
    let (caller, other) = (cx.cred(), target.cred());
    if caller.capable(CAP_SYS_PTRACE) {
        return true;
    }
    let (uid, gid, caps) = match ids {
        CallerIds::FileSystem => (caller.fsuid, caller.fsgid, caller.caps.effective),
        CallerIds::Real => (caller.ruid, caller.rgid, caller.caps.permitted),
    };
    [other.euid, other.suid, other.ruid].iter().all(|&other| other == uid)
        && [other.egid, other.sgid, other.rgid].iter().all(|&other| other == gid)
        && target.process.flags().contains(ProcessFlags::DUMPABLE)
        && other.caps.permitted & !caps == 0
}

/// As [`commit`], for calls that change user ids: notes whether the new user has too many threads
/// already, which exec will refuse.
pub fn commit_user(cx: &mut CurrentThread, new: Cred) {
    let changed = new.ruid != cx.cred().ruid;
    commit(cx, new);
    if changed {
        let limit = cx.process.limits.soft(RLIMIT_NPROC);
        cx.over_process_limit = cx.cred().ruid != 0 && cx.thread.user_threads() > limit;
    }
}
