//! Odds and ends of a thread: prctl(2), arch_prctl(2), personality(2).

use abi::arch::*;
use abi::cap::SecureBits;
use abi::prctl::*;
use abi::process::Personality;
use abi::{Errno, Signal};
use machine::addr::{USER_END, UserAddr};

use crate::cred::Cred;
use crate::error::Result;
use crate::mm::user;
use crate::task::credentials::capabilities;
use crate::task::credentials::commit;
use crate::task::{COMM_LEN, Comm, CurrentThread, ProcessFlags};

/// `prctl(2)`. Operations without an arm are those of features that are not there; they are as
/// unknown as on a Linux built without them: `EINVAL`.
pub fn prctl(
    cx: &mut CurrentThread,
    operation: i32,
    a: u64,
    b: u64,
    c: u64,
    d: u64,
) -> Result<usize> {
    let rest = [a, b, c, d];
    match operation {
        PR_SET_PDEATHSIG | PR_GET_PDEATHSIG => parent_death_signal(cx, operation, a),
        PR_GET_DUMPABLE => Ok(flag(cx, ProcessFlags::DUMPABLE)),
        PR_SET_DUMPABLE => set_flag(cx, ProcessFlags::DUMPABLE, zero_or_one(a)?),
        PR_SET_NAME => set_name(cx, UserAddr::new(a)),
        PR_GET_NAME => {
            user::copy_out(&cx.space, UserAddr::new(a), cx.thread.comm().padded())?;
            Ok(0)
        }
        // The only timing there is.
        PR_GET_TIMING => Ok(0),
        PR_SET_TIMING if a == PR_TIMING_STATISTICAL => Ok(0),
        // The time-stamp counter can not be kept from user mode.
        PR_GET_TSC => write_int(cx, a, PR_TSC_ENABLE as u32),
        PR_SET_TSC if a == PR_TSC_ENABLE => Ok(0),
        // No filters yet: nobody is in any mode.
        PR_GET_SECCOMP => Ok(0),
        PR_GET_TIMERSLACK => Ok(timer_slack(cx)),
        PR_SET_TIMERSLACK => {
            cx.thread.set_timer_slack(if a.cast_signed() <= 0 { 0 } else { a });
            Ok(0)
        }
        PR_SET_CHILD_SUBREAPER => set_flag(cx, ProcessFlags::SUBREAPER, a != 0),
        PR_GET_CHILD_SUBREAPER => write_int(cx, a, flag(cx, ProcessFlags::SUBREAPER) as u32),
        PR_SET_NO_NEW_PRIVS => set_no_new_privs(cx, rest),
        PR_GET_NO_NEW_PRIVS => {
            all_zero(&rest)?;
            Ok(cx.cred().no_new_privs.into())
        }
        PR_GET_TID_ADDRESS => {
            user::write(&cx.space, UserAddr::new(a), &cx.clear_child_tid.as_u64())?;
            Ok(0)
        }
        PR_GET_SPECULATION_CTRL => {
            all_zero(&rest[1..])?;
            speculation(a)?;
            Ok(PR_SPEC_NOT_AFFECTED as usize)
        }
        PR_SET_SPECULATION_CTRL => {
            all_zero(&rest[2..])?;
            speculation(a)?;
            Err(Errno::ENXIO.into())
        }
        PR_GET_AUXV => {
            all_zero(&rest[2..])?;
            auxiliary_vector(cx, UserAddr::new(a), b)
        }
        _ => capability_operation(cx, operation, rest),
    }
}

/// The operations that change or show credentials.
fn capability_operation(cx: &mut CurrentThread, operation: i32, rest: [u64; 4]) -> Result<usize> {
    let a = rest[0];
    let cred: &Cred = cx.cred();
    let new = match operation {
        PR_GET_KEEPCAPS => {
            return Ok(capabilities::has_bit(cred, SecureBits::SECBIT_KEEP_CAPS).into());
        }
        PR_GET_SECUREBITS => return Ok(cred.securebits as usize),
        PR_CAPBSET_READ => {
            return Ok((cred.caps.bounding & capabilities::bit(a)? != 0).into());
        }
        PR_SET_KEEPCAPS => capabilities::set_keep_caps(cred, a)?,
        PR_SET_SECUREBITS => capabilities::set_securebits(cred, a)?,
        PR_CAPBSET_DROP => capabilities::drop_bounding(cred, a)?,
        PR_CAP_AMBIENT if a == PR_CAP_AMBIENT_CLEAR_ALL => {
            all_zero(&rest[1..])?;
            capabilities::clear_ambient(cred)
        }
        PR_CAP_AMBIENT => {
            let bit = capabilities::bit(rest[1])?;
            all_zero(&rest[2..])?;
            match a {
                PR_CAP_AMBIENT_IS_SET => return Ok((cred.caps.ambient & bit != 0).into()),
                PR_CAP_AMBIENT_RAISE => capabilities::raise_ambient(cred, rest[1])?,
                PR_CAP_AMBIENT_LOWER => capabilities::lower_ambient(cred, rest[1])?,
                _ => return Err(Errno::EINVAL.into()),
            }
        }
        _ => return Err(Errno::EINVAL.into()),
    };
    commit(cx, new);
    Ok(0)
}

/// Arguments that an operation does not have must be 0.
fn all_zero(unused: &[u64]) -> Result<(), Errno> {
    if unused.iter().all(|&argument| argument == 0) { Ok(()) } else { Err(Errno::EINVAL) }
}

fn zero_or_one(value: u64) -> Result<bool, Errno> {
    if value > 1 { Err(Errno::EINVAL) } else { Ok(value == 1) }
}

fn flag(cx: &CurrentThread, flag: ProcessFlags) -> usize {
    cx.process.flags().contains(flag).into()
}

fn set_flag(cx: &CurrentThread, flag: ProcessFlags, on: bool) -> Result<usize> {
    cx.process.set_flags(flag, on);
    Ok(0)
}

fn write_int(cx: &CurrentThread, at: u64, value: u32) -> Result<usize> {
    user::write(&cx.space, UserAddr::new(at), &value)?;
    Ok(0)
}

fn parent_death_signal(cx: &CurrentThread, operation: i32, a: u64) -> Result<usize> {
    if operation == PR_GET_PDEATHSIG {
        let signal = cx.thread.parent_death_signal();
        return write_int(cx, a, signal.map_or(0, Signal::number));
    }
    let signal = match u32::try_from(a).map_err(|_| Errno::EINVAL)? {
        0 => None,
        number => Some(Signal::new(number).ok_or(Errno::EINVAL)?),
    };
    cx.thread.set_parent_death_signal(signal);
    Ok(0)
}

/// As much of the name as fits is taken; what is behind it is not even looked at.
fn set_name(cx: &CurrentThread, at: UserAddr) -> Result<usize> {
    let mut name = [0; COMM_LEN - 1];
    let read = user::copy_in_partial(&cx.space, &mut name, at);
    let ended = name[..read].contains(&0);
    if read < name.len() && !ended {
        return Err(Errno::EFAULT.into());
    }
    cx.thread.set_comm(Comm::new(&name[..read]));
    Ok(0)
}

/// Real-time threads want no slack.
fn timer_slack(cx: &CurrentThread) -> usize {
    match cx.task.policy().rt_priority() {
        Some(_) => 0,
        None => usize::try_from(cx.thread.timer_slack()).unwrap_or(usize::MAX),
    }
}

fn set_no_new_privs(cx: &mut CurrentThread, rest: [u64; 4]) -> Result<usize> {
    if rest != [1, 0, 0, 0] {
        return Err(Errno::EINVAL.into());
    }
    let new = Cred { no_new_privs: true, ..Cred::clone(cx.cred()) };
    commit(cx, new);
    Ok(0)
}

/// The kinds of speculation that Linux knows. An emulated processor is affected by none.
fn speculation(which: u64) -> Result<(), Errno> {
    match which {
        PR_SPEC_STORE_BYPASS | PR_SPEC_INDIRECT_BRANCH | PR_SPEC_L1D_FLUSH => Ok(()),
        _ => Err(Errno::ENODEV),
    }
}

/// Copies as much of the auxiliary vector as there is room for; returns its full size.
fn auxiliary_vector(cx: &CurrentThread, at: UserAddr, room: u64) -> Result<usize> {
    let auxv = cx.space.layout().auxv;
    let len = usize::try_from(room).unwrap_or(usize::MAX).min(auxv.len());
    user::copy_out(&cx.space, at, &auxv[..len])?;
    Ok(auxv.len())
}

/// `arch_prctl(2)`.
pub fn arch_prctl(cx: &mut CurrentThread, operation: i32, argument: u64) -> Result<usize> {
    let write = |value: u64| -> Result<usize> {
        user::write(&cx.space, UserAddr::new(argument), &value)?;
        Ok(0)
    };
    match operation {
        ARCH_SET_FS | ARCH_SET_GS if argument >= USER_END.as_u64() => Err(Errno::EPERM.into()),
        ARCH_SET_FS => {
            machine::user::set_fs_base(argument);
            Ok(0)
        }
        ARCH_SET_GS => {
            machine::user::set_gs_base(argument);
            Ok(0)
        }
        ARCH_GET_FS => write(machine::user::fs_base()),
        ARCH_GET_GS => write(machine::user::gs_base()),
        // CPUID always works, and faulting on it is not to be had.
        ARCH_GET_CPUID => Ok(1),
        ARCH_SET_CPUID => Err(Errno::ENODEV.into()),
        ARCH_GET_XCOMP_SUPP | ARCH_GET_XCOMP_PERM => write(machine::fpu::xfeatures()),
        // No state component has to be asked for: the only such one (AMX) is off.
        ARCH_REQ_XCOMP_PERM => Err(Errno::EOPNOTSUPP.into()),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// `personality(2)`: returns the old one.
pub fn personality(cx: &mut CurrentThread, new: u32) -> Result<usize> {
    let old = cx.thread.personality();
    if new != Personality::QUERY {
        cx.thread.set_personality(Personality::from_bits_retain(new));
    }
    Ok(old.bits() as usize)
}
