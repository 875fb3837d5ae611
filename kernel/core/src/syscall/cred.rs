//! Ids, groups, capabilities and limits of processes.

use abi::cap::{
    CapData, CapHeader, LINUX_CAPABILITY_VERSION_1, LINUX_CAPABILITY_VERSION_2,
    LINUX_CAPABILITY_VERSION_3,
};
use abi::{Errno, Rlimit};
use machine::addr::UserAddr;
use zerocopy::IntoBytes;

use crate::cred::Cred;
use crate::error::Result;
use crate::mm::user;
use crate::task::credentials::capabilities::{self, WantedCaps};
use crate::task::credentials::ids::{self, NewIds};
use crate::task::credentials::{commit, commit_user};
use crate::task::limits::{self, Limit};
use crate::task::{CurrentThread, session, tree};

/// The most supplementary groups (`NGROUPS_MAX`).
const GROUPS_MAX: u32 = 65_536;

/// `getuid(2)`.
pub fn getuid(cx: &mut CurrentThread) -> Result<usize> {
    Ok(cx.cred().ruid as usize)
}

/// `geteuid(2)`.
pub fn geteuid(cx: &mut CurrentThread) -> Result<usize> {
    Ok(cx.cred().euid as usize)
}

/// `getgid(2)`.
pub fn getgid(cx: &mut CurrentThread) -> Result<usize> {
    Ok(cx.cred().rgid as usize)
}

/// `getegid(2)`.
pub fn getegid(cx: &mut CurrentThread) -> Result<usize> {
    Ok(cx.cred().egid as usize)
}

/// `getresuid(2)`.
pub fn getresuid(
    cx: &mut CurrentThread,
    real: UserAddr,
    effective: UserAddr,
    saved: UserAddr,
) -> Result<usize> {
    let cred = cx.cred();
    write_ids(cx, [(real, cred.ruid), (effective, cred.euid), (saved, cred.suid)])
}

/// `getresgid(2)`.
pub fn getresgid(
    cx: &mut CurrentThread,
    real: UserAddr,
    effective: UserAddr,
    saved: UserAddr,
) -> Result<usize> {
    let cred = cx.cred();
    write_ids(cx, [(real, cred.rgid), (effective, cred.egid), (saved, cred.sgid)])
}

fn write_ids(cx: &CurrentThread, ids: [(UserAddr, u32); 3]) -> Result<usize> {
    for (at, id) in ids {
        user::write(&cx.space, at, &id)?;
    }
    Ok(0)
}

/// `setuid(2)`.
pub fn setuid(cx: &mut CurrentThread, uid: u32) -> Result<usize> {
    let new = ids::setuid(cx.cred(), uid)?;
    commit_user(cx, new);
    Ok(0)
}

/// `setreuid(2)`.
pub fn setreuid(cx: &mut CurrentThread, real: u32, effective: u32) -> Result<usize> {
    let new = ids::setreuid(cx.cred(), ids::valid(real), ids::valid(effective))?;
    commit_user(cx, new);
    Ok(0)
}

/// `setresuid(2)`.
pub fn setresuid(cx: &mut CurrentThread, real: u32, effective: u32, saved: u32) -> Result<usize> {
    let new = ids::setresuid(cx.cred(), new_ids(real, effective, saved))?;
    commit_user(cx, new);
    Ok(0)
}

/// `setfsuid(2)`: returns the old id, whether it changed or not.
pub fn setfsuid(cx: &mut CurrentThread, uid: u32) -> Result<usize> {
    let old = cx.cred().fsuid;
    if let Some(new) = ids::setfsuid(cx.cred(), uid) {
        commit(cx, new);
    }
    Ok(old as usize)
}

/// `setgid(2)`.
pub fn setgid(cx: &mut CurrentThread, gid: u32) -> Result<usize> {
    let new = ids::setgid(cx.cred(), gid)?;
    commit(cx, new);
    Ok(0)
}

/// `setregid(2)`.
pub fn setregid(cx: &mut CurrentThread, real: u32, effective: u32) -> Result<usize> {
    let new = ids::setregid(cx.cred(), ids::valid(real), ids::valid(effective))?;
    commit(cx, new);
    Ok(0)
}

/// `setresgid(2)`.
pub fn setresgid(cx: &mut CurrentThread, real: u32, effective: u32, saved: u32) -> Result<usize> {
    let new = ids::setresgid(cx.cred(), new_ids(real, effective, saved))?;
    commit(cx, new);
    Ok(0)
}

/// `setfsgid(2)`: returns the old id, whether it changed or not.
pub fn setfsgid(cx: &mut CurrentThread, gid: u32) -> Result<usize> {
    let old = cx.cred().fsgid;
    if let Some(new) = ids::setfsgid(cx.cred(), gid) {
        commit(cx, new);
    }
    Ok(old as usize)
}

fn new_ids(real: u32, effective: u32, saved: u32) -> NewIds {
    NewIds { real: ids::valid(real), effective: ids::valid(effective), saved: ids::valid(saved) }
}

/// `getgroups(2)`: with size 0, only how many there are.
pub fn getgroups(cx: &mut CurrentThread, size: i32, list: UserAddr) -> Result<usize> {
    let groups = &cx.cred().groups;
    let size = usize::try_from(size).map_err(|_| Errno::EINVAL)?;
    if size != 0 {
        if groups.len() > size {
            return Err(Errno::EINVAL.into());
        }
        user::copy_out(&cx.space, list, groups.as_bytes())?;
    }
    Ok(groups.len())
}

/// `setgroups(2)`.
pub fn setgroups(cx: &mut CurrentThread, size: u32, list: UserAddr) -> Result<usize> {
    ids::may_setgroups(cx.cred())?;
    if size > GROUPS_MAX {
        return Err(Errno::EINVAL.into());
    }
    let groups = user::read_array::<u32>(&cx.space, list, size as usize)?;
    let new = ids::setgroups(cx.cred(), groups)?;
    commit(cx, new);
    Ok(0)
}

/// How many [`CapData`] the caller's version of capget(2) and capset(2) has.
///
/// # Errors
/// `EFAULT`; `EINVAL` for an unknown version, with the newest one stored for the caller.
fn cap_words(cx: &CurrentThread, header: UserAddr) -> Result<usize> {
    match user::read::<u32>(&cx.space, header)? {
        LINUX_CAPABILITY_VERSION_1 => Ok(1),
        LINUX_CAPABILITY_VERSION_2 | LINUX_CAPABILITY_VERSION_3 => Ok(2),
        _ => {
            user::write(&cx.space, header, &LINUX_CAPABILITY_VERSION_3)?;
            Err(Errno::EINVAL.into())
        }
    }
}

/// `capget(2)`.
pub fn capget(cx: &mut CurrentThread, header: UserAddr, data: UserAddr) -> Result<usize> {
    let words = match cap_words(cx, header) {
        // Asking for the version that the kernel prefers.
        Err(crate::error::Error::Errno(Errno::EINVAL)) if data.is_null() => return Ok(0),
        words => words?,
    };
    if data.is_null() {
        return Ok(0);
    }
    let header: CapHeader = user::read(&cx.space, header)?;
    let caps = match session::to_pid(header.pid).ok_or(Errno::EINVAL)? {
        0 => cx.cred().caps,
        tid => tree::thread(tid).ok_or(Errno::ESRCH)?.cred().caps,
    };
    let half = |set: u64, word: usize| (set >> (32 * word)) as u32;
    let both = [0, 1].map(|word| CapData {
        effective: half(caps.effective, word),
        permitted: half(caps.permitted, word),
        inheritable: half(caps.inheritable, word),
    });
    user::copy_out(&cx.space, data, both[..words].as_bytes())?;
    Ok(0)
}

/// `capset(2)`.
pub fn capset(cx: &mut CurrentThread, header: UserAddr, data: UserAddr) -> Result<usize> {
    let words = cap_words(cx, header)?;
    let header: CapHeader = user::read(&cx.space, header)?;
    if header.pid != 0 && header.pid != cx.tid().cast_signed() {
        return Err(Errno::EPERM.into());
    }
    let mut both = [CapData::default(); 2];
    user::copy_in(&cx.space, both[..words].as_mut_bytes(), data)?;
    let join =
        |half: fn(&CapData) -> u32| u64::from(half(&both[0])) | u64::from(half(&both[1])) << 32;
    let wanted = WantedCaps {
        effective: join(|data| data.effective),
        permitted: join(|data| data.permitted),
        inheritable: join(|data| data.inheritable),
    };
    let new: Cred = capabilities::capset(cx.cred(), wanted)?;
    commit(cx, new);
    Ok(0)
}

fn from_user(limit: Rlimit) -> Limit {
    Limit { soft: limit.rlim_cur, hard: limit.rlim_max }
}

fn to_user(limit: Limit) -> Rlimit {
    Rlimit { rlim_cur: limit.soft, rlim_max: limit.hard }
}

/// `getrlimit(2)`.
pub fn getrlimit(cx: &mut CurrentThread, resource: u32, at: UserAddr) -> Result<usize> {
    let limit = cx.process.limits.get(resource).ok_or(Errno::EINVAL)?;
    user::write(&cx.space, at, &to_user(limit))?;
    Ok(0)
}

/// `setrlimit(2)`.
pub fn setrlimit(cx: &mut CurrentThread, resource: u32, at: UserAddr) -> Result<usize> {
    let new = from_user(user::read(&cx.space, at)?);
    limits::exchange(cx.cred(), &cx.thread, resource, Some(new))?;
    Ok(0)
}

/// `prlimit64(2)`.
pub fn prlimit64(
    cx: &mut CurrentThread,
    pid: i32,
    resource: u32,
    new: UserAddr,
    old: UserAddr,
) -> Result<usize> {
    let new = match new.is_null() {
        true => None,
        false => Some(from_user(user::read(&cx.space, new)?)),
    };
    let target = match session::to_pid(pid).ok_or(Errno::ESRCH)? {
        0 => cx.thread.clone(),
        tid => tree::thread(tid).ok_or(Errno::ESRCH)?,
    };
    let own = target.tid() == cx.tid();
    if !own && !limits::may_exchange(cx.cred(), &target.cred()) {
        return Err(Errno::EPERM.into());
    }
    let was = limits::exchange(cx.cred(), &target, resource, new)?;
    if !old.is_null() {
        user::write(&cx.space, old, &to_user(was))?;
    }
    Ok(0)
}
