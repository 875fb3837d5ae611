//! What terminals need of processes. `fs` stands left of `task`, so `task` implements the trait and
//! says so at start.

use abi::{Errno, Signal};
use spin::Once;

use super::Tty;
use crate::error::{Restart, Result};
use crate::fs::Caller;

/// Process groups and sessions, as far as a terminal is concerned.
pub trait ProcessGroups: Sync {
    /// Sends a signal from the kernel to every process of group `group`, if that belongs to
    /// session `session` (its number might have been given out again).
    fn signal_group(&self, group: u32, session: u32, signal: Signal);
    /// Sends a signal from the kernel to the leader of a session.
    fn signal_leader(&self, session: u32, signal: Signal);
    /// The session that group `group` belongs to, if there is such a group.
    fn session_of(&self, group: u32) -> Option<u32>;
}

static GROUPS: Once<&'static dyn ProcessGroups> = Once::new();

/// Tells terminals how to reach processes. Before that, typed signals go nowhere.
pub fn set_process_groups(groups: &'static dyn ProcessGroups) {
    GROUPS.call_once(|| groups);
}

pub(super) fn signal_group(group: u32, session: u32, signal: Signal) {
    if let Some(groups) = GROUPS.get() {
        groups.signal_group(group, session, signal);
    }
}

pub(super) fn session_of(group: u32) -> Option<u32> {
    GROUPS.get().and_then(|groups| groups.session_of(group))
}

/// The leader of a session that lost its terminal gets SIGHUP and SIGCONT.
pub(super) fn hang_up_session(session: u32, foreground: Option<u32>) {
    let Some(groups) = GROUPS.get() else { return };
    groups.signal_leader(session, Signal::SIGHUP);
    groups.signal_leader(session, Signal::SIGCONT);
    if let Some(group) = foreground {
        groups.signal_group(group, session, Signal::SIGHUP);
    }
}

/// Whether `caller` may act on its controlling terminal now; for the background, `signal` (SIGTTIN
/// or SIGTTOU) stops its whole process group.
///
/// # Errors
/// `EIO` for SIGTTIN that the caller blocks or ignores, and when no one could continue the group;
/// `Restart` when the signal was sent.
pub(super) fn check_background(tty: &Tty, caller: &dyn Caller, signal: Signal) -> Result<()> {
    let (session, foreground) = tty.owners();
    let group = caller.pgid();
    if session != Some(caller.sid()) || foreground.is_none_or(|foreground| foreground == group) {
        return Ok(());
    }
    if caller.blocks_or_ignores(signal) {
        return if signal == Signal::SIGTTIN { Err(Errno::EIO.into()) } else { Ok(()) };
    }
    if caller.group_is_orphaned() {
        return Err(Errno::EIO.into());
    }
    caller.signal_group(group, signal);
    Err(Restart::IfSaRestart.into())
}
