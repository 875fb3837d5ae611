//! Controlling terminals: which session owns which terminal.
//!
//! The processes of a session share its controlling terminal, so it is kept per session. A terminal
//! names its session in its own state; this table is the other direction, for `/dev/tty` and
//! `/proc`. Both change together under the terminal's lock, the table's being inside it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Errno, Signal};
use machine::sync::SpinLock;

use super::{Device, Tty, job};
use crate::error::Result;
use crate::fs::Caller;
use crate::locks;

/// Session numbers and their terminals, sorted.
static SESSIONS: SpinLock<Vec<(u32, Arc<Tty>)>> = SpinLock::new(locks::SESSIONS, Vec::new());

/// The controlling terminal of session `session`.
pub fn controlling_terminal(session: u32) -> Option<Arc<Tty>> {
    let sessions = SESSIONS.lock();
    let index = sessions.binary_search_by_key(&session, |entry| entry.0).ok()?;
    Some(sessions[index].1.clone())
}

/// Forgets the terminal of a session.
pub(super) fn forget(session: u32) {
    let mut sessions = SESSIONS.lock();
    let gone = match sessions.binary_search_by_key(&session, |entry| entry.0) {
        Ok(index) => Some(sessions.remove(index)),
        Err(_) => None,
    };
    drop(sessions);
    drop(gone);
}

/// The leader of `session` is exiting: the session loses its terminal. A serial line is hung up;
/// the foreground jobs on a pty get SIGHUP.
pub fn session_ends(session: u32) {
    let Some(tty) = controlling_terminal(session) else {
        return;
    };
    match tty.device() {
        Device::Serial { .. } => tty.hang_up(),
        Device::Pty { .. } => {
            let foreground = tty.disown(session);
            if let Some(group) = foreground {
                job::signal_group(group, session, Signal::SIGHUP);
                job::signal_group(group, session, Signal::SIGCONT);
            }
        }
    }
}

impl Tty {
    /// Makes it the controlling terminal of the caller's session if open(2) does that here: the
    /// caller leads a session without one, and no other session has it.
    pub(super) fn adopt_at_open(self: &Arc<Self>, caller: &dyn Caller) {
        if caller.is_session_leader() && controlling_terminal(caller.sid()).is_none() {
            let _ = self.own(caller.sid(), caller.pgid(), false);
        }
    }

    /// TIOCSCTTY.
    ///
    /// # Errors
    /// `EPERM` for who leads no session or has a terminal already, when another session has this
    /// one (a privileged caller may steal it), and without the right to read it.
    pub(super) fn set_controlling(
        self: &Arc<Self>,
        caller: &dyn Caller,
        steal: bool,
        readable: bool,
    ) -> Result<()> {
        let session = caller.sid();
        if caller.is_session_leader() && self.owners().0 == Some(session) {
            return Ok(());
        }
        if !caller.is_session_leader() || controlling_terminal(session).is_some() {
            return Err(Errno::EPERM.into());
        }
        let privileged = caller.cred().capable(abi::cap::CAP_SYS_ADMIN);
        if !readable && !privileged {
            return Err(Errno::EPERM.into());
        }
        self.own(session, caller.pgid(), steal && privileged)
    }

    /// TIOCNOTTY: the session gives the terminal up. Its foreground group gets SIGHUP and SIGCONT.
    ///
    /// # Errors
    /// `ENOTTY` when it is not the caller's controlling terminal, `EPERM` for all but the session
    /// leader: a single process cannot leave the terminal to the rest here.
    pub(super) fn give_up(&self, caller: &dyn Caller) -> Result<()> {
        let session = caller.sid();
        if self.owners().0 != Some(session) {
            return Err(Errno::ENOTTY.into());
        }
        if !caller.is_session_leader() {
            return Err(Errno::EPERM.into());
        }
        if let Some(group) = self.disown(session) {
            job::signal_group(group, session, Signal::SIGHUP);
            job::signal_group(group, session, Signal::SIGCONT);
        }
        Ok(())
    }

    fn own(self: &Arc<Self>, session: u32, group: u32, steal: bool) -> Result<()> {
        let mut state = self.state.lock();
        let mut sessions = SESSIONS.lock();
        let mut gone = None;
        if let Some(owner) = state.session {
            if !steal {
                return Err(Errno::EPERM.into());
            }
            if let Ok(index) = sessions.binary_search_by_key(&owner, |entry| entry.0) {
                gone = Some(sessions.remove(index));
            }
        }
        sessions.try_reserve(1)?;
        match sessions.binary_search_by_key(&session, |entry| entry.0) {
            Ok(_) => return Err(Errno::EPERM.into()),
            Err(index) => sessions.insert(index, (session, self.clone())),
        }
        state.session = Some(session);
        state.foreground = Some(group);
        drop(sessions);
        drop(state);
        drop(gone);
        Ok(())
    }

    /// Takes the terminal from `session`; returns the group that was in the foreground.
    fn disown(&self, session: u32) -> Option<u32> {
        let mut state = self.state.lock();
        if state.session != Some(session) {
            return None;
        }
        state.session = None;
        let foreground = state.foreground.take();
        drop(state);
        forget(session);
        foreground
    }

    /// The foreground group as TIOCGPGRP tells `caller`.
    ///
    /// # Errors
    /// `ENOTTY` when it is not the caller's controlling terminal (a pty's master may always ask).
    pub(super) fn foreground_for(&self, caller: &dyn Caller, is_master: bool) -> Result<u32> {
        let (session, foreground) = self.owners();
        if !is_master && session != Some(caller.sid()) {
            return Err(Errno::ENOTTY.into());
        }
        Ok(foreground.unwrap_or(0))
    }

    /// TIOCSPGRP.
    ///
    /// # Errors
    /// `ENOTTY` when it is not the caller's controlling terminal; `EINVAL` for a negative number;
    /// `ESRCH` when there is no such group; `EPERM` when it belongs to another session.
    pub(super) fn set_foreground(&self, caller: &dyn Caller, group: i32) -> Result<()> {
        let session = caller.sid();
        if self.owners().0 != Some(session) {
            return Err(Errno::ENOTTY.into());
        }
        let group = u32::try_from(group).map_err(|_| Errno::EINVAL)?;
        match job::session_of(group) {
            None => return Err(Errno::ESRCH.into()),
            Some(other) if other != session => return Err(Errno::EPERM.into()),
            Some(_) => {}
        }
        let mut state = self.state.lock();
        if state.session != Some(session) {
            return Err(Errno::ENOTTY.into());
        }
        state.foreground = Some(group);
        Ok(())
    }
}
