//! Who runs when and where: priorities, policies, processors.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::Errno;
use abi::process::{PRIO_PGRP, PRIO_PROCESS, PRIO_USER};
use abi::sched::{
    RT_PRIORITY_MAX, RT_PRIORITY_MIN, SCHED_BATCH, SCHED_DEADLINE, SCHED_EXT, SCHED_FIFO,
    SCHED_IDLE, SCHED_NORMAL, SCHED_RESET_ON_FORK, SCHED_RR, SchedAttr, SchedFlags, SchedParam,
};
use abi::time::Timespec;
use machine::addr::{PAGE_SIZE, UserAddr};
use zerocopy::IntoBytes;

use crate::error::Result;
use crate::mm::user;
use crate::sched::{self, Competition, NICE_MAX, NICE_MIN, Policy};
use crate::task::{CurrentThread, ProcessFlags, Thread, priority, session, tree};

/// The thread with this id; 0 is the caller.
fn thread(cx: &CurrentThread, pid: i32) -> Result<Arc<Thread>, Errno> {
    match session::to_pid(pid).ok_or(Errno::ESRCH)? {
        0 => Ok(cx.thread.clone()),
        tid => tree::thread(tid).ok_or(Errno::ESRCH),
    }
}

/// As [`thread`], for calls that find negative ids invalid instead of missing.
fn valid_thread(cx: &CurrentThread, pid: i32) -> Result<Arc<Thread>, Errno> {
    if pid < 0 { Err(Errno::EINVAL) } else { thread(cx, pid) }
}

/// `sched_yield(2)`.
pub fn sched_yield(_cx: &mut CurrentThread) -> Result<usize> {
    sched::yield_now();
    Ok(0)
}

/// The threads that getpriority(2) and setpriority(2) mean.
fn selected(cx: &CurrentThread, which: i32, who: i32) -> Result<Vec<Arc<Thread>>, Errno> {
    let of_process = |node: &tree::Node| node.threads.clone();
    let found: Vec<_> = match which {
        PRIO_PROCESS => thread(cx, who).into_iter().collect(),
        PRIO_PGRP => {
            let group = match session::to_pid(who) {
                Some(0) => cx.process.group(),
                group => group.ok_or(Errno::ESRCH)?,
            };
            tree::read().group(group).flat_map(of_process).collect()
        }
        PRIO_USER => {
            let user = if who == 0 { cx.cred().ruid } else { who.cast_unsigned() };
            let all: Vec<_> = tree::read().processes().flat_map(of_process).collect();
            all.into_iter().filter(|thread| thread.cred().ruid == user).collect()
        }
        _ => return Err(Errno::EINVAL),
    };
    if found.is_empty() { Err(Errno::ESRCH) } else { Ok(found) }
}

/// `getpriority(2)`: the best value among them, as 20 minus itself, so that it is not negative.
pub fn getpriority(cx: &mut CurrentThread, which: i32, who: i32) -> Result<usize> {
    let threads = selected(cx, which, who)?;
    let best = threads.iter().map(|thread| 20 - thread.task.nice()).max().unwrap_or(1);
    Ok(usize::try_from(best).unwrap_or(1))
}

/// `setpriority(2)`. Those that may not be changed do not keep it from changing the others.
pub fn setpriority(cx: &mut CurrentThread, which: i32, who: i32, nice: i32) -> Result<usize> {
    let nice = nice.clamp(NICE_MIN, NICE_MAX);
    let mut result = Ok(0);
    for thread in selected(cx, which, who)? {
        if let Err(errno) = priority::set_nice(cx.cred(), &thread, nice) {
            result = Err(errno.into());
        }
    }
    result
}

fn policy_number(policy: Policy) -> u32 {
    match policy {
        Policy::Other => SCHED_NORMAL,
        Policy::Batch => SCHED_BATCH,
        Policy::Idle => SCHED_IDLE,
        Policy::Fifo(_) => SCHED_FIFO,
        Policy::RoundRobin(_) => SCHED_RR,
    }
}

/// Makes a policy of its number and the priority that goes with it.
///
/// # Errors
/// `EINVAL`; also for `SCHED_DEADLINE`, which does not exist here.
fn policy(number: u32, priority: u32) -> Result<Policy, Errno> {
    let real_time = u8::try_from(priority)
        .ok()
        .filter(|&priority| (1..=sched::RT_PRIORITY_MAX).contains(&priority))
        .ok_or(Errno::EINVAL);
    let fair = if priority == 0 { Ok(()) } else { Err(Errno::EINVAL) };
    match number {
        SCHED_NORMAL => fair.map(|()| Policy::Other),
        SCHED_BATCH => fair.map(|()| Policy::Batch),
        SCHED_IDLE => fair.map(|()| Policy::Idle),
        SCHED_FIFO => real_time.map(Policy::Fifo),
        SCHED_RR => real_time.map(Policy::RoundRobin),
        _ => Err(Errno::EINVAL),
    }
}

/// `sched_setscheduler(2)`.
pub fn sched_setscheduler(
    cx: &mut CurrentThread,
    pid: i32,
    number: i32,
    param: UserAddr,
) -> Result<usize> {
    let number = u32::try_from(number).map_err(|_| Errno::EINVAL)?;
    set_scheduler(cx, pid, Some(number), param)
}

/// `sched_setparam(2)`.
pub fn sched_setparam(cx: &mut CurrentThread, pid: i32, param: UserAddr) -> Result<usize> {
    set_scheduler(cx, pid, None, param)
}

fn set_scheduler(
    cx: &CurrentThread,
    pid: i32,
    number: Option<u32>,
    param: UserAddr,
) -> Result<usize> {
    if param.is_null() || pid < 0 {
        return Err(Errno::EINVAL.into());
    }
    let param: SchedParam = user::read(&cx.space, param)?;
    let target = thread(cx, pid)?;
    let old = target.task.competition();
    let (number, reset_on_fork) = match number {
        Some(number) => (number & !SCHED_RESET_ON_FORK, number & SCHED_RESET_ON_FORK != 0),
        None => (policy_number(old.policy), old.reset_on_fork),
    };
    let policy = policy(number, param.sched_priority.cast_unsigned())?;
    priority::set_policy(cx.cred(), &target, Competition { policy, reset_on_fork, ..old })?;
    Ok(0)
}

/// `sched_getscheduler(2)`.
pub fn sched_getscheduler(cx: &mut CurrentThread, pid: i32) -> Result<usize> {
    let competition = valid_thread(cx, pid)?.task.competition();
    let flag = if competition.reset_on_fork { SCHED_RESET_ON_FORK } else { 0 };
    Ok((policy_number(competition.policy) | flag) as usize)
}

/// `sched_getparam(2)`.
pub fn sched_getparam(cx: &mut CurrentThread, pid: i32, param: UserAddr) -> Result<usize> {
    if param.is_null() {
        return Err(Errno::EINVAL.into());
    }
    let policy = valid_thread(cx, pid)?.task.policy();
    let sched_priority = policy.rt_priority().map_or(0, i32::from);
    user::write(&cx.space, param, &SchedParam { sched_priority })?;
    Ok(0)
}

/// The priorities that a policy has.
fn priorities(number: i32) -> Result<(i32, i32), Errno> {
    match u32::try_from(number).map_err(|_| Errno::EINVAL)? {
        SCHED_FIFO | SCHED_RR => Ok((RT_PRIORITY_MIN, RT_PRIORITY_MAX)),
        SCHED_NORMAL | SCHED_BATCH | SCHED_IDLE | SCHED_DEADLINE | SCHED_EXT => Ok((0, 0)),
        _ => Err(Errno::EINVAL),
    }
}

/// `sched_get_priority_max(2)`.
pub fn sched_get_priority_max(_cx: &mut CurrentThread, number: i32) -> Result<usize> {
    Ok(usize::try_from(priorities(number)?.1).unwrap_or(0))
}

/// `sched_get_priority_min(2)`.
pub fn sched_get_priority_min(_cx: &mut CurrentThread, number: i32) -> Result<usize> {
    Ok(usize::try_from(priorities(number)?.0).unwrap_or(0))
}

/// `sched_rr_get_interval(2)`.
pub fn sched_rr_get_interval(cx: &mut CurrentThread, pid: i32, at: UserAddr) -> Result<usize> {
    let slice = match valid_thread(cx, pid)?.task.policy() {
        Policy::RoundRobin(_) => sched::RR_SLICE_NS,
        Policy::Fifo(_) => 0,
        Policy::Other | Policy::Batch | Policy::Idle => sched::TICK_NS,
    };
    user::write(&cx.space, at, &Timespec::from_nanos(slice))?;
    Ok(0)
}

/// Bytes of a processor mask.
const MASK_SIZE: usize = size_of::<u64>();

/// `sched_setaffinity(2)`.
pub fn sched_setaffinity(
    cx: &mut CurrentThread,
    pid: i32,
    len: u32,
    mask: UserAddr,
) -> Result<usize> {
    let mut bytes = [0; MASK_SIZE];
    let len = MASK_SIZE.min(len as usize);
    user::copy_in(&cx.space, &mut bytes[..len], mask)?;
    let target = thread(cx, pid)?;
    priority::set_affinity(cx.cred(), &target, u64::from_le_bytes(bytes))?;
    Ok(0)
}

/// `sched_getaffinity(2)`: returns the size of the mask.
pub fn sched_getaffinity(
    cx: &mut CurrentThread,
    pid: i32,
    len: u32,
    mask: UserAddr,
) -> Result<usize> {
    let len = len as usize;
    if len * 8 < machine::cpu::count() || !len.is_multiple_of(MASK_SIZE) {
        return Err(Errno::EINVAL.into());
    }
    let usable = thread(cx, pid)?.task.affinity() & sched::online();
    user::write(&cx.space, mask, &usable)?;
    Ok(MASK_SIZE)
}

/// Reads the argument of sched_setattr(2), whatever version of it the caller knows.
fn read_attr(cx: &CurrentThread, at: UserAddr) -> Result<SchedAttr> {
    let known = size_of::<SchedAttr>();
    let size = match user::read::<u32>(&cx.space, at)? {
        0 => SchedAttr::SIZE_VER0,
        size => size as usize,
    };
    let too_big = || -> Result<SchedAttr> {
        user::write(&cx.space, at, &(known as u32))?;
        Err(Errno::E2BIG.into())
    };
    if !(SchedAttr::SIZE_VER0..=PAGE_SIZE).contains(&size) {
        return too_big();
    }
    let mut attr = SchedAttr::default();
    user::copy_in(&cx.space, &mut attr.as_mut_bytes()[..size.min(known)], at)?;
    if size > known {
        let rest = user::read_array::<u8>(&cx.space, at.wrapping_add(known as u64), size - known)?;
        if rest.iter().any(|&byte| byte != 0) {
            return too_big();
        }
    }
    let clamps = SchedFlags::SCHED_FLAG_UTIL_CLAMP_MIN | SchedFlags::SCHED_FLAG_UTIL_CLAMP_MAX;
    let asked = SchedFlags::from_bits_retain(attr.sched_flags);
    if asked.intersects(clamps) && size < SchedAttr::SIZE_VER1 {
        return Err(Errno::EINVAL.into());
    }
    Ok(attr)
}

/// `sched_setattr(2)`. No deadline policy and no utilisation clamps, as on a Linux without them.
pub fn sched_setattr(cx: &mut CurrentThread, pid: i32, at: UserAddr, flags: u32) -> Result<usize> {
    if at.is_null() || pid < 0 || flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let attr = read_attr(cx, at)?;
    if attr.sched_policy.cast_signed() < 0 {
        return Err(Errno::EINVAL.into());
    }
    let target = thread(cx, pid)?;
    let old = target.task.competition();
    let asked = SchedFlags::from_bits(attr.sched_flags).ok_or(Errno::EINVAL)?;
    let keeps_policy = asked.contains(SchedFlags::SCHED_FLAG_KEEP_POLICY);
    let keeps_params = asked.contains(SchedFlags::SCHED_FLAG_KEEP_PARAMS);
    let number = if keeps_policy { policy_number(old.policy) } else { attr.sched_policy };
    let (nice, priority) = match keeps_params {
        true => (old.nice, old.policy.rt_priority().map_or(0, u32::from)),
        false => (attr.sched_nice.clamp(NICE_MIN, NICE_MAX), attr.sched_priority),
    };
    // With this flag Linux checks the policy, but leaves the old one.
    let checked = policy(number, priority)?;
    let policy = if keeps_params { old.policy } else { checked };
    // Real-time threads keep the nice value they would go back to.
    let nice = if policy.rt_priority().is_some() { old.nice } else { nice };
    let reset_on_fork = match keeps_policy {
        true => old.reset_on_fork,
        false => asked.contains(SchedFlags::SCHED_FLAG_RESET_ON_FORK),
    };
    priority::set_policy(cx.cred(), &target, Competition { policy, nice, reset_on_fork, ..old })?;
    let clamps = SchedFlags::SCHED_FLAG_UTIL_CLAMP_MIN | SchedFlags::SCHED_FLAG_UTIL_CLAMP_MAX;
    if asked.intersects(clamps) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    Ok(0)
}

/// `sched_getattr(2)`.
pub fn sched_getattr(
    cx: &mut CurrentThread,
    pid: i32,
    at: UserAddr,
    size: u32,
    flags: u32,
) -> Result<usize> {
    let (size, known) = (size as usize, size_of::<SchedAttr>());
    let fits = (SchedAttr::SIZE_VER0..=PAGE_SIZE).contains(&size);
    if at.is_null() || pid < 0 || !fits || flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let competition = thread(cx, pid)?.task.competition();
    let priority = competition.policy.rt_priority();
    let mut attr = SchedAttr {
        size: size.min(known) as u32,
        sched_policy: policy_number(competition.policy),
        sched_priority: priority.map_or(0, u32::from),
        ..SchedAttr::default()
    };
    if priority.is_none() {
        attr.sched_nice = competition.nice;
        attr.sched_runtime = sched::TICK_NS;
    }
    if competition.reset_on_fork {
        attr.sched_flags = SchedFlags::SCHED_FLAG_RESET_ON_FORK.bits();
    }
    let (given, rest) = (size.min(known), size.saturating_sub(known));
    user::copy_out(&cx.space, at, &attr.as_bytes()[..given])?;
    user::zero(&cx.space, at.wrapping_add(given as u64), rest)?;
    Ok(0)
}

/// `getcpu(2)`. There is one memory node; the cache argument has no meaning any more.
pub fn getcpu(
    cx: &mut CurrentThread,
    cpu: UserAddr,
    node: UserAddr,
    _cache: UserAddr,
) -> Result<usize> {
    if !cpu.is_null() {
        user::write(&cx.space, cpu, &(machine::cpu::id().index() as u32))?;
    }
    if !node.is_null() {
        user::write(&cx.space, node, &0u32)?;
    }
    Ok(0)
}

/// `membarrier(2)`. A barrier is a request to other processors that they have to answer; it goes to
/// the processors that run the caller's memory, or to all.
pub fn membarrier(
    cx: &mut CurrentThread,
    command: i32,
    flags: u32,
    _processor: i32,
) -> Result<usize> {
    use abi::membarrier::*;
    const SUPPORTED: i32 = MEMBARRIER_CMD_GLOBAL
        | MEMBARRIER_CMD_GLOBAL_EXPEDITED
        | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED
        | MEMBARRIER_CMD_PRIVATE_EXPEDITED
        | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
        | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
        | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
        | MEMBARRIER_CMD_GET_REGISTRATIONS;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let register = |flag| {
        cx.process.set_flags(flag, true);
        Ok(0)
    };
    let send_private = |needs: ProcessFlags| {
        if !cx.process.flags().contains(needs) {
            return Err(Errno::EPERM.into());
        }
        cx.space.barrier(false);
        Ok(0)
    };
    match command {
        MEMBARRIER_CMD_QUERY => Ok(SUPPORTED as usize),
        MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED => {
            cx.space.barrier(true);
            Ok(0)
        }
        MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED => register(ProcessFlags::BARRIERS_GLOBAL),
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED => register(ProcessFlags::BARRIERS_PRIVATE),
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE => {
            register(ProcessFlags::BARRIERS_PRIVATE_CORE)
        }
        MEMBARRIER_CMD_PRIVATE_EXPEDITED => send_private(ProcessFlags::BARRIERS_PRIVATE),
        MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE => {
            send_private(ProcessFlags::BARRIERS_PRIVATE_CORE)
        }
        MEMBARRIER_CMD_GET_REGISTRATIONS => Ok(registrations(cx.process.flags())),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// The commands that a process has registered with.
fn registrations(flags: ProcessFlags) -> usize {
    use abi::membarrier::*;
    [
        (ProcessFlags::BARRIERS_GLOBAL, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED),
        (ProcessFlags::BARRIERS_PRIVATE, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED),
        (ProcessFlags::BARRIERS_PRIVATE_CORE, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE),
    ]
    .into_iter()
    .filter(|&(flag, _)| flags.contains(flag))
    .map(|(_, command)| command as usize)
    .sum()
}
