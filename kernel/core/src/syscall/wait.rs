//! wait4(2) and waitid(2).

use abi::siginfo::SI_USER;
use abi::wait::{P_ALL, P_PGID, P_PID, P_PIDFD};
use abi::{Errno, Rusage, SigInfo, Signal, WaitOptions};
use machine::addr::UserAddr;
use zerocopy::IntoBytes;

use super::args::Fd;
use crate::error::Result;
use crate::mm::user;
use crate::task::wait::{WaitRequest, Waited, Who, wait};
use crate::task::{CurrentThread, pidfd};

/// `wait4(2)`.
pub fn wait4(
    cx: &mut CurrentThread,
    pid: i32,
    status: UserAddr,
    options: u32,
    rusage: UserAddr,
) -> Result<usize> {
    let options = WaitOptions::from_bits(options)
        .filter(|&options| WaitOptions::WAIT4.contains(options))
        .ok_or(Errno::EINVAL)?;
    let who = match pid {
        // Its negation is no number.
        i32::MIN => return Err(Errno::ESRCH.into()),
        -1 => Who::Any,
        0 => Who::Group(cx.process.group()),
        _ if pid < 0 => Who::Group(pid.unsigned_abs()),
        _ => Who::Process(pid.unsigned_abs()),
    };
    let request = WaitRequest { who, options: options | WaitOptions::WEXITED };
    let Some(waited) = wait(cx, &request)? else { return Ok(0) };
    // As on Linux the child is gone by now, whether the results can be stored or not.
    if !status.is_null() {
        user::write(&cx.space, status, &waited.status.as_raw())?;
    }
    store_rusage(cx, rusage, &waited)?;
    Ok(waited.pid as usize)
}

/// `waitid(2)`, with the system call's fifth parameter.
pub fn waitid(
    cx: &mut CurrentThread,
    kind: i32,
    id: i32,
    info: UserAddr,
    options: u32,
    rusage: UserAddr,
) -> Result<usize> {
    let changes = WaitOptions::WEXITED | WaitOptions::WSTOPPED | WaitOptions::WCONTINUED;
    let mut options = WaitOptions::from_bits(options)
        .filter(|&options| options.intersects(changes))
        .ok_or(Errno::EINVAL)?;
    let who = match kind {
        P_ALL => Who::Any,
        P_PID if id > 0 => Who::Process(id.unsigned_abs()),
        P_PGID if id == 0 => Who::Group(cx.process.group()),
        P_PGID if id > 0 => Who::Group(id.unsigned_abs()),
        P_PIDFD if id >= 0 => {
            let (pid, nonblocking) = pidfd::process_of(cx, Fd(id).0)?;
            if nonblocking {
                options |= WaitOptions::WNOHANG;
            }
            Who::Process(pid)
        }
        _ => return Err(Errno::EINVAL.into()),
    };
    let waited = wait(cx, &WaitRequest { who, options })?;
    if let Some(waited) = &waited {
        store_rusage(cx, rusage, waited)?;
    }
    store_info(cx, info, waited.as_ref())?;
    Ok(0)
}

fn store_rusage(cx: &CurrentThread, to: UserAddr, waited: &Waited) -> Result<()> {
    if to.is_null() {
        return Ok(());
    }
    let rusage: Rusage = waited.usage.to_rusage();
    user::write(&cx.space, to, &rusage)
}

/// Stores the first fields of siginfo_t; the rest of the user's structure stays as it is.
fn store_info(cx: &CurrentThread, to: UserAddr, waited: Option<&Waited>) -> Result<()> {
    /// From `si_signo` to `si_status`.
    const FIELDS: usize = 28;
    if to.is_null() {
        return Ok(());
    }
    let info = match waited {
        Some(waited) => {
            let (code, status) = waited.code_and_status;
            SigInfo::child(Signal::SIGCHLD, code, status)
                .with_sender(waited.pid.cast_signed(), waited.uid)
        }
        // No change: a signal number of 0 says so.
        None => {
            let mut none = SigInfo::new(Signal::SIGCHLD, SI_USER);
            none.si_signo = 0;
            none
        }
    };
    user::copy_out(&cx.space, to, &info.as_bytes()[..FIELDS])
}
