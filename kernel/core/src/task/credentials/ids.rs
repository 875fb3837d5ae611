//! Changing user and group ids: setuid(2), setreuid(2), setresuid(2), setfsuid(2) and their kin.
//!
//! Pure functions from the old credentials to the new ones. An argument of `None` is the -1 that
//! leaves an id alone.

use abi::Errno;
use abi::cap::{
    CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_LINUX_IMMUTABLE,
    CAP_MAC_OVERRIDE, CAP_MKNOD, CAP_SETGID, CAP_SETUID, SecureBits,
};

use super::capabilities::has_bit;
use crate::cred::{Cred, Gid, Uid};

/// What a call of the `-1 means unchanged` family got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewIds {
    /// The new real id.
    pub real: Option<u32>,
    /// The new effective id.
    pub effective: Option<u32>,
    /// The new saved id.
    pub saved: Option<u32>,
}

/// An id of user space: -1 is none at all.
pub fn valid(id: u32) -> Option<u32> {
    (id != u32::MAX).then_some(id)
}

/// setuid(2).
///
/// # Errors
/// `EINVAL` for -1; `EPERM` when the id is neither the real nor the saved one, without
/// `CAP_SETUID`.
pub fn setuid(old: &Cred, uid: Uid) -> Result<Cred, Errno> {
    let uid = valid(uid).ok_or(Errno::EINVAL)?;
    let mut new = old.clone();
    if old.capable(CAP_SETUID) {
        new.ruid = uid;
        new.suid = uid;
    } else if uid != old.ruid && uid != old.suid {
        return Err(Errno::EPERM);
    }
    new.euid = uid;
    new.fsuid = uid;
    fix_capabilities(old, &mut new);
    Ok(new)
}

/// setreuid(2): real and effective id; the saved one follows by the rules of POSIX.
///
/// # Errors
/// `EPERM`.
pub fn setreuid(old: &Cred, real: Option<Uid>, effective: Option<Uid>) -> Result<Cred, Errno> {
    let privileged = old.capable(CAP_SETUID);
    let mut new = old.clone();
    if let Some(uid) = real {
        if !privileged && uid != old.ruid && uid != old.euid {
            return Err(Errno::EPERM);
        }
        new.ruid = uid;
    }
    if let Some(uid) = effective {
        if !privileged && ![old.ruid, old.euid, old.suid].contains(&uid) {
            return Err(Errno::EPERM);
        }
        new.euid = uid;
    }
    if real.is_some() || effective.is_some_and(|uid| uid != old.ruid) {
        new.suid = new.euid;
    }
    new.fsuid = new.euid;
    fix_capabilities(old, &mut new);
    Ok(new)
}

/// setresuid(2): any of the three ids to any of the three.
///
/// # Errors
/// `EPERM`.
pub fn setresuid(old: &Cred, ids: NewIds) -> Result<Cred, Errno> {
    let current = [old.ruid, old.euid, old.suid];
    let allowed = |id: Option<Uid>| id.is_none_or(|uid| current.contains(&uid));
    if !([ids.real, ids.effective, ids.saved].into_iter().all(allowed) || old.capable(CAP_SETUID)) {
        return Err(Errno::EPERM);
    }
    let mut new = old.clone();
    new.ruid = ids.real.unwrap_or(old.ruid);
    new.euid = ids.effective.unwrap_or(old.euid);
    new.suid = ids.saved.unwrap_or(old.suid);
    // Linux calls it "no change" and leaves the file-system id alone only when that fits too.
    new.fsuid = if ids.effective.is_none() && new.ruid == old.ruid && new.suid == old.suid {
        old.fsuid
    } else {
        new.euid
    };
    fix_capabilities(old, &mut new);
    Ok(new)
}

/// setfsuid(2): `None` when nothing changes, which the call cannot tell from success.
pub fn setfsuid(old: &Cred, uid: Uid) -> Option<Cred> {
    let uid = valid(uid)?;
    let known = [old.ruid, old.euid, old.suid, old.fsuid].contains(&uid);
    if uid == old.fsuid || !(known || old.capable(CAP_SETUID)) {
        return None;
    }
    let mut new = old.clone();
    new.fsuid = uid;
    if !has_bit(old, SecureBits::SECBIT_NO_SETUID_FIXUP) {
        if old.fsuid == 0 && uid != 0 {
            new.caps.effective &= !FILE_SYSTEM_CAPS;
        } else if old.fsuid != 0 && uid == 0 {
            new.caps.effective |= FILE_SYSTEM_CAPS & new.caps.permitted;
        }
    }
    Some(new)
}

/// setgid(2).
///
/// # Errors
/// `EINVAL` for -1; `EPERM` when the id is neither the real nor the saved one, without
/// `CAP_SETGID`.
pub fn setgid(old: &Cred, gid: Gid) -> Result<Cred, Errno> {
    let gid = valid(gid).ok_or(Errno::EINVAL)?;
    let mut new = old.clone();
    if old.capable(CAP_SETGID) {
        new.rgid = gid;
        new.sgid = gid;
    } else if gid != old.rgid && gid != old.sgid {
        return Err(Errno::EPERM);
    }
    new.egid = gid;
    new.fsgid = gid;
    Ok(new)
}

/// setregid(2).
///
/// # Errors
/// `EPERM`.
pub fn setregid(old: &Cred, real: Option<Gid>, effective: Option<Gid>) -> Result<Cred, Errno> {
    let privileged = old.capable(CAP_SETGID);
    let mut new = old.clone();
    if let Some(gid) = real {
        if !privileged && gid != old.rgid && gid != old.egid {
            return Err(Errno::EPERM);
        }
        new.rgid = gid;
    }
    if let Some(gid) = effective {
        if !privileged && ![old.rgid, old.egid, old.sgid].contains(&gid) {
            return Err(Errno::EPERM);
        }
        new.egid = gid;
    }
    if real.is_some() || effective.is_some_and(|gid| gid != old.rgid) {
        new.sgid = new.egid;
    }
    new.fsgid = new.egid;
    Ok(new)
}

/// setresgid(2).
///
/// # Errors
/// `EPERM`.
pub fn setresgid(old: &Cred, ids: NewIds) -> Result<Cred, Errno> {
    let current = [old.rgid, old.egid, old.sgid];
    let allowed = |id: Option<Gid>| id.is_none_or(|gid| current.contains(&gid));
    if !([ids.real, ids.effective, ids.saved].into_iter().all(allowed) || old.capable(CAP_SETGID)) {
        return Err(Errno::EPERM);
    }
    let mut new = old.clone();
    new.rgid = ids.real.unwrap_or(old.rgid);
    new.egid = ids.effective.unwrap_or(old.egid);
    new.sgid = ids.saved.unwrap_or(old.sgid);
    new.fsgid = if ids.effective.is_none() && new.rgid == old.rgid && new.sgid == old.sgid {
        old.fsgid
    } else {
        new.egid
    };
    Ok(new)
}

/// setfsgid(2): `None` when nothing changes.
pub fn setfsgid(old: &Cred, gid: Gid) -> Option<Cred> {
    let gid = valid(gid)?;
    let known = [old.rgid, old.egid, old.sgid, old.fsgid].contains(&gid);
    if gid == old.fsgid || !(known || old.capable(CAP_SETGID)) {
        return None;
    }
    Some(Cred { fsgid: gid, ..old.clone() })
}

/// setgroups(2): the new supplementary groups, in any order.
///
/// # Errors
/// `EPERM` without `CAP_SETGID`; `EINVAL` when one is -1.
pub fn setgroups(old: &Cred, mut groups: alloc::vec::Vec<Gid>) -> Result<Cred, Errno> {
    may_setgroups(old)?;
    if groups.contains(&u32::MAX) {
        return Err(Errno::EINVAL);
    }
    groups.sort_unstable();
    Ok(Cred { groups, ..old.clone() })
}

/// Whether setgroups(2) may be called at all, which comes before its arguments are looked at.
///
/// # Errors
/// `EPERM` without `CAP_SETGID`.
pub fn may_setgroups(old: &Cred) -> Result<(), Errno> {
    if old.capable(CAP_SETGID) { Ok(()) } else { Err(Errno::EPERM) }
}

/// The capabilities that follow the file-system user id (capabilities(7)).
const FILE_SYSTEM_CAPS: u64 = 1 << CAP_CHOWN
    | 1 << CAP_MKNOD
    | 1 << CAP_DAC_OVERRIDE
    | 1 << CAP_DAC_READ_SEARCH
    | 1 << CAP_FOWNER
    | 1 << CAP_FSETID
    | 1 << CAP_LINUX_IMMUTABLE
    | 1 << CAP_MAC_OVERRIDE;

/// What giving up or regaining user id 0 does to the capability sets (capabilities(7), "Effect of
/// user ID changes on capabilities").
fn fix_capabilities(old: &Cred, new: &mut Cred) {
    if has_bit(old, SecureBits::SECBIT_NO_SETUID_FIXUP) {
        return;
    }
    let is_root = |cred: &Cred| [cred.ruid, cred.euid, cred.suid].contains(&0);
    if is_root(old) && !is_root(new) {
        if !has_bit(old, SecureBits::SECBIT_KEEP_CAPS) {
            new.caps.permitted = 0;
            new.caps.effective = 0;
        }
        new.caps.ambient = 0;
    }
    if old.euid == 0 && new.euid != 0 {
        new.caps.effective = 0;
    }
    if old.euid != 0 && new.euid == 0 {
        new.caps.effective = new.caps.permitted;
    }
}
