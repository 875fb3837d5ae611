//! Processes and threads: fork(2), clone(2), clone3(2), exit(2), ids, groups, sessions.

use abi::{CloneArgs, CloneFlags, Errno, Signal, WaitStatus};
use machine::addr::{PAGE_SIZE, UserAddr};
use zerocopy::IntoBytes;

use crate::error::Result;
use crate::mm::user;
use crate::task::clone::{CloneRequest, clone as make};
use crate::task::{CurrentThread, Ending, exit as end, pidfd, session, tree};

/// An id as a system call returns it.
fn id(id: u32) -> Result<usize> {
    Ok(id as usize)
}

/// `getpid(2)`.
pub fn getpid(cx: &mut CurrentThread) -> Result<usize> {
    id(cx.pid())
}

/// `gettid(2)`.
pub fn gettid(cx: &mut CurrentThread) -> Result<usize> {
    id(cx.tid())
}

/// `getppid(2)`.
pub fn getppid(cx: &mut CurrentThread) -> Result<usize> {
    id(cx.process.parent())
}

/// `getpgrp(2)`.
pub fn getpgrp(cx: &mut CurrentThread) -> Result<usize> {
    id(cx.process.group())
}

/// `getpgid(2)`.
pub fn getpgid(cx: &mut CurrentThread, pid: i32) -> Result<usize> {
    id(session::group_of(cx, pid)?)
}

/// `getsid(2)`.
pub fn getsid(cx: &mut CurrentThread, pid: i32) -> Result<usize> {
    id(session::session_of(cx, pid)?)
}

/// `setpgid(2)`.
pub fn setpgid(cx: &mut CurrentThread, pid: i32, group: i32) -> Result<usize> {
    session::set_group(cx, pid, group)?;
    Ok(0)
}

/// `setsid(2)`.
pub fn setsid(cx: &mut CurrentThread) -> Result<usize> {
    id(session::start(cx)?)
}

/// `fork(2)`.
pub fn fork(cx: &mut CurrentThread) -> Result<usize> {
    id(make(cx, &CloneRequest::fork())?)
}

/// `vfork(2)`.
pub fn vfork(cx: &mut CurrentThread) -> Result<usize> {
    id(make(cx, &CloneRequest::vfork())?)
}

/// `clone(2)`, with the parameter order of x86_64.
pub fn clone(
    cx: &mut CurrentThread,
    flags: u64,
    stack: u64,
    parent_tid: UserAddr,
    child_tid: UserAddr,
    tls: u64,
) -> Result<usize> {
    // The kernel takes the low 32 bits; the lowest byte is the signal.
    let low = flags & 0xffff_ffff;
    let flags = CloneFlags::from_bits_retain(low & !CloneFlags::CSIGNAL);
    if flags.contains(CloneFlags::CLONE_PIDFD) {
        // The pidfd would go where the tid goes.
        if flags.contains(CloneFlags::CLONE_PARENT_SETTID) {
            return Err(Errno::EINVAL.into());
        }
    }
    let request = CloneRequest {
        flags,
        exit_signal: u32::try_from(low & CloneFlags::CSIGNAL).unwrap_or(0),
        stack: (stack != 0).then_some(stack),
        tls,
        parent_tid,
        child_tid,
        pidfd: parent_tid,
        set_tid: None,
    };
    id(make(cx, &request)?)
}

/// `clone3(2)`.
pub fn clone3(cx: &mut CurrentThread, args: UserAddr, size: usize) -> Result<usize> {
    let args = read_args(cx, args, size)?;
    let request = decode_args(cx, &args, size)?;
    id(make(cx, &request)?)
}

/// Reads a structure that may be older (shorter) or newer (longer) than ours.
fn read_args(cx: &CurrentThread, from: UserAddr, size: usize) -> Result<CloneArgs> {
    if size > PAGE_SIZE {
        return Err(Errno::E2BIG.into());
    }
    if size < CloneArgs::SIZE_VER0 {
        return Err(Errno::EINVAL.into());
    }
    let mut args = CloneArgs::default();
    let known = size.min(size_of::<CloneArgs>());
    user::copy_in(&cx.space, &mut args.as_mut_bytes()[..known], from)?;
    // What we do not know must not ask for anything.
    let mut at = known;
    while at < size {
        let mut chunk = [0; 64];
        let len = chunk.len().min(size - at);
        user::copy_in(&cx.space, &mut chunk[..len], from.wrapping_add(at as u64))?;
        if chunk[..len].iter().any(|&byte| byte != 0) {
            return Err(Errno::E2BIG.into());
        }
        at += len;
    }
    Ok(args)
}

fn decode_args(cx: &CurrentThread, args: &CloneArgs, size: usize) -> Result<CloneRequest> {
    const MAX_PID_NS_LEVEL: u64 = 32;
    let bad_set_tid =
        args.set_tid_size > MAX_PID_NS_LEVEL || (args.set_tid == 0) != (args.set_tid_size == 0);
    let signal_known = args.exit_signal == 0
        || u32::try_from(args.exit_signal).is_ok_and(|number| Signal::new(number).is_some());
    let into_cgroup = args.flags & CloneFlags::CLONE_INTO_CGROUP.bits() != 0;
    let bad_cgroup = into_cgroup && (args.cgroup > i32::MAX as u64 || size < CloneArgs::SIZE_VER2);
    if bad_set_tid || !signal_known || bad_cgroup {
        return Err(Errno::EINVAL.into());
    }
    let flags = CloneFlags::from_bits(args.flags).ok_or(Errno::EINVAL)?;
    let has = |flag| flags.contains(flag);
    if has(CloneFlags::CLONE_DETACHED)
        || (has(CloneFlags::CLONE_SIGHAND) && has(CloneFlags::CLONE_CLEAR_SIGHAND))
        || (flags.intersects(CloneFlags::CLONE_THREAD | CloneFlags::CLONE_PARENT)
            && args.exit_signal != 0)
    {
        return Err(Errno::EINVAL.into());
    }
    let stack = decode_stack(args)?;
    if into_cgroup {
        // No descriptor can be one of a cgroup.
        return Err(Errno::EBADF.into());
    }
    Ok(CloneRequest {
        flags,
        exit_signal: u32::try_from(args.exit_signal).unwrap_or(0),
        stack,
        tls: args.tls,
        parent_tid: UserAddr::new(args.parent_tid),
        child_tid: UserAddr::new(args.child_tid),
        pidfd: UserAddr::new(args.pidfd),
        set_tid: read_set_tid(cx, args)?,
    })
}

/// The stack is given by its lowest byte and its size.
fn decode_stack(args: &CloneArgs) -> Result<Option<u64>> {
    match (args.stack, args.stack_size) {
        (0, 0) => Ok(None),
        (0, _) | (_, 0) => Err(Errno::EINVAL.into()),
        (base, size) if UserAddr::new(base).range_ok(size) => Ok(Some(base + size)),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// There is one pid namespace, so one id at most can be asked for.
fn read_set_tid(cx: &CurrentThread, args: &CloneArgs) -> Result<Option<u32>> {
    if args.set_tid_size == 0 {
        return Ok(None);
    }
    let wanted: i32 = user::read(&cx.space, UserAddr::new(args.set_tid))?;
    if args.set_tid_size > 1 {
        return Err(Errno::EINVAL.into());
    }
    // A negative number is out of range like one that is too large.
    Ok(Some(u32::try_from(wanted).unwrap_or(0)))
}

/// `exit(2)`: only the calling thread.
pub fn exit(cx: &mut CurrentThread, code: i32) -> Result<usize> {
    cx.end(Ending::Thread(WaitStatus::exited(code)));
    Ok(0)
}

/// `exit_group(2)`: all threads of the process.
pub fn exit_group(cx: &mut CurrentThread, code: i32) -> Result<usize> {
    end::exit_group(cx, WaitStatus::exited(code));
    Ok(0)
}

/// `set_tid_address(2)`.
pub fn set_tid_address(cx: &mut CurrentThread, address: UserAddr) -> Result<usize> {
    cx.clear_child_tid = address;
    id(cx.tid())
}

/// `unshare(2)`, for what there is to share.
pub fn unshare(cx: &mut CurrentThread, flags: u64) -> Result<usize> {
    let known = CloneFlags::CLONE_THREAD
        | CloneFlags::CLONE_FS
        | CloneFlags::NAMESPACES
        | CloneFlags::CLONE_SIGHAND
        | CloneFlags::CLONE_VM
        | CloneFlags::CLONE_FILES
        | CloneFlags::CLONE_SYSVSEM;
    let flags = CloneFlags::from_bits(flags).filter(|&flags| known.contains(flags));
    let flags = flags.ok_or(Errno::EINVAL)?;
    let group = CloneFlags::CLONE_THREAD | CloneFlags::CLONE_SIGHAND | CloneFlags::CLONE_VM;
    let alone = tree::read().node(cx.pid()).is_some_and(|node| node.live == 1);
    if flags.intersects(group) && !alone {
        return Err(Errno::EINVAL.into());
    }
    if flags.contains(CloneFlags::CLONE_NEWUSER) {
        return Err(Errno::EINVAL.into());
    }
    if flags.intersects(CloneFlags::NAMESPACES) {
        let allowed = cx.cred().capable(abi::cap::CAP_SYS_ADMIN);
        return Err(if allowed { Errno::EINVAL } else { Errno::EPERM }.into());
    }
    if flags.contains(CloneFlags::CLONE_FS) {
        let own = cx.fs.duplicate();
        drop(cx.set_fs(own));
    }
    if flags.contains(CloneFlags::CLONE_FILES) {
        let own = cx.files.duplicate()?;
        drop(cx.set_files(own));
    }
    Ok(0)
}

/// `pidfd_open(2)`.
pub fn pidfd_open(cx: &mut CurrentThread, pid: i32, flags: u32) -> Result<usize> {
    let nonblock = abi::OpenFlags::O_NONBLOCK.bits();
    if flags & !nonblock != 0 || pid <= 0 {
        return Err(Errno::EINVAL.into());
    }
    let pid = pid.unsigned_abs();
    let process = match tree::process(pid) {
        Some(process) => process,
        // A thread that leads no process.
        None if tree::thread(pid).is_some() => return Err(Errno::EINVAL.into()),
        None => return Err(Errno::ESRCH.into()),
    };
    let file = pidfd::open(cx, process, flags != 0);
    let limit = cx.process.limits.soft(abi::limits::RLIMIT_NOFILE);
    Ok(cx.files.add(file, 0, limit, true)?.unsigned_abs() as usize)
}
