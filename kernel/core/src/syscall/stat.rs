//! stat(2), statx(2), statfs(2) and their kin.

use abi::file::MountFlags;
use abi::stat::{Stat, Statfs, Statx, StatxMask, StatxTimestamp};
use abi::{AT_FDCWD, AtFlags, Errno};
use machine::addr::UserAddr;

use super::args::Fd;
use super::path::{at_flags, follow, of_descriptor, read_path, resolve};
use crate::error::Result;
use crate::fs::clock::FileTime;
use crate::fs::inode::StatInfo;
use crate::fs::path::Path;
use crate::fs::walk::Follow;
use crate::mm::user;
use crate::task::CurrentThread;

/// A size or count as the signed fields have it.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn encode(info: &StatInfo) -> Stat {
    let times = &info.times;
    Stat {
        st_dev: info.dev.to_user(),
        st_ino: info.ino,
        st_nlink: info.nlink.into(),
        st_mode: info.mode,
        st_uid: info.uid,
        st_gid: info.gid,
        st_rdev: info.rdev.to_user(),
        st_size: signed(info.size),
        st_blksize: info.blksize.into(),
        st_blocks: signed(info.blocks),
        st_atime: times.atime.sec,
        st_atime_nsec: times.atime.nsec.into(),
        st_mtime: times.mtime.sec,
        st_mtime_nsec: times.mtime.nsec.into(),
        st_ctime: times.ctime.sec,
        st_ctime_nsec: times.ctime.nsec.into(),
        ..Stat::default()
    }
}

fn write_stat(cx: &CurrentThread, buf: UserAddr, info: &StatInfo) -> Result<usize> {
    user::write(&cx.space, buf, &encode(info))?;
    Ok(0)
}

/// stat(2).
pub fn stat(cx: &mut CurrentThread, path: UserAddr, buf: UserAddr) -> Result<usize> {
    stat_path(cx, Fd(AT_FDCWD), path, buf, Follow::Yes)
}

/// lstat(2).
pub fn lstat(cx: &mut CurrentThread, path: UserAddr, buf: UserAddr) -> Result<usize> {
    stat_path(cx, Fd(AT_FDCWD), path, buf, Follow::No)
}

fn stat_path(
    cx: &CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    buf: UserAddr,
    follow: Follow,
) -> Result<usize> {
    let path = read_path(cx, path)?;
    let found = resolve(cx, dirfd, &path, AtFlags::empty(), follow)?;
    write_stat(cx, buf, &found.inode().stat())
}

/// fstat(2).
pub fn fstat(cx: &mut CurrentThread, fd: Fd, buf: UserAddr) -> Result<usize> {
    let file = cx.files.get(fd.0)?;
    write_stat(cx, buf, &file.stat())
}

/// What an `*at` call with `AT_EMPTY_PATH` means; since Linux 6.11 the path may be null then.
fn find(cx: &CurrentThread, dirfd: Fd, path: UserAddr, flags: AtFlags) -> Result<Path> {
    if path.is_null() && flags.contains(AtFlags::AT_EMPTY_PATH) {
        return of_descriptor(cx, dirfd);
    }
    let path = read_path(cx, path)?;
    resolve(cx, dirfd, &path, flags, follow(flags))
}

/// fstatat(2).
pub fn newfstatat(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    buf: UserAddr,
    flags: u32,
) -> Result<usize> {
    const SUPPORTED: AtFlags =
        AtFlags::AT_SYMLINK_NOFOLLOW.union(AtFlags::AT_NO_AUTOMOUNT).union(AtFlags::AT_EMPTY_PATH);
    let flags = at_flags(flags, SUPPORTED)?;
    let found = find(cx, dirfd, path, flags)?;
    write_stat(cx, buf, &found.inode().stat())
}

/// What is always filled in, asked for or not.
const GIVEN: StatxMask = StatxMask::BASIC_STATS.union(StatxMask::BTIME).union(StatxMask::MNT_ID);
/// The root of a mount (`STATX_ATTR_MOUNT_ROOT`).
const ATTR_MOUNT_ROOT: u64 = 0x2000;

fn timestamp(time: FileTime) -> StatxTimestamp {
    StatxTimestamp { tv_sec: time.sec, tv_nsec: time.nsec, reserved: 0 }
}

/// statx(2).
pub fn statx(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    flags: u32,
    mask: u32,
    buf: UserAddr,
) -> Result<usize> {
    const SUPPORTED: AtFlags = AtFlags::AT_SYMLINK_NOFOLLOW
        .union(AtFlags::AT_NO_AUTOMOUNT)
        .union(AtFlags::AT_EMPTY_PATH)
        .union(AtFlags::AT_STATX_SYNC_TYPE);
    if mask & StatxMask::RESERVED.bits() != 0 {
        return Err(Errno::EINVAL.into());
    }
    let flags = at_flags(flags, SUPPORTED)?;
    if flags.contains(AtFlags::AT_STATX_SYNC_TYPE) {
        return Err(Errno::EINVAL.into());
    }
    let found = find(cx, dirfd, path, flags)?;
    let info = found.inode().stat();
    let mount_root = alloc::sync::Arc::ptr_eq(&found.dentry, found.mount.root());
    let out = Statx {
        stx_mask: GIVEN.bits(),
        stx_blksize: info.blksize,
        stx_attributes: if mount_root { ATTR_MOUNT_ROOT } else { 0 },
        stx_attributes_mask: ATTR_MOUNT_ROOT,
        stx_nlink: info.nlink,
        stx_uid: info.uid,
        stx_gid: info.gid,
        stx_mode: u16::try_from(info.mode).unwrap_or(0),
        stx_ino: info.ino,
        stx_size: info.size,
        stx_blocks: info.blocks,
        stx_atime: timestamp(info.times.atime),
        stx_btime: timestamp(info.times.btime),
        stx_ctime: timestamp(info.times.ctime),
        stx_mtime: timestamp(info.times.mtime),
        stx_rdev_major: info.rdev.major,
        stx_rdev_minor: info.rdev.minor,
        stx_dev_major: info.dev.major,
        stx_dev_minor: info.dev.minor,
        stx_mnt_id: found.mount.id(),
        ..Statx::default()
    };
    user::write(&cx.space, buf, &out)?;
    Ok(0)
}

/// `ST_VALID` and the mount options as statfs(2) has them.
fn statfs_flags(options: MountFlags) -> i64 {
    const ST_VALID: i64 = 0x20;
    const ST_NOSYMFOLLOW: i64 = 0x2000;
    const ST_RELATIME: i64 = 0x1000;
    let low = MountFlags::RDONLY
        | MountFlags::NOSUID
        | MountFlags::NODEV
        | MountFlags::NOEXEC
        | MountFlags::NOATIME
        | MountFlags::NODIRATIME;
    let mut flags = ST_VALID | signed((options & low).bits());
    if options.contains(MountFlags::NOSYMFOLLOW) {
        flags |= ST_NOSYMFOLLOW;
    }
    if !options.contains(MountFlags::NOATIME) {
        flags |= ST_RELATIME;
    }
    flags
}

fn write_statfs(cx: &CurrentThread, path: &Path, buf: UserAddr) -> Result<usize> {
    let superblock = path.mount.superblock();
    let stat = superblock.ops().stat();
    let dev = superblock.dev().to_user();
    let half = |value: u64| i32::from_ne_bytes((value as u32).to_ne_bytes());
    let out = Statfs {
        f_type: signed(stat.magic),
        f_bsize: signed(stat.block_size),
        f_blocks: stat.blocks,
        f_bfree: stat.free,
        f_bavail: stat.free,
        f_files: stat.files,
        f_ffree: stat.files_free,
        f_fsid: [half(dev), half(dev >> 32)],
        f_namelen: 255,
        f_frsize: signed(stat.block_size),
        f_flags: statfs_flags(path.mount.options()),
        ..Statfs::default()
    };
    user::write(&cx.space, buf, &out)?;
    Ok(0)
}

/// statfs(2).
pub fn statfs(cx: &mut CurrentThread, path: UserAddr, buf: UserAddr) -> Result<usize> {
    let path = read_path(cx, path)?;
    let found = resolve(cx, Fd(AT_FDCWD), &path, AtFlags::empty(), Follow::Yes)?;
    write_statfs(cx, &found, buf)
}

/// fstatfs(2).
pub fn fstatfs(cx: &mut CurrentThread, fd: Fd, buf: UserAddr) -> Result<usize> {
    let file = cx.files.get(fd.0)?;
    write_statfs(cx, file.path(), buf)
}
