//! Calls that take a path and change or ask attributes, and how all calls read paths.

use alloc::vec::Vec;
use core::ops::Deref;

use abi::file::{PATH_MAX, ResolveFlags};
use abi::stat::mode::S_IALLUGO;
use abi::time::{Timespec, Timeval, Utimbuf};
use abi::{AT_FDCWD, AtFlags, Errno};
use machine::addr::UserAddr;

use super::args::Fd;
use crate::cred::Cred;
use crate::error::Result;
use crate::fs::attr::{self, NewTime};
use crate::fs::clock::FileTime;
use crate::fs::path::Path;
use crate::fs::permission::{self, May};
use crate::fs::walk::{Follow, Start, WalkCx, Walker};
use crate::mm::user;
use crate::task::CurrentThread;

/// Paths of up to this many bytes, NUL included, are read without an allocation.
const SHORT: usize = 64;

/// A path that was read from user space.
pub(super) struct PathText {
    short: [u8; SHORT],
    len: usize,
    /// Holds all of it when it is long.
    long: Vec<u8>,
}

impl Deref for PathText {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        if self.long.is_empty() { &self.short[..self.len] } else { &self.long }
    }
}

/// Reads a path. It may be empty: the walk decides about that.
///
/// # Errors
/// `EFAULT`; `ENAMETOOLONG` when it is longer than `PATH_MAX` with its NUL.
#[inline]
pub(super) fn read_path(cx: &CurrentThread, addr: UserAddr) -> Result<PathText> {
    let mut text = PathText { short: [0; SHORT], len: 0, long: Vec::new() };
    match user::read_short_cstr(&mut text.short, addr) {
        Some(len) => text.len = len,
        None => text.long = user::read_cstr(&cx.space, addr, PATH_MAX)?,
    }
    Ok(text)
}

/// Where `path` starts when it is relative to `dirfd`.
///
/// # Errors
/// `EBADF` when it is relative and the descriptor is not open.
pub(super) fn start(cx: &CurrentThread, dirfd: Fd, path: &[u8]) -> Result<Start> {
    if dirfd.0 == AT_FDCWD || path.first() == Some(&b'/') {
        return Ok(Start::Cwd);
    }
    if path.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    Ok(Start::At(cx.files.get(dirfd.0)?.path().clone()))
}

/// Runs `f` with a walk of `path` that has not begun.
///
/// # Errors
/// Those of the start of the walk, and of `f`.
pub(super) fn with_walker<R>(
    cx: &CurrentThread,
    dirfd: Fd,
    path: &[u8],
    f: impl FnOnce(Walker<'_>) -> Result<R>,
) -> Result<R> {
    let start = start(cx, dirfd, path)?;
    let walk = WalkCx::of(cx);
    f(Walker::new(&walk, &start, path, ResolveFlags::empty())?)
}

/// What `path` means, as far as `AT_EMPTY_PATH` and the two flags about links say.
///
/// # Errors
/// Those of path_resolution(7), and `EBADF`.
pub(super) fn resolve(
    cx: &CurrentThread,
    dirfd: Fd,
    path: &[u8],
    flags: AtFlags,
    follow: Follow,
) -> Result<Path> {
    resolve_as(cx, &WalkCx::of(cx), dirfd, path, flags, follow)
}

fn resolve_as(
    cx: &CurrentThread,
    walk: &WalkCx<'_>,
    dirfd: Fd,
    path: &[u8],
    flags: AtFlags,
    follow: Follow,
) -> Result<Path> {
    if path.is_empty() && flags.contains(AtFlags::AT_EMPTY_PATH) {
        return of_descriptor(cx, dirfd);
    }
    let start = start(cx, dirfd, path)?;
    Walker::new(walk, &start, path, ResolveFlags::empty())?.lookup(follow)
}

/// The place that a descriptor was opened at; `AT_FDCWD` is the working directory.
///
/// # Errors
/// `EBADF`.
pub(super) fn of_descriptor(cx: &CurrentThread, fd: Fd) -> Result<Path> {
    if fd.0 == AT_FDCWD {
        return Ok(cx.fs.cwd());
    }
    Ok(cx.files.get(fd.0)?.path().clone())
}

/// `AT_SYMLINK_NOFOLLOW` as a [`Follow`].
pub(super) fn follow(flags: AtFlags) -> Follow {
    if flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW) { Follow::No } else { Follow::Yes }
}

/// Decodes the flags of an `*at` call.
///
/// # Errors
/// `EINVAL` for a flag outside of `supported`.
pub(super) fn at_flags(raw: u32, supported: AtFlags) -> Result<AtFlags> {
    let flags = AtFlags::from_bits(raw).ok_or(Errno::EINVAL)?;
    if supported.contains(flags) { Ok(flags) } else { Err(Errno::EINVAL.into()) }
}

const FOLLOW_OR_EMPTY: AtFlags = AtFlags::AT_SYMLINK_NOFOLLOW.union(AtFlags::AT_EMPTY_PATH);

/// readlink(2).
pub fn readlink(cx: &mut CurrentThread, path: UserAddr, buf: UserAddr, size: i32) -> Result<usize> {
    readlinkat(cx, Fd(AT_FDCWD), path, buf, size)
}

/// readlinkat(2): an empty path means the link that the descriptor names.
pub fn readlinkat(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    buf: UserAddr,
    size: i32,
) -> Result<usize> {
    let size = usize::try_from(size).ok().filter(|&size| size > 0).ok_or(Errno::EINVAL)?;
    let path = read_path(cx, path)?;
    let found = if path.is_empty() && dirfd.0 != AT_FDCWD {
        let found = of_descriptor(cx, dirfd)?;
        if !found.inode().meta().is_symlink() {
            return Err(Errno::ENOENT.into());
        }
        found
    } else {
        resolve(cx, dirfd, &path, AtFlags::empty(), Follow::No)?
    };
    if !found.inode().meta().is_symlink() {
        return Err(Errno::EINVAL.into());
    }
    let text = found.inode().link_text(&WalkCx::of(cx))?;
    let text = &text[..text.len().min(size)];
    user::copy_out(&cx.space, buf, text)?;
    Ok(text.len())
}

/// access(2).
pub fn access(cx: &mut CurrentThread, path: UserAddr, mode: u32) -> Result<usize> {
    check_access(cx, Fd(AT_FDCWD), path, mode, AtFlags::empty())
}

/// faccessat, without flags: the C library emulates them.
pub fn faccessat(cx: &mut CurrentThread, dirfd: Fd, path: UserAddr, mode: u32) -> Result<usize> {
    check_access(cx, dirfd, path, mode, AtFlags::empty())
}

/// faccessat2(2).
pub fn faccessat2(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    mode: u32,
    flags: u32,
) -> Result<usize> {
    let supported = FOLLOW_OR_EMPTY.union(AtFlags::AT_EACCESS);
    let flags = at_flags(flags, supported)?;
    check_access(cx, dirfd, path, mode, flags)
}

/// The credentials that access(2) asks for: the real ids, and capabilities only for root.
fn real_cred(cred: &Cred) -> Cred {
    let mut real = cred.clone();
    real.fsuid = cred.ruid;
    real.fsgid = cred.rgid;
    real.caps.effective = if cred.ruid == 0 { cred.caps.permitted } else { 0 };
    real
}

fn check_access(
    cx: &CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    mode: u32,
    flags: AtFlags,
) -> Result<usize> {
    let want = May::from_bits(mode).ok_or(Errno::EINVAL)?;
    let path = read_path(cx, path)?;
    let own = cx.cred();
    let same = own.fsuid == own.ruid && own.fsgid == own.rgid && own.ruid == 0;
    let real;
    let cred = if flags.contains(AtFlags::AT_EACCESS) || same {
        &**own
    } else {
        real = real_cred(own);
        &real
    };
    let walk = WalkCx { cred, ..WalkCx::of(cx) };
    let found = resolve_as(cx, &walk, dirfd, &path, flags, follow(flags))?;
    let meta = found.inode().meta();
    if want.contains(May::EXEC)
        && meta.is_regular()
        && found.mount.options().contains(abi::file::MountFlags::NOEXEC)
    {
        return Err(Errno::EACCES.into());
    }
    permission::check(meta, cred, want)?;
    let special = !meta.is_dir() && !meta.is_regular() && !meta.is_symlink();
    if want.contains(May::WRITE) && !special {
        found.mount.writable()?;
    }
    Ok(0)
}

/// chmod(2).
pub fn chmod(cx: &mut CurrentThread, path: UserAddr, mode: u32) -> Result<usize> {
    fchmodat(cx, Fd(AT_FDCWD), path, mode)
}

/// fchmodat, without flags.
pub fn fchmodat(cx: &mut CurrentThread, dirfd: Fd, path: UserAddr, mode: u32) -> Result<usize> {
    fchmodat2(cx, dirfd, path, mode, 0)
}

/// fchmodat2(2).
pub fn fchmodat2(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    mode: u32,
    flags: u32,
) -> Result<usize> {
    let flags = at_flags(flags, FOLLOW_OR_EMPTY)?;
    let path = read_path(cx, path)?;
    let found = resolve(cx, dirfd, &path, flags, follow(flags))?;
    attr::chmod(&found, mode & S_IALLUGO, cx.cred())?;
    Ok(0)
}

/// fchmod(2).
pub fn fchmod(cx: &mut CurrentThread, fd: Fd, mode: u32) -> Result<usize> {
    let file = cx.files.get_usable(fd.0)?;
    attr::chmod(file.path(), mode & S_IALLUGO, cx.cred())?;
    Ok(0)
}

/// An id argument of chown(2): -1 leaves it alone.
fn new_id(raw: u32) -> Option<u32> {
    (raw != u32::MAX).then_some(raw)
}

/// chown(2).
pub fn chown(cx: &mut CurrentThread, path: UserAddr, uid: u32, gid: u32) -> Result<usize> {
    fchownat(cx, Fd(AT_FDCWD), path, uid, gid, 0)
}

/// lchown(2).
pub fn lchown(cx: &mut CurrentThread, path: UserAddr, uid: u32, gid: u32) -> Result<usize> {
    fchownat(cx, Fd(AT_FDCWD), path, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW.bits())
}

/// fchownat(2).
pub fn fchownat(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    uid: u32,
    gid: u32,
    flags: u32,
) -> Result<usize> {
    let flags = at_flags(flags, FOLLOW_OR_EMPTY)?;
    let path = read_path(cx, path)?;
    let found = resolve(cx, dirfd, &path, flags, follow(flags))?;
    attr::chown(&found, new_id(uid), new_id(gid), cx.cred())?;
    Ok(0)
}

/// fchown(2).
pub fn fchown(cx: &mut CurrentThread, fd: Fd, uid: u32, gid: u32) -> Result<usize> {
    let file = cx.files.get_usable(fd.0)?;
    attr::chown(file.path(), new_id(uid), new_id(gid), cx.cred())?;
    Ok(0)
}

fn new_time(time: Timespec) -> Result<NewTime> {
    Ok(match time.tv_nsec {
        Timespec::UTIME_NOW => NewTime::Now,
        Timespec::UTIME_OMIT => NewTime::Keep,
        0..1_000_000_000 => NewTime::At(FileTime {
            sec: time.tv_sec,
            nsec: u32::try_from(time.tv_nsec).map_err(|_| Errno::EINVAL)?,
        }),
        _ => return Err(Errno::EINVAL.into()),
    })
}

/// utimensat(2). A null path is the descriptor's own file.
pub fn utimensat(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    times: UserAddr,
    flags: u32,
) -> Result<usize> {
    let (atime, mtime) = if times.is_null() {
        (NewTime::Now, NewTime::Now)
    } else {
        let [atime, mtime]: [Timespec; 2] = user::read(&cx.space, times)?;
        if atime.tv_nsec == Timespec::UTIME_OMIT && mtime.tv_nsec == Timespec::UTIME_OMIT {
            return Ok(0);
        }
        (new_time(atime)?, new_time(mtime)?)
    };
    let found = if path.is_null() && dirfd.0 != AT_FDCWD {
        if flags != 0 {
            return Err(Errno::EINVAL.into());
        }
        cx.files.get_usable(dirfd.0)?.path().clone()
    } else {
        let flags = at_flags(flags, FOLLOW_OR_EMPTY)?;
        let path = read_path(cx, path)?;
        resolve(cx, dirfd, &path, flags, follow(flags))?
    };
    attr::set_times(&found, atime, mtime, cx.cred())?;
    Ok(0)
}

fn set_times_at(
    cx: &CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    times: Option<[FileTime; 2]>,
) -> Result<usize> {
    let [atime, mtime] = times.map_or([NewTime::Now; 2], |times| times.map(NewTime::At));
    let found = if path.is_null() && dirfd.0 != AT_FDCWD {
        cx.files.get_usable(dirfd.0)?.path().clone()
    } else {
        let path = read_path(cx, path)?;
        resolve(cx, dirfd, &path, AtFlags::empty(), Follow::Yes)?
    };
    attr::set_times(&found, atime, mtime, cx.cred())?;
    Ok(0)
}

/// futimesat(2).
pub fn futimesat(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    times: UserAddr,
) -> Result<usize> {
    if times.is_null() {
        return set_times_at(cx, dirfd, path, None);
    }
    let times: [Timeval; 2] = user::read(&cx.space, times)?;
    let mut set = [FileTime::default(); 2];
    for (time, given) in set.iter_mut().zip(times) {
        let micros = u32::try_from(given.tv_usec).ok().filter(|&micros| micros < 1_000_000);
        let nsec = micros.ok_or(Errno::EINVAL)? * 1000;
        *time = FileTime { sec: given.tv_sec, nsec };
    }
    set_times_at(cx, dirfd, path, Some(set))
}

/// utimes(2).
pub fn utimes(cx: &mut CurrentThread, path: UserAddr, times: UserAddr) -> Result<usize> {
    futimesat(cx, Fd(AT_FDCWD), path, times)
}

/// utime(2).
pub fn utime(cx: &mut CurrentThread, path: UserAddr, times: UserAddr) -> Result<usize> {
    if times.is_null() {
        return set_times_at(cx, Fd(AT_FDCWD), path, None);
    }
    let times: Utimbuf = user::read(&cx.space, times)?;
    let set = [times.actime, times.modtime].map(|sec| FileTime { sec, nsec: 0 });
    set_times_at(cx, Fd(AT_FDCWD), path, Some(set))
}

/// umask(2).
pub fn umask(cx: &mut CurrentThread, mask: u32) -> Result<usize> {
    Ok(cx.fs.set_umask(mask) as usize)
}

/// truncate(2).
pub fn truncate(cx: &mut CurrentThread, path: UserAddr, size: i64) -> Result<usize> {
    let size = u64::try_from(size).map_err(|_| Errno::EINVAL)?;
    let path = read_path(cx, path)?;
    let found = resolve(cx, Fd(AT_FDCWD), &path, AtFlags::empty(), Follow::Yes)?;
    let meta = found.inode().meta();
    if meta.is_dir() {
        return Err(Errno::EISDIR.into());
    }
    if !meta.is_regular() {
        return Err(Errno::EINVAL.into());
    }
    found.mount.writable()?;
    permission::check(meta, cx.cred(), May::WRITE)?;
    meta.add_writer()?;
    let result = attr::truncate_limited(found.inode(), size, cx);
    meta.drop_writer();
    result.map(|()| 0)
}
