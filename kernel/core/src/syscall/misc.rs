//! The system as a whole: names, figures, randomness, the log, and its end.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::cap::{CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_SYS_TTY_CONFIG, CAP_SYSLOG};
use abi::system::{GrndFlags, Sysinfo, reboot, syslog as action};
use abi::time::NSEC_PER_SEC;
use abi::{Errno, Timespec};
use alloc::vec::Vec;
use machine::addr::{PAGE_SIZE, UserAddr};
use machine::log;
use zerocopy::FromZeros;

use crate::clock;
use crate::error::{Restart, Result};
use crate::fs::{host_link, tty};
use crate::mm::user;
use crate::sched::{self, Sleep, Woken};
use crate::task::{CurrentThread, tree};
use crate::utsname::{self, NAME_MAX, Which};

/// `uname(2)`.
pub fn uname(cx: &mut CurrentThread, at: UserAddr) -> Result<usize> {
    user::write(&cx.space, at, &utsname::utsname())?;
    Ok(0)
}

/// `sethostname(2)`.
pub fn sethostname(cx: &mut CurrentThread, at: UserAddr, len: i32) -> Result<usize> {
    set_name(cx, Which::Host, at, len)
}

/// `setdomainname(2)`.
pub fn setdomainname(cx: &mut CurrentThread, at: UserAddr, len: i32) -> Result<usize> {
    set_name(cx, Which::Domain, at, len)
}

fn set_name(cx: &CurrentThread, which: Which, at: UserAddr, len: i32) -> Result<usize> {
    if !cx.cred().capable(CAP_SYS_ADMIN) {
        return Err(Errno::EPERM.into());
    }
    let len = usize::try_from(len).ok().filter(|&len| len <= NAME_MAX).ok_or(Errno::EINVAL)?;
    let mut name = [0; NAME_MAX];
    user::copy_in(&cx.space, &mut name[..len], at)?;
    utsname::set(which, &name[..len]);
    Ok(0)
}

/// `vhangup(2)`.
pub fn vhangup(cx: &mut CurrentThread) -> Result<usize> {
    if !cx.cred().capable(CAP_SYS_TTY_CONFIG) {
        return Err(Errno::EPERM.into());
    }
    if let Some(terminal) = tty::controlling_terminal(cx.process.session()) {
        terminal.hang_up();
    }
    Ok(0)
}

/// `sysinfo(2)`.
pub fn sysinfo(cx: &mut CurrentThread, at: UserAddr) -> Result<usize> {
    let frames = machine::frame::stats();
    let up = Timespec::from_nanos(clock::monotonic());
    let mut info = Sysinfo::new_zeroed();
    info.uptime = up.tv_sec + i64::from(up.tv_nsec != 0);
    info.loads = sched::load_average().scaled_65536();
    info.totalram = frames.total * PAGE_SIZE as u64;
    info.freeram = frames.free * PAGE_SIZE as u64;
    info.procs = u16::try_from(tree::read().thread_count()).unwrap_or(u16::MAX);
    info.mem_unit = 1;
    user::write(&cx.space, at, &info)?;
    Ok(0)
}

/// `getrandom(2)`. The generator is seeded before the first process runs, so nothing ever waits.
pub fn getrandom(cx: &mut CurrentThread, at: UserAddr, len: usize, flags: u32) -> Result<usize> {
    let flags = GrndFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    if flags.contains(GrndFlags::INSECURE | GrndFlags::RANDOM) {
        return Err(Errno::EINVAL.into());
    }
    let len = len.min(i32::MAX as usize);
    let mut done = 0;
    let mut chunk = [0; 256];
    while done < len {
        let part = (len - done).min(chunk.len());
        machine::entropy::fill(&mut chunk[..part]);
        let stored =
            user::copy_out_partial(&cx.space, at.wrapping_add(done as u64), &chunk[..part]);
        done += stored;
        if stored < part {
            break;
        }
        // Long requests give way to signals and to others, page by page.
        if done.is_multiple_of(PAGE_SIZE) {
            if cx.task.is_interrupted() {
                break;
            }
            sched::preempt_if_needed();
        }
    }
    chunk.fill(0);
    if done == 0 && len > 0 { Err(Errno::EFAULT.into()) } else { Ok(done) }
}

/// Whether Ctrl-Alt-Del would restart at once; there is no keyboard that could.
static RESTART_ON_KEYS: AtomicBool = AtomicBool::new(true);

/// `reboot(2)`.
pub fn reboot(
    cx: &mut CurrentThread,
    magic1: u32,
    magic2: u32,
    command: u32,
    arg: UserAddr,
) -> Result<usize> {
    if !cx.cred().capable(CAP_SYS_BOOT) {
        return Err(Errno::EPERM.into());
    }
    if magic1 != reboot::MAGIC1 || !reboot::MAGIC2.contains(&magic2) {
        return Err(Errno::EINVAL.into());
    }
    match command {
        reboot::CMD_RESTART => restart("Restarting system"),
        reboot::CMD_RESTART2 => {
            // The command is for firmware that understands it; there is none.
            let mut word = [0; 255];
            let len = user::copy_in_partial(&cx.space, &mut word, arg);
            if len == 0 {
                return Err(Errno::EFAULT.into());
            }
            restart("Restarting system with command")
        }
        reboot::CMD_POWER_OFF => {
            ::log::info!("reboot: Power down");
            host_link::status(b"poweroff\n");
            machine::power::off()
        }
        reboot::CMD_HALT => {
            ::log::info!("reboot: System halted");
            machine::power::halt()
        }
        reboot::CMD_CAD_ON | reboot::CMD_CAD_OFF => {
            RESTART_ON_KEYS.store(command == reboot::CMD_CAD_ON, Ordering::Relaxed);
            Ok(0)
        }
        // Suspending and kexec are not there: as on a Linux built without them.
        _ => Err(Errno::EINVAL.into()),
    }
}

fn restart(why: &str) -> ! {
    ::log::info!("reboot: {why}");
    host_link::status(b"reboot\n");
    machine::power::reset()
}

/// Where syslog(2) READ goes on, and where READ_ALL starts after CLEAR.
static READ_NEXT: AtomicU64 = AtomicU64::new(0);
static CLEARED: AtomicU64 = AtomicU64::new(0);
/// The console level before CONSOLE_OFF, plus one; 0 when it is on.
static SAVED_LEVEL: AtomicU64 = AtomicU64::new(0);
/// Bytes of the kernel's log, as SIZE_BUFFER reports them.
const LOG_SIZE: usize = 64 << 10;
/// How often READ looks for new records: they are made where no queue may be woken.
const LOOK_NS: u64 = NSEC_PER_SEC / 10;

/// `syslog(2)`.
pub fn syslog(cx: &mut CurrentThread, what: i32, at: UserAddr, len: i32) -> Result<usize> {
    let for_all = matches!(what, action::READ_ALL | action::SIZE_BUFFER);
    let privileged = cx.cred().capable(CAP_SYSLOG) || cx.cred().capable(CAP_SYS_ADMIN);
    if !for_all && !privileged {
        return Err(Errno::EPERM.into());
    }
    match what {
        action::CLOSE | action::OPEN => Ok(0),
        action::READ => read_log(cx, at, len),
        action::READ_ALL | action::READ_CLEAR => read_all(cx, at, len, what == action::READ_CLEAR),
        action::CLEAR => {
            CLEARED.store(log::range().1, Ordering::Relaxed);
            Ok(0)
        }
        action::CONSOLE_OFF => {
            if SAVED_LEVEL.load(Ordering::Relaxed) == 0 {
                SAVED_LEVEL.store(u64::from(log::console_level()) + 1, Ordering::Relaxed);
            }
            log::set_console_level(1);
            Ok(0)
        }
        action::CONSOLE_ON => {
            if let Some(level) = SAVED_LEVEL.swap(0, Ordering::Relaxed).checked_sub(1) {
                log::set_console_level(u8::try_from(level).unwrap_or(7));
            }
            Ok(0)
        }
        action::CONSOLE_LEVEL => {
            let level = u8::try_from(len).ok().filter(|level| (1..=8).contains(level));
            log::set_console_level(level.ok_or(Errno::EINVAL)?);
            SAVED_LEVEL.store(0, Ordering::Relaxed);
            Ok(0)
        }
        action::SIZE_UNREAD => {
            let mut size = 0;
            let mut next = READ_NEXT.load(Ordering::Relaxed);
            while let Some((line, sequence)) = record(next) {
                size += line.len();
                next = sequence + 1;
            }
            Ok(size)
        }
        action::SIZE_BUFFER => Ok(LOG_SIZE),
        _ => Err(Errno::EINVAL.into()),
    }
}

fn buffer_len(at: UserAddr, len: i32) -> Result<usize, Errno> {
    let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
    if at.is_null() { Err(Errno::EINVAL) } else { Ok(len) }
}

/// The first record from `sequence` on as syslog(2) shows it, with its number.
fn record(sequence: u64) -> Option<(Vec<u8>, u64)> {
    let mut text = [0; log::TEXT_MAX];
    let entry = log::read(sequence, &mut text)?;
    let (seconds, micros) =
        (entry.nanoseconds / NSEC_PER_SEC, entry.nanoseconds / 1000 % 1_000_000);
    let mut line = alloc::format!("<{}>[{seconds:5}.{micros:06}] ", entry.level).into_bytes();
    line.extend_from_slice(&text[..entry.len.min(text.len())]);
    line.push(b'\n');
    Some((line, entry.sequence))
}

/// READ: whole records that were not read yet, waiting for the first.
fn read_log(cx: &CurrentThread, at: UserAddr, len: i32) -> Result<usize> {
    let len = buffer_len(at, len)?;
    if len == 0 {
        return Ok(0);
    }
    loop {
        let mut done = 0;
        while let Some((line, sequence)) = record(READ_NEXT.load(Ordering::Relaxed)) {
            if done + line.len() > len {
                break;
            }
            user::copy_out(&cx.space, at.wrapping_add(done as u64), &line)?;
            done += line.len();
            READ_NEXT.store(sequence + 1, Ordering::Relaxed);
        }
        if done > 0 || log::range().1 > READ_NEXT.load(Ordering::Relaxed) {
            return Ok(done);
        }
        let deadline = clock::monotonic() + LOOK_NS;
        if sched::sleep_until(Sleep::Interruptible, Some(deadline)) == Woken::Interrupted {
            return Err(Restart::IfSaRestart.into());
        }
    }
}

/// READ_ALL: the last records that fit, since the last CLEAR.
fn read_all(cx: &CurrentThread, at: UserAddr, len: i32, clear: bool) -> Result<usize> {
    let len = buffer_len(at, len)?;
    let mut lines = Vec::new();
    let mut next = CLEARED.load(Ordering::Relaxed);
    while let Some((line, sequence)) = record(next) {
        lines.push(line);
        next = sequence + 1;
    }
    let mut room = len;
    let fitting = lines.iter().rev().take_while(|line| {
        let fits = line.len() <= room;
        room -= if fits { line.len() } else { 0 };
        fits
    });
    let first = lines.len() - fitting.count();
    let mut done = 0;
    for line in &lines[first..] {
        user::copy_out(&cx.space, at.wrapping_add(done as u64), line)?;
        done += line.len();
    }
    if clear {
        CLEARED.store(next, Ordering::Relaxed);
    }
    Ok(done)
}
