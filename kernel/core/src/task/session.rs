//! Process groups and sessions (setpgid(2), setsid(2), credentials(7)).

use alloc::sync::Arc;

use abi::{Errno, Signal};

use super::current::CurrentThread;
use super::process::{Process, ProcessFlags};
use super::signal::{SigInfo, Target};
use super::tree::{self, Pid};
use crate::fs::tty::job::ProcessGroups;

/// Moves process `pid` (0: the caller's) into group `group` (0: its own).
///
/// # Errors
/// `EINVAL` for a negative group or a thread that leads nothing; `ESRCH` when it is neither the
/// caller nor a child of it; `EACCES` for a child that has called exec; `EPERM` for a session
/// leader, another session, or a group that does not exist in this one.
pub fn set_group(cx: &CurrentThread, pid: i32, group: i32) -> Result<(), Errno> {
    let caller = cx.pid();
    // A negative group is noticed first, and a group of 0 is the process's own id.
    let wanted = if group == 0 { pid } else { group };
    let wanted = to_pid(wanted).ok_or(Errno::EINVAL)?;
    let pid = if pid == 0 { caller } else { to_pid(pid).ok_or(Errno::ESRCH)? };
    let group = if wanted == 0 { pid } else { wanted };
    let mut tree = tree::write();
    let thread = tree.thread(pid).ok_or(Errno::ESRCH)?;
    if !thread.is_leader() {
        return Err(Errno::EINVAL);
    }
    let own_session = cx.process.session();
    let node = tree.node(pid).ok_or(Errno::ESRCH)?;
    if node.parent == caller {
        if node.session != own_session {
            return Err(Errno::EPERM);
        }
        if node.process.flags().contains(ProcessFlags::HAS_EXECED) {
            return Err(Errno::EACCES);
        }
    } else if pid != caller {
        return Err(Errno::ESRCH);
    }
    if node.session == pid {
        return Err(Errno::EPERM);
    }
    let session = node.session;
    if group != pid && tree.session_of_group(group) != Some(own_session) {
        return Err(Errno::EPERM);
    }
    if tree.node(pid).is_some_and(|node| node.group != group) {
        tree.move_to_group(pid, group, session);
    }
    Ok(())
}

/// Makes the caller the leader of a new session, without a terminal. Returns its id.
///
/// # Errors
/// `EPERM` when the caller leads a process group: its id is taken.
pub fn start(cx: &CurrentThread) -> Result<Pid, Errno> {
    let pid = cx.pid();
    let mut tree = tree::write();
    let leads_session = cx.process.session() == pid;
    if leads_session || tree.session_of_group(pid).is_some() {
        return Err(Errno::EPERM);
    }
    tree.move_to_group(pid, pid, pid);
    Ok(pid)
}

/// The group of process or thread `pid` (0: the caller's).
///
/// # Errors
/// `ESRCH`.
pub fn group_of(cx: &CurrentThread, pid: i32) -> Result<Pid, Errno> {
    Ok(find(cx, pid)?.group())
}

/// The session of process or thread `pid` (0: the caller's).
///
/// # Errors
/// `ESRCH`.
pub fn session_of(cx: &CurrentThread, pid: i32) -> Result<Pid, Errno> {
    Ok(find(cx, pid)?.session())
}

fn find(cx: &CurrentThread, pid: i32) -> Result<Arc<Process>, Errno> {
    if pid == 0 {
        return Ok(cx.process.clone());
    }
    let thread = to_pid(pid).and_then(tree::thread).ok_or(Errno::ESRCH)?;
    Ok(thread.process.clone())
}

/// A register as an id; negative ones are nobody's.
pub fn to_pid(raw: i32) -> Option<Pid> {
    u32::try_from(raw).ok()
}

/// How terminals reach processes.
pub struct Groups;

impl ProcessGroups for Groups {
    fn signal_group(&self, group: u32, session: u32, signal: Signal) {
        let tree = tree::read();
        if tree.session_of_group(group) == Some(session) {
            tree.signal_group(group, SigInfo::kernel(signal));
        }
    }

    fn signal_leader(&self, session: u32, signal: Signal) {
        let tree = tree::read();
        let leader = tree.node(session).filter(|node| node.session == session);
        if let Some(node) = leader
            && let Some(thread) = node.leader()
        {
            let info = SigInfo::kernel(signal);
            node.process.signals.send(Target::Process, info, thread.signal_charge());
        }
    }

    fn session_of(&self, group: u32) -> Option<u32> {
        tree::read().session_of_group(group)
    }
}
