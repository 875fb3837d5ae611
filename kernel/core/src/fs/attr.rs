//! Changing attributes: chmod(2), chown(2), utimensat(2), truncate(2).

use alloc::sync::Arc;

use abi::{Errno, Signal};

use super::caller::Caller;
use super::clock::{self, FileTime};
use super::inode::{Inode, S_ISGID, S_ISUID};
use super::path::Path;
use super::permission::{self, CAP_CHOWN, CAP_FSETID, May};
use crate::cred::Cred;
use crate::error::Result;

/// Sets the permission bits.
///
/// # Errors
/// `EROFS`; `EPERM` when `cred` does not own the file; `EOPNOTSUPP` for a symbolic link.
pub fn chmod(path: &Path, mode: u32, cred: &Cred) -> Result<()> {
    path.mount.writable()?;
    let inode = path.inode();
    let meta = inode.meta();
    if meta.is_symlink() {
        return Err(Errno::EOPNOTSUPP.into());
    }
    if !permission::is_owner(meta, cred) {
        return Err(Errno::EPERM.into());
    }
    inode.may_set_attributes()?;
    let keeps_setgid = cred.in_group(meta.gid()) || cred.capable(CAP_FSETID);
    let mode = if keeps_setgid { mode } else { mode & !S_ISGID };
    meta.set_permissions(mode);
    meta.touch_changed();
    Ok(())
}

/// Sets owner and group; `None` leaves one alone. Programs lose their set-id bits.
///
/// # Errors
/// `EROFS`; `EPERM` when `cred` may not give the file away.
pub fn chown(path: &Path, uid: Option<u32>, gid: Option<u32>, cred: &Cred) -> Result<()> {
    path.mount.writable()?;
    let inode = path.inode();
    let meta = inode.meta();
    let privileged = cred.capable(CAP_CHOWN);
    let owns = cred.fsuid == meta.uid();
    let uid_allowed = uid.is_none_or(|uid| privileged || (owns && uid == meta.uid()));
    let gid_allowed =
        gid.is_none_or(|gid| privileged || (owns && (cred.in_group(gid) || gid == meta.gid())));
    if !uid_allowed || !gid_allowed {
        return Err(Errno::EPERM.into());
    }
    inode.may_set_attributes()?;
    if !meta.is_dir() {
        let mode = meta.mode();
        let mut drop = S_ISUID;
        // Without group execution the bit means mandatory locking and stays, unless the group is
        // not the caller's.
        if mode & 0o010 != 0 || !(cred.in_group(meta.gid()) || cred.capable(CAP_FSETID)) {
            drop |= S_ISGID;
        }
        if mode & drop != 0 {
            meta.set_permissions(mode & !drop);
        }
    }
    meta.set_owner(uid.unwrap_or(meta.uid()), gid.unwrap_or(meta.gid()));
    meta.touch_changed();
    Ok(())
}

/// A new value for one of the times of utimensat(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// `UTIME_NOW`.
    Now,
    /// `UTIME_OMIT`.
    Keep,
    /// A given time.
    At(FileTime),
}

/// Sets access and modification time.
///
/// # Errors
/// `EROFS`; `EPERM` or `EACCES` as utimensat(2) has them.
pub fn set_times(path: &Path, atime: NewTime, mtime: NewTime, cred: &Cred) -> Result<()> {
    if (atime, mtime) == (NewTime::Keep, NewTime::Keep) {
        return Ok(());
    }
    path.mount.writable()?;
    let inode = path.inode();
    let meta = inode.meta();
    if !permission::is_owner(meta, cred) {
        if (atime, mtime) != (NewTime::Now, NewTime::Now) {
            return Err(Errno::EPERM.into());
        }
        permission::check(meta, cred, May::WRITE)?;
    }
    inode.may_set_attributes()?;
    let now = clock::now();
    meta.update_times(|times| {
        for (time, new) in [(&mut times.atime, atime), (&mut times.mtime, mtime)] {
            match new {
                NewTime::Now => *time = now,
                NewTime::Keep => {}
                NewTime::At(at) => *time = at,
            }
        }
        times.ctime = now;
    });
    Ok(())
}

/// Changes the size, for callers that may write the file.
///
/// # Errors
/// What the file system says: `EINVAL`, `EFBIG`, `EPERM` when sealed, `ENOSPC`, `ENOMEM`.
pub fn truncate(inode: &Arc<dyn Inode>, size: u64, cred: &Cred) -> Result<()> {
    inode.set_size(size)?;
    drop_set_id(&**inode, cred);
    inode.meta().touch_modified();
    Ok(())
}

/// Takes the set-id bits off a file that was written to by somebody without `CAP_FSETID`.
#[inline]
pub fn drop_set_id(inode: &dyn Inode, cred: &Cred) {
    let mode = inode.meta().mode();
    if mode & (S_ISUID | S_ISGID) == 0 || cred.capable(CAP_FSETID) {
        return;
    }
    let mut drop = S_ISUID;
    if mode & 0o010 != 0 {
        drop |= S_ISGID;
    }
    inode.meta().set_permissions(mode & !drop);
}

/// As [`truncate`], within the file size limit of the caller.
///
/// # Errors
/// `EFBIG`, with `SIGXFSZ`, beyond the limit; else as [`truncate`].
pub fn truncate_limited(inode: &Arc<dyn Inode>, size: u64, caller: &dyn Caller) -> Result<()> {
    if size > inode.size() && size > caller.soft_limit(abi::limits::RLIMIT_FSIZE) {
        caller.signal_self(Signal::SIGXFSZ);
        return Err(Errno::EFBIG.into());
    }
    truncate(inode, size, caller.cred())
}
