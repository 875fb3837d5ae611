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

use abi::limits::RLIMIT_NPROC;

use super::{CurrentThread, ProcessFlags};
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
