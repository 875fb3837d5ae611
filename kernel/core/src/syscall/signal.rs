//! Signals: sigaction(2), sigprocmask(2), kill(2) and their relatives, signalfd(2).

use abi::sigaction::{SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK};
use abi::{Errno, KernelSigaction, OpenFlags, SigAltStack, SigInfo, SigSet, Signal, Timespec};
use alloc::sync::Arc;
use machine::addr::UserAddr;

use super::poll::PollRestart;
use crate::clock;
use crate::error::{Restart, Result};
use crate::fs::{Caller, OpenFile, anon};
use crate::mm::user;
use crate::sched::{self, Sleep};
use crate::task::futex::wait::FutexRestart;
use crate::task::signal::signalfd::SignalFd;
use crate::task::signal::{Action, deliver, own, send};
use crate::task::timers::sleep::SleepRestart;
use crate::task::{CurrentThread, pidfd};

/// The only size of a signal set that the kernel takes.
const SET_SIZE: usize = size_of::<SigSet>();

/// Gives `file` a descriptor of the caller's.
pub(super) fn install(cx: &CurrentThread, file: Arc<OpenFile>, cloexec: bool) -> Result<usize> {
    let limit = cx.soft_limit(abi::limits::RLIMIT_NOFILE);
    Ok(cx.files.add(file, 0, limit, cloexec)? as usize)
}

/// Reads a signal set whose size the caller also passes.
fn read_set(cx: &CurrentThread, at: UserAddr, size: usize) -> Result<SigSet> {
    if size != SET_SIZE {
        return Err(Errno::EINVAL.into());
    }
    user::read(&cx.space, at)
}

/// `rt_sigaction(2)`.
pub fn rt_sigaction(
    cx: &mut CurrentThread,
    number: i32,
    new: UserAddr,
    old: UserAddr,
    size: usize,
) -> Result<usize> {
    if size != SET_SIZE {
        return Err(Errno::EINVAL.into());
    }
    let action = match new.is_null() {
        true => None,
        false => Some(Action::from_user(&user::read::<KernelSigaction>(&cx.space, new)?)),
    };
    let signal = u32::try_from(number).ok().and_then(Signal::new).ok_or(Errno::EINVAL)?;
    let signals = &cx.process.signals;
    let before = match action {
        None => signals.action(signal),
        Some(_) if SigSet::UNBLOCKABLE.contains(signal) => return Err(Errno::EINVAL.into()),
        Some(action) => signals.set_action(signal, action),
    };
    if !old.is_null() {
        user::write(&cx.space, old, &before.to_user())?;
    }
    Ok(0)
}

/// `rt_sigprocmask(2)`.
pub fn rt_sigprocmask(
    cx: &mut CurrentThread,
    how: i32,
    new: UserAddr,
    old: UserAddr,
    size: usize,
) -> Result<usize> {
    if size != SET_SIZE {
        return Err(Errno::EINVAL.into());
    }
    let (signals, slot) = (&cx.process.signals, cx.thread.slot);
    let before = if new.is_null() {
        signals.blocked(slot)
    } else {
        let set: SigSet = user::read(&cx.space, new)?;
        match how {
            SIG_BLOCK => signals.change_blocked(slot, |blocked| blocked.union(set)),
            SIG_UNBLOCK => signals.change_blocked(slot, |blocked| blocked.difference(set)),
            SIG_SETMASK => signals.set_blocked(slot, set),
            _ => return Err(Errno::EINVAL.into()),
        }
    };
    if !old.is_null() {
        user::write(&cx.space, old, &before)?;
    }
    Ok(0)
}

/// `rt_sigpending(2)`. A smaller set is cut, as on Linux.
pub fn rt_sigpending(cx: &mut CurrentThread, at: UserAddr, size: usize) -> Result<usize> {
    if size > SET_SIZE {
        return Err(Errno::EINVAL.into());
    }
    let sets = cx.process.signals.pending_sets(cx.thread.slot);
    let pending = sets.own.union(sets.shared).intersection(sets.blocked);
    user::copy_out(&cx.space, at, &pending.0.to_ne_bytes()[..size])?;
    Ok(0)
}

/// `rt_sigsuspend(2)`.
pub fn rt_sigsuspend(cx: &mut CurrentThread, mask: UserAddr, size: usize) -> Result<usize> {
    let mask = read_set(cx, mask, size)?;
    own::lend_mask(cx, mask);
    pause(cx)
}

/// `pause(2)`.
pub fn pause(_: &mut CurrentThread) -> Result<usize> {
    // Without a deadline only a signal ends the sleep.
    let _ = sched::sleep_until(Sleep::Interruptible, None);
    Err(Restart::IfNoHandler.into())
}

/// `rt_sigtimedwait(2)`.
pub fn rt_sigtimedwait(
    cx: &mut CurrentThread,
    set: UserAddr,
    info: UserAddr,
    timeout: UserAddr,
    size: usize,
) -> Result<usize> {
    let wanted = read_set(cx, set, size)?;
    let deadline = match timeout.is_null() {
        true => None,
        false => {
            let timeout: Timespec = user::read(&cx.space, timeout)?;
            Some(clock::monotonic().saturating_add(timeout.to_nanos()?))
        }
    };
    let taken = cx.process.signals.wait_for(cx.thread.slot, wanted, deadline)?;
    if !info.is_null() {
        user::write(&cx.space, info, &taken.to_abi())?;
    }
    Ok(taken.signal.number() as usize)
}

/// `sigaltstack(2)`.
pub fn sigaltstack(cx: &mut CurrentThread, new: UserAddr, old: UserAddr) -> Result<usize> {
    let sp = cx.user.regs.rsp;
    let before = cx.own_signals.alt_stack;
    if !new.is_null() {
        let new: SigAltStack = user::read(&cx.space, new)?;
        cx.own_signals.alt_stack = before.replaced_by(&new, sp)?;
    }
    if !old.is_null() {
        user::write(&cx.space, old, &before.describe(sp))?;
    }
    Ok(0)
}

/// `rt_sigreturn(2)`: returns with the `rax` of the frame.
pub fn rt_sigreturn(cx: &mut CurrentThread) -> Result<usize> {
    deliver::sigreturn(cx);
    Ok(cx.user.regs.rax as usize)
}

/// `restart_syscall(2)`: goes on with the call that a stop interrupted.
pub fn restart_syscall(cx: &mut CurrentThread) -> Result<usize> {
    // Nothing to go on with: somebody calls it by hand.
    let Some(block) = cx.own_signals.restart_block.take() else {
        return Err(Errno::EINTR.into());
    };
    let block = match block.into_any().downcast::<SleepRestart>() {
        Ok(sleep) => return sleep.run(cx),
        Err(other) => other,
    };
    let block = match block.downcast::<PollRestart>() {
        Ok(poll) => return poll.resume(cx),
        Err(other) => other,
    };
    match block.downcast::<FutexRestart>() {
        Ok(futex) => futex.run(&cx.space),
        Err(_) => Err(Errno::EINTR.into()),
    }
}

/// `kill(2)`.
pub fn kill(cx: &mut CurrentThread, pid: i32, number: i32) -> Result<usize> {
    send::kill(cx, pid, number)?;
    Ok(0)
}

/// `tkill(2)`.
pub fn tkill(cx: &mut CurrentThread, tid: i32, number: i32) -> Result<usize> {
    send::kill_thread(cx, None, tid, number)?;
    Ok(0)
}

/// `tgkill(2)`.
pub fn tgkill(cx: &mut CurrentThread, group: i32, tid: i32, number: i32) -> Result<usize> {
    send::kill_thread(cx, Some(group), tid, number)?;
    Ok(0)
}

/// `rt_sigqueueinfo(2)`.
pub fn rt_sigqueueinfo(
    cx: &mut CurrentThread,
    pid: i32,
    number: i32,
    info: UserAddr,
) -> Result<usize> {
    let info = send::QueuedInfo::new(user::read::<SigInfo>(&cx.space, info)?)?;
    send::queue(cx, pid, number, info)?;
    Ok(0)
}

/// `rt_tgsigqueueinfo(2)`.
pub fn rt_tgsigqueueinfo(
    cx: &mut CurrentThread,
    group: i32,
    tid: i32,
    number: i32,
    info: UserAddr,
) -> Result<usize> {
    let info = send::QueuedInfo::new(user::read::<SigInfo>(&cx.space, info)?)?;
    send::queue_thread(cx, group, tid, number, info)?;
    Ok(0)
}

/// `pidfd_send_signal(2)`.
pub fn pidfd_send_signal(
    cx: &mut CurrentThread,
    fd: i32,
    number: i32,
    info: UserAddr,
    flags: u32,
) -> Result<usize> {
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let (target, _file) = pidfd::of_descriptor(cx, fd)?;
    let info = match info.is_null() {
        true => None,
        false => {
            let info = user::read::<SigInfo>(&cx.space, info)?;
            if info.si_signo != number {
                return Err(Errno::EINVAL.into());
            }
            Some(send::QueuedInfo::new(info)?)
        }
    };
    send::to_known(cx, &target, number, info)?;
    Ok(0)
}

/// `signalfd(2)`.
pub fn signalfd(cx: &mut CurrentThread, fd: i32, mask: UserAddr, size: usize) -> Result<usize> {
    signalfd4(cx, fd, mask, size, 0)
}

/// `signalfd4(2)`.
pub fn signalfd4(
    cx: &mut CurrentThread,
    fd: i32,
    mask: UserAddr,
    size: usize,
    flags: u32,
) -> Result<usize> {
    const SUPPORTED: OpenFlags = OpenFlags::O_CLOEXEC.union(OpenFlags::O_NONBLOCK);
    let mask = read_set(cx, mask, size)?;
    let flags = OpenFlags::from_bits_retain(flags);
    if !SUPPORTED.contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    if fd == -1 {
        let nonblock = flags & OpenFlags::O_NONBLOCK;
        let file = anon::open("[signalfd]", SignalFd::new(mask), OpenFlags::O_RDWR | nonblock, cx);
        return install(cx, file, flags.contains(OpenFlags::O_CLOEXEC));
    }
    let file = cx.files.get(fd)?;
    file.ops_as::<SignalFd>().ok_or(Errno::EINVAL)?.set_mask(mask);
    cx.process.signals.wake_arrivals();
    Ok(fd as usize)
}
