//! Clocks, sleeping and timers.

use abi::cap::{CAP_SYS_TIME, CAP_WAKE_ALARM};
use abi::time::*;
use abi::timex::{AdjFlags, STA_NANO, STA_UNSYNC, TIME_ERROR, Timex};
use abi::{Errno, OpenFlags, Rusage, SigEvent};
use machine::addr::UserAddr;
use zerocopy::FromZeros;

use super::signal::install;
use crate::clock;
use crate::error::Result;
use crate::fs::anon;
use crate::mm::user;
use crate::sched;
use crate::task::CurrentThread;
use crate::task::timers::alarm::Remaining;
use crate::task::timers::clocks::{self, Clock};
use crate::task::timers::cpu::CpuInterval;
use crate::task::timers::sleep;
use crate::task::timers::timerfd::{Request, TimerFd};
use crate::task::usage::Usage;

fn read_nanos(cx: &CurrentThread, at: UserAddr) -> Result<u64> {
    Ok(user::read::<Timespec>(&cx.space, at)?.to_nanos()?)
}

fn itimerspec(remaining: Remaining) -> Itimerspec {
    Itimerspec {
        it_interval: Timespec::from_nanos(remaining.interval),
        it_value: Timespec::from_nanos(remaining.value),
    }
}

/// `clock_gettime(2)`.
pub fn clock_gettime(cx: &mut CurrentThread, id: i32, at: UserAddr) -> Result<usize> {
    // The two that nearly everybody asks for, without looking anything up.
    let now = match id {
        CLOCK_MONOTONIC => Timespec::from_nanos(clock::monotonic()),
        CLOCK_REALTIME => Timespec::from_wall_nanos(clock::realtime()),
        _ => Timespec::from_wall_nanos(Clock::find(id, cx)?.now()),
    };
    user::write(&cx.space, at, &now)?;
    Ok(0)
}

/// `clock_getres(2)`.
pub fn clock_getres(cx: &mut CurrentThread, id: i32, at: UserAddr) -> Result<usize> {
    let resolution = Clock::find(id, cx)?.resolution();
    if !at.is_null() {
        user::write(&cx.space, at, &Timespec::from_nanos(resolution))?;
    }
    Ok(0)
}

/// `clock_settime(2)`.
pub fn clock_settime(cx: &mut CurrentThread, id: i32, at: UserAddr) -> Result<usize> {
    if id != CLOCK_REALTIME {
        return Err(Errno::EINVAL.into());
    }
    let ns = read_nanos(cx, at)?;
    set_wall_clock(cx, ns)
}

fn set_wall_clock(cx: &CurrentThread, ns: u64) -> Result<usize> {
    if !cx.cred().capable(CAP_SYS_TIME) {
        return Err(Errno::EPERM.into());
    }
    clocks::set_realtime(i64::try_from(ns).map_err(|_| Errno::EINVAL)?);
    Ok(0)
}

/// `gettimeofday(2)`.
pub fn gettimeofday(cx: &mut CurrentThread, at: UserAddr, zone: UserAddr) -> Result<usize> {
    if !at.is_null() {
        user::write(&cx.space, at, &Timeval::from_wall_nanos(clock::realtime()))?;
    }
    if !zone.is_null() {
        user::write(&cx.space, zone, &Timezone::new_zeroed())?;
    }
    Ok(0)
}

/// `settimeofday(2)`. The kernel keeps no time zone: one other than UTC is refused.
pub fn settimeofday(cx: &mut CurrentThread, at: UserAddr, zone: UserAddr) -> Result<usize> {
    let time = match at.is_null() {
        true => None,
        false => Some(user::read::<Timeval>(&cx.space, at)?.to_nanos()?),
    };
    if !zone.is_null() {
        let zone: Timezone = user::read(&cx.space, zone)?;
        if zone.tz_minuteswest != 0 {
            return Err(Errno::EINVAL.into());
        }
    }
    match time {
        Some(ns) => set_wall_clock(cx, ns),
        None if cx.cred().capable(CAP_SYS_TIME) => Ok(0),
        None => Err(Errno::EPERM.into()),
    }
}

/// `time(2)`.
pub fn time(cx: &mut CurrentThread, at: UserAddr) -> Result<usize> {
    let seconds = clock::realtime().div_euclid(NSEC_PER_SEC.cast_signed());
    if !at.is_null() {
        user::write(&cx.space, at, &seconds)?;
    }
    Ok(seconds as usize)
}

/// `adjtimex(2)`.
pub fn adjtimex(cx: &mut CurrentThread, at: UserAddr) -> Result<usize> {
    let request: Timex = user::read(&cx.space, at)?;
    let modes = AdjFlags::from_bits_retain(request.modes);
    // Nothing steers the clock here, so there is nothing to adjust; reading is for everybody.
    if !modes.is_empty() && modes != AdjFlags::ADJ_OFFSET_SS_READ {
        return Err(Errno::EPERM.into());
    }
    let mut state = Timex::new_zeroed();
    state.modes = request.modes;
    state.maxerror = 16_000_000;
    state.esterror = 16_000_000;
    state.status = STA_UNSYNC | STA_NANO;
    state.constant = 2;
    state.precision = 1;
    state.tolerance = 32_768_000;
    let now = Timespec::from_wall_nanos(clock::realtime());
    state.time = Timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec };
    state.tick = 10_000;
    user::write(&cx.space, at, &state)?;
    Ok(TIME_ERROR as usize)
}

/// `clock_adjtime(2)`.
pub fn clock_adjtime(cx: &mut CurrentThread, id: i32, at: UserAddr) -> Result<usize> {
    match id {
        CLOCK_REALTIME => adjtimex(cx, at),
        _ => {
            Clock::find(id, cx)?;
            Err(Errno::EOPNOTSUPP.into())
        }
    }
}

/// `nanosleep(2)`.
pub fn nanosleep(cx: &mut CurrentThread, request: UserAddr, left: UserAddr) -> Result<usize> {
    let ns = read_nanos(cx, request)?;
    sleep::relative(cx, ns, left)
}

/// `clock_nanosleep(2)`.
pub fn clock_nanosleep(
    cx: &mut CurrentThread,
    id: i32,
    flags: u32,
    request: UserAddr,
    left: UserAddr,
) -> Result<usize> {
    let clock = Clock::find(id, cx)?;
    if matches!(
        id,
        CLOCK_REALTIME_COARSE
            | CLOCK_MONOTONIC_COARSE
            | CLOCK_MONOTONIC_RAW
            | CLOCK_THREAD_CPUTIME_ID
    ) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let ns = read_nanos(cx, request)?;
    let absolute = flags & TIMER_ABSTIME != 0;
    if clock.is_cpu() {
        return sleep::cpu_time(&clock, ns, absolute);
    }
    if absolute { sleep::absolute(&clock, ns) } else { sleep::relative(cx, ns, left) }
}

/// `times(2)`.
pub fn times(cx: &mut CurrentThread, at: UserAddr) -> Result<usize> {
    if !at.is_null() {
        sched::update_time(&cx.task);
        let own = Usage::of_process(&cx.process).time;
        let children = cx.process.children_usage().time;
        let ticks = |ns: u64| nanos_to_ticks(ns).cast_signed();
        let times = Tms {
            tms_utime: ticks(own.user),
            tms_stime: ticks(own.system),
            tms_cutime: ticks(children.user),
            tms_cstime: ticks(children.system),
        };
        user::write(&cx.space, at, &times)?;
    }
    Ok(nanos_to_ticks(clock::monotonic()) as usize)
}

/// `getrusage(2)`.
pub fn getrusage(cx: &mut CurrentThread, who: i32, at: UserAddr) -> Result<usize> {
    const SELF: i32 = 0;
    const CHILDREN: i32 = -1;
    const THREAD: i32 = 1;
    sched::update_time(&cx.task);
    let usage = match who {
        SELF => Usage::of_process(&cx.process),
        CHILDREN => cx.process.children_usage(),
        THREAD => cx.thread.usage(),
        _ => return Err(Errno::EINVAL.into()),
    };
    let usage: Rusage = usage.to_rusage();
    user::write(&cx.space, at, &usage)?;
    Ok(0)
}

/// `alarm(2)`.
pub fn alarm(cx: &mut CurrentThread, seconds: u32) -> Result<usize> {
    let ns = u64::from(seconds) * NSEC_PER_SEC;
    let before = cx.process.timers.real.set(&cx.process, ns, 0);
    let left = Timeval::from_nanos(before.value);
    // Rounded, but a pending alarm is never reported as none.
    let up = left.tv_usec >= 500_000 || (left.tv_sec == 0 && before.value != 0);
    Ok((left.tv_sec + i64::from(up)) as usize)
}

fn itimerval(remaining: Remaining) -> Itimerval {
    // A time under a microsecond is not over yet.
    let value = match remaining.value {
        1..NSEC_PER_USEC => NSEC_PER_USEC,
        value => value,
    };
    Itimerval {
        it_interval: Timeval::from_nanos(remaining.interval),
        it_value: Timeval::from_nanos(value),
    }
}

/// `setitimer(2)`.
pub fn setitimer(
    cx: &mut CurrentThread,
    which: i32,
    new: UserAddr,
    old: UserAddr,
) -> Result<usize> {
    // A null pointer turns the timer off, which Linux tolerates with a warning.
    let new = match new.is_null() {
        true => Itimerval::new_zeroed(),
        false => user::read::<Itimerval>(&cx.space, new)?,
    };
    let (value, interval) = (new.it_value.to_nanos()?, new.it_interval.to_nanos()?);
    let timers = &cx.process.timers;
    let before = match which {
        ITIMER_REAL => timers.real.set(&cx.process, value, interval),
        ITIMER_VIRTUAL => {
            timers.cpu.set_interval(&cx.process, CpuInterval::Virtual, value, interval)
        }
        ITIMER_PROF => timers.cpu.set_interval(&cx.process, CpuInterval::Prof, value, interval),
        _ => return Err(Errno::EINVAL.into()),
    };
    if !old.is_null() {
        user::write(&cx.space, old, &itimerval(before))?;
    }
    Ok(0)
}

/// `getitimer(2)`.
pub fn getitimer(cx: &mut CurrentThread, which: i32, at: UserAddr) -> Result<usize> {
    let timers = &cx.process.timers;
    let now = match which {
        ITIMER_REAL => timers.real.remaining(),
        ITIMER_VIRTUAL => timers.cpu.interval(&cx.process, CpuInterval::Virtual),
        ITIMER_PROF => timers.cpu.interval(&cx.process, CpuInterval::Prof),
        _ => return Err(Errno::EINVAL.into()),
    };
    user::write(&cx.space, at, &itimerval(now))?;
    Ok(0)
}

/// The clock for a timer.
fn timer_clock(cx: &CurrentThread, id: i32) -> Result<Clock, Errno> {
    let clock = Clock::find(id, cx)?;
    match id {
        CLOCK_MONOTONIC_RAW | CLOCK_MONOTONIC_COARSE | CLOCK_REALTIME_COARSE => {
            Err(Errno::EOPNOTSUPP)
        }
        CLOCK_REALTIME_ALARM | CLOCK_BOOTTIME_ALARM if !cx.cred().capable(CAP_WAKE_ALARM) => {
            Err(Errno::EPERM)
        }
        _ => Ok(clock),
    }
}

/// `timer_create(2)`.
pub fn timer_create(
    cx: &mut CurrentThread,
    clock: i32,
    event: UserAddr,
    id_at: UserAddr,
) -> Result<usize> {
    let event = match event.is_null() {
        true => None,
        false => Some(user::read::<SigEvent>(&cx.space, event)?),
    };
    let clock = timer_clock(cx, clock)?;
    let timers = &cx.process.timers.posix;
    let id = timers.create(cx, clock, event.as_ref())?;
    if let Err(error) = user::write(&cx.space, id_at, &id) {
        timers.delete(&cx.process, id)?;
        return Err(error);
    }
    Ok(0)
}

/// `timer_settime(2)`.
pub fn timer_settime(
    cx: &mut CurrentThread,
    id: i32,
    flags: u32,
    new: UserAddr,
    old: UserAddr,
) -> Result<usize> {
    if new.is_null() {
        return Err(Errno::EINVAL.into());
    }
    let new: Itimerspec = user::read(&cx.space, new)?;
    let (value, interval) = (new.it_value.to_nanos()?, new.it_interval.to_nanos()?);
    let timer = cx.process.timers.posix.find(id)?;
    let absolute = flags & TIMER_ABSTIME != 0;
    let before = timer.set(&cx.process, value, interval, absolute)?;
    if !old.is_null() {
        user::write(&cx.space, old, &itimerspec(before))?;
    }
    Ok(0)
}

/// `timer_gettime(2)`.
pub fn timer_gettime(cx: &mut CurrentThread, id: i32, at: UserAddr) -> Result<usize> {
    let remaining = cx.process.timers.posix.find(id)?.remaining(&cx.process);
    user::write(&cx.space, at, &itimerspec(remaining))?;
    Ok(0)
}

/// `timer_getoverrun(2)`.
pub fn timer_getoverrun(cx: &mut CurrentThread, id: i32) -> Result<usize> {
    Ok(cx.process.timers.posix.find(id)?.overrun().unsigned_abs() as usize)
}

/// `timer_delete(2)`.
pub fn timer_delete(cx: &mut CurrentThread, id: i32) -> Result<usize> {
    cx.process.timers.posix.delete(&cx.process, id)?;
    Ok(0)
}

/// `timerfd_create(2)`.
pub fn timerfd_create(cx: &mut CurrentThread, id: i32, flags: u32) -> Result<usize> {
    let flags = TimerfdFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let clock = match id {
        CLOCK_REALTIME | CLOCK_MONOTONIC | CLOCK_BOOTTIME => Clock::find(id, cx)?,
        CLOCK_REALTIME_ALARM | CLOCK_BOOTTIME_ALARM => timer_clock(cx, id)?,
        _ => return Err(Errno::EINVAL.into()),
    };
    let mut open = OpenFlags::O_RDWR;
    open.set(OpenFlags::O_NONBLOCK, flags.contains(TimerfdFlags::TFD_NONBLOCK));
    let file = anon::open("[timerfd]", TimerFd::new(id, clock), open, cx);
    install(cx, file, flags.contains(TimerfdFlags::TFD_CLOEXEC))
}

/// `timerfd_settime(2)`.
pub fn timerfd_settime(
    cx: &mut CurrentThread,
    fd: i32,
    flags: u32,
    new: UserAddr,
    old: UserAddr,
) -> Result<usize> {
    let new: Itimerspec = user::read(&cx.space, new)?;
    let flags = TimerfdSetFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let request = Request {
        value: new.it_value.to_nanos()?,
        interval: new.it_interval.to_nanos()?,
        absolute: flags.contains(TimerfdSetFlags::TFD_TIMER_ABSTIME),
        cancel_on_set: flags.contains(TimerfdSetFlags::TFD_TIMER_CANCEL_ON_SET),
    };
    let file = cx.files.get(fd)?;
    let before = file.ops_as::<TimerFd>().ok_or(Errno::EINVAL)?.set(request);
    if !old.is_null() {
        user::write(&cx.space, old, &itimerspec(before))?;
    }
    Ok(0)
}

/// `timerfd_gettime(2)`.
pub fn timerfd_gettime(cx: &mut CurrentThread, fd: i32, at: UserAddr) -> Result<usize> {
    let file = cx.files.get(fd)?;
    let remaining = file.ops_as::<TimerFd>().ok_or(Errno::EINVAL)?.remaining();
    user::write(&cx.space, at, &itimerspec(remaining))?;
    Ok(0)
}
