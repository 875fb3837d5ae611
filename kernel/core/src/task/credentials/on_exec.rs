//! What exec does to credentials: set-user-id and set-group-id bits, capabilities, `AT_SECURE`
//! (execve(2); capabilities(7), "Transformation of capabilities during execve()").
//!
//! No file here has capabilities of its own, so the transformation has two cases: root, for whom
//! every file counts as having all of them, and everybody else, who keeps the ambient set.

use abi::cap::{CAP_SETUID, SecureBits};
use abi::stat::mode::{S_ISGID, S_ISUID};

use super::capabilities::has_bit;
use crate::cred::{Cred, Gid, Uid};

/// What of the program file matters for privileges.
#[derive(Clone, Copy, Debug)]
pub struct ProgramFile {
    /// Its type and permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: Uid,
    /// Its group.
    pub gid: Gid,
    /// Its mount allows set-id programs.
    pub may_set_id: bool,
}

/// Why a program must not gain privileges although its file would give some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsafe {
    /// A tracer without the privileges watches.
    pub traced: bool,
    /// Root and working directory are shared with another process, which could change them.
    pub shares_fs: bool,
}

/// The credentials of the new program, and what follows from the change.
#[derive(Clone, Debug)]
pub struct ExecCred {
    /// The credentials.
    pub cred: Cred,
    /// `AT_SECURE`: libc must not trust the environment.
    pub secure: bool,
    /// The file's set-id bits counted, or capabilities were gained: dangerous personality flags go.
    pub clears_personality: bool,
}

/// The group may execute it: without this, the set-group-id bit means something else.
const S_IXGRP: u32 = 0o010;

/// What `old` becomes when it executes `file`.
pub fn transform(old: &Cred, file: &ProgramFile, danger: Unsafe) -> ExecCred {
    let mut new = old.clone();
    let mut clears_personality = false;
    if file.may_set_id && !old.no_new_privs {
        if file.mode & S_ISUID != 0 {
            new.euid = file.uid;
            clears_personality = true;
        }
        if file.mode & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP {
            new.egid = file.gid;
            clears_personality = true;
        }
    }
    let all_effective = give_root_everything(old, &mut new);
    let gained = |new: &Cred| new.caps.permitted & !old.caps.permitted != 0;
    clears_personality |= gained(&new);

    let id_changed = new.euid != old.euid || !old.in_group(new.egid);
    let refused = old.no_new_privs || danger.traced || danger.shares_fs;
    if (id_changed || gained(&new)) && refused {
        if !old.capable(CAP_SETUID) || old.no_new_privs {
            new.euid = new.ruid;
            new.egid = new.rgid;
        }
        new.caps.permitted &= old.caps.permitted;
    }
    (new.suid, new.fsuid) = (new.euid, new.euid);
    (new.sgid, new.fsgid) = (new.egid, new.egid);

    if id_changed {
        new.caps.ambient = 0;
    }
    new.caps.permitted |= new.caps.ambient;
    new.caps.effective = if all_effective { new.caps.permitted } else { new.caps.ambient };
    new.securebits &= !SecureBits::SECBIT_KEEP_CAPS.bits();

    let more_than_ambient = new.caps.permitted & !new.caps.ambient != 0;
    let secure = id_changed
        || new.euid != old.ruid
        || new.egid != old.rgid
        || (new.ruid != 0 && (all_effective || more_than_ambient));
    ExecCred { cred: new, secure, clears_personality }
}

/// Sets the permitted set as the file gives it, which for anybody but root is nothing. Returns
/// whether all of it is to be effective at once.
fn give_root_everything(old: &Cred, new: &mut Cred) -> bool {
    new.caps.permitted = 0;
    if has_bit(old, SecureBits::SECBIT_NOROOT) {
        return false;
    }
    if new.euid == 0 || new.ruid == 0 {
        new.caps.permitted = old.caps.bounding | old.caps.inheritable;
    }
    new.euid == 0
}
