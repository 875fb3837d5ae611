//! Who may send what to whom: kill(2) and its relatives, and what the kernel tells parents.

use alloc::sync::Arc;

use abi::siginfo::{CLD_CONTINUED, CLD_STOPPED, SI_TKILL, SI_USER};
use abi::{Errno, SaFlags, Signal};

use super::action::Handler;
use super::info::{ChildChange, SigInfo};
use super::job::Notice;
use super::state::{Sent, Target};
use crate::cred::Cred;
use crate::task::CurrentThread;
use crate::task::process::Process;
use crate::task::thread::Thread;
use crate::task::tree::{self, INIT, Node, Pid, Tid};
use crate::task::usage::Usage;

/// A signal number as a call was given it: 0 only asks whether one could be sent.
#[derive(Clone, Copy, Debug)]
struct Request {
    number: i32,
    info: fn(Signal, &CurrentThread) -> SigInfo,
}

/// kill(2). `pid` is a process, 0 (the caller's group), -1 (everybody), or minus a group.
///
/// # Errors
/// `ESRCH` when there is nobody, `EPERM` when the caller may signal none of them, `EINVAL` for a
/// number that is no signal.
pub fn kill(cx: &CurrentThread, pid: i32, number: i32) -> Result<(), Errno> {
    let request = Request {
        number,
        info: |signal, cx| SigInfo::from_process(signal, SI_USER, cx.pid(), cx.cred().ruid),
    };
    match pid {
        // To oneself there is nobody to look up and nothing to check.
        _ if pid.cast_unsigned() == cx.pid() => to_own_process(cx, request),
        1.. => {
            let target = tree::process(pid.unsigned_abs()).ok_or(Errno::ESRCH)?;
            to_process(cx, &target, request)
        }
        0 => to_group(cx, cx.process.group(), request),
        -1 => to_everybody(cx, request),
        i32::MIN => Err(Errno::ESRCH),
        _ => to_group(cx, pid.unsigned_abs(), request),
    }
}

/// tkill(2) (`group` is `None`) and tgkill(2).
///
/// # Errors
/// `EINVAL` for ids that are not positive and for a number that is no signal; `ESRCH` when there
/// is no such thread in that process; `EPERM`; `EAGAIN` when a real-time signal cannot be queued.
pub fn kill_thread(
    cx: &CurrentThread,
    group: Option<i32>,
    tid: i32,
    number: i32,
) -> Result<(), Errno> {
    let own_group = group.is_none_or(|group| group.cast_unsigned() == cx.pid());
    let own = tid.cast_unsigned() == cx.tid() && own_group;
    let (thread, signal) = match own {
        true => (cx.thread.clone(), signal_of(number)?),
        false => find_thread(cx, group, tid, number, true)?,
    };
    let Some(signal) = signal else { return Ok(()) };
    let info = SigInfo::from_process(signal, SI_TKILL, cx.pid(), cx.cred().ruid);
    deliver_to_thread(&thread, info)
}

/// rt_sigqueueinfo(2): `info` is the caller's, its signal number already `number`.
///
/// # Errors
/// As [`kill`]; `EPERM` also when `info` claims to come from the kernel or from kill(2);
/// `EAGAIN` when the signal cannot be queued.
pub fn queue(cx: &CurrentThread, pid: i32, number: i32, info: QueuedInfo) -> Result<(), Errno> {
    info.check_claim(pid.cast_unsigned() == cx.pid())?;
    let pid = u32::try_from(pid).map_err(|_| Errno::ESRCH)?;
    let target = tree::process(pid).ok_or(Errno::ESRCH)?;
    let signal = checked(cx, &target, number)?;
    let Some(signal) = signal else { return Ok(()) };
    deliver_to_process(&target, info.with_signal(signal))
}

/// pidfd_send_signal(2): `target` itself, whoever has its id by now. Without `info`, as [`kill`].
///
/// # Errors
/// As [`kill`] and [`queue`]; `ESRCH` when the process was waited for.
pub fn to_known(
    cx: &CurrentThread,
    target: &Arc<Process>,
    number: i32,
    info: Option<QueuedInfo>,
) -> Result<(), Errno> {
    if !tree::process(target.pid).is_some_and(|known| Arc::ptr_eq(&known, target)) {
        return Err(Errno::ESRCH);
    }
    if let Some(info) = info {
        info.check_claim(target.pid == cx.pid())?;
    }
    let Some(signal) = checked(cx, target, number)? else { return Ok(()) };
    let plain = || SigInfo::from_process(signal, SI_USER, cx.pid(), cx.cred().ruid);
    deliver_to_process(target, info.map_or_else(plain, |info| info.with_signal(signal)))
}

/// rt_tgsigqueueinfo(2).
///
/// # Errors
/// As [`kill_thread`] and [`queue`].
pub fn queue_thread(
    cx: &CurrentThread,
    group: i32,
    tid: i32,
    number: i32,
    info: QueuedInfo,
) -> Result<(), Errno> {
    if group <= 0 || tid <= 0 {
        return Err(Errno::EINVAL);
    }
    info.check_claim(tid.cast_unsigned() == cx.tid())?;
    let (thread, signal) = find_thread(cx, Some(group), tid, number, false)?;
    let Some(signal) = signal else { return Ok(()) };
    deliver_to_thread(&thread, info.with_signal(signal))
}

/// A `siginfo_t` from a program.
#[derive(Clone, Copy, Debug)]
pub struct QueuedInfo(abi::SigInfo);

impl QueuedInfo {
    /// Takes what rt_sigqueueinfo(2) was given.
    ///
    /// # Errors
    /// `E2BIG` when there are bytes behind a layout that the kernel does not know.
    pub fn new(info: abi::SigInfo) -> Result<Self, Errno> {
        if SigInfo::loses_bytes(&info) { Err(Errno::E2BIG) } else { Ok(Self(info)) }
    }

    /// A program may invent any origin for itself, but to others only one that cannot be mistaken
    /// for the kernel's word or for kill(2).
    fn check_claim(&self, to_itself: bool) -> Result<(), Errno> {
        let forged = self.0.si_code >= 0 || self.0.si_code == SI_TKILL;
        if forged && !to_itself { Err(Errno::EPERM) } else { Ok(()) }
    }

    fn with_signal(self, signal: Signal) -> SigInfo {
        SigInfo::from_abi(signal, &self.0)
    }
}

/// The signal to send, if the caller may; `None` for number 0.
fn checked(cx: &CurrentThread, target: &Process, number: i32) -> Result<Option<Signal>, Errno> {
    let signal = signal_of(number)?;
    if may_signal(cx, target, signal) { Ok(signal) } else { Err(Errno::EPERM) }
}

/// The signal with this number; `None` for 0, which only asks.
fn signal_of(number: i32) -> Result<Option<Signal>, Errno> {
    match number {
        0 => Ok(None),
        _ => {
            let signal = u32::try_from(number).ok().and_then(Signal::new);
            signal.map(Some).ok_or(Errno::EINVAL)
        }
    }
}

fn to_own_process(cx: &CurrentThread, request: Request) -> Result<(), Errno> {
    let Some(signal) = signal_of(request.number)? else { return Ok(()) };
    let info = (request.info)(signal, cx);
    let charge = if info.is_bounded() { FREE } else { cx.thread.signal_charge() };
    result_of(cx.process.signals.send(Target::Process, info, charge))
}

/// The charge for signals that do not count.
const FREE: (u32, u64) = (0, 0);

/// kill(2): the real or effective user id must be the target's real or saved one, unless the
/// caller has CAP_KILL; SIGCONT also passes within a session.
fn may_signal(cx: &CurrentThread, target: &Process, signal: Option<Signal>) -> bool {
    target.pid == cx.pid()
        || cred_of(target).is_none_or(|theirs| may_signal_as(cx, target, &theirs, signal))
}

fn may_signal_as(
    cx: &CurrentThread,
    target: &Process,
    theirs: &Cred,
    signal: Option<Signal>,
) -> bool {
    let mine = cx.cred();
    let same = [mine.euid, mine.ruid].iter().any(|&id| id == theirs.suid || id == theirs.ruid);
    same || mine.capable(abi::cap::CAP_KILL)
        || (signal == Some(Signal::SIGCONT) && target.session() == cx.process.session())
}

fn cred_of(target: &Process) -> Option<Arc<Cred>> {
    tree::read().node(target.pid).and_then(|node| node.leader()).map(|leader| leader.cred())
}

fn to_process(cx: &CurrentThread, target: &Process, request: Request) -> Result<(), Errno> {
    match checked(cx, target, request.number)? {
        Some(signal) => deliver_to_process(target, (request.info)(signal, cx)),
        None => Ok(()),
    }
}

/// Sends to one of many, under the tree's lock: a fork is then either before all of them, and its
/// child is among them, or after all, and finds the signal pending in its parent.
fn to_node(cx: &CurrentThread, node: &Node, request: Request) -> Result<(), Errno> {
    let target = &node.process;
    let signal = signal_of(request.number)?;
    let leader = node.leader();
    let allowed = target.pid == cx.pid()
        || leader.is_none_or(|leader| may_signal_as(cx, target, &leader.cred(), signal));
    if !allowed {
        return Err(Errno::EPERM);
    }
    // A process without a leader is gone.
    let (Some(signal), Some(leader)) = (signal, leader) else { return Ok(()) };
    let info = (request.info)(signal, cx);
    let charge = if info.is_bounded() { FREE } else { leader.signal_charge() };
    result_of(target.signals.send(Target::Process, info, charge))
}

fn to_group(cx: &CurrentThread, group: Pid, request: Request) -> Result<(), Errno> {
    let mut result = Err(Errno::ESRCH);
    for member in tree::read().group(group) {
        // One that could be signalled is enough.
        match to_node(cx, member, request) {
            Ok(()) => result = Ok(()),
            Err(errno) if result.is_err() => result = Err(errno),
            Err(_) => {}
        }
    }
    result
}

fn to_everybody(cx: &CurrentThread, request: Request) -> Result<(), Errno> {
    let tree = tree::read();
    let mut result = Err(Errno::ESRCH);
    for other in tree.processes() {
        let pid = other.process.pid;
        if pid == INIT || pid == cx.pid() {
            continue;
        }
        match to_node(cx, other, request) {
            // Those that may not be signalled do not count against the call.
            Err(Errno::EPERM) => result = result.or(Ok(())),
            sent => result = sent,
        }
    }
    result
}

fn find_thread(
    cx: &CurrentThread,
    group: Option<i32>,
    tid: i32,
    number: i32,
    check_ids: bool,
) -> Result<(Arc<Thread>, Option<Signal>), Errno> {
    if check_ids && (tid <= 0 || group.is_some_and(|group| group <= 0)) {
        return Err(Errno::EINVAL);
    }
    let thread = tree::thread(tid.cast_unsigned()).ok_or(Errno::ESRCH)?;
    if group.is_some_and(|group| group.cast_unsigned() != thread.process.pid) {
        return Err(Errno::ESRCH);
    }
    let signal = checked(cx, &thread.process, number)?;
    Ok((thread, signal))
}

fn deliver_to_process(target: &Process, info: SigInfo) -> Result<(), Errno> {
    if info.is_bounded() {
        return result_of(target.signals.send(Target::Process, info, FREE));
    }
    // Who it counts against is the target's user; a process without a leader is gone.
    let leader = tree::read().node(target.pid).and_then(|node| node.leader().cloned());
    let Some(leader) = leader else { return Ok(()) };
    result_of(target.signals.send(Target::Process, info, leader.signal_charge()))
}

fn deliver_to_thread(thread: &Thread, info: SigInfo) -> Result<(), Errno> {
    let target = Target::Thread(thread.slot);
    result_of(thread.process.signals.send(target, info, thread.signal_charge()))
}

fn result_of(sent: Sent) -> Result<(), Errno> {
    match sent {
        Sent::Pending | Sent::Coalesced | Sent::Dropped => Ok(()),
        Sent::NoRoom => Err(Errno::EAGAIN),
    }
}

/// Sends a signal from the kernel to a process.
pub fn to_process_from_kernel(target: &Process, info: SigInfo) {
    // A signal from the kernel always finds room, or does not matter.
    let _ = deliver_to_process(target, info);
}

/// Sends a signal from the kernel to process `pid`, if there is one.
pub fn from_kernel(pid: Pid, info: SigInfo) {
    if let Some(process) = tree::process(pid) {
        // A signal from the kernel always finds room or does not matter.
        let _ = deliver_to_process(&process, info);
    }
}

/// Sends a signal from the kernel to thread `tid`, if there is one.
pub fn thread_from_kernel(tid: Tid, info: SigInfo) {
    if let Some(thread) = tree::thread(tid) {
        let _ = deliver_to_thread(&thread, info);
    }
}

/// Tells the parent that its child has stopped or continued: SIGCHLD, unless it does not want it
/// (SA_NOCLDSTOP), and a look for who waits.
pub fn notify_parent_of_job(process: &Process, notice: Notice) {
    // Asks the tree itself, so before it is locked here.
    let time = Usage::of_process(process).time;
    let tree = tree::read();
    let Some(node) = tree.node(process.pid) else {
        return;
    };
    let (Some(leader), Some(parent)) = (node.leader(), tree.node(node.parent)) else {
        return;
    };
    let (code, status) = match notice {
        Notice::Stopped(signal) => (CLD_STOPPED, signal),
        Notice::Continued => (CLD_CONTINUED, Signal::SIGCONT),
    };
    let action = parent.process.signals.action(Signal::SIGCHLD);
    let wanted = action.handler != Handler::Ignore && !action.flags.contains(SaFlags::SA_NOCLDSTOP);
    if wanted && let Some(receiver) = parent.leader() {
        let change = ChildChange {
            code,
            pid: process.pid,
            uid: leader.cred().ruid,
            status: status.number().cast_signed(),
            utime: abi::time::nanos_to_ticks(time.user),
            stime: abi::time::nanos_to_ticks(time.system),
        };
        let info = SigInfo::child(Signal::SIGCHLD, change);
        let _ = parent.process.signals.send(Target::Process, info, receiver.signal_charge());
    }
    parent.process.child_events.wake_all();
}
