//! Calls about how files are stored: space, syncing, advice.

use abi::Errno;
use abi::file::{FallocFlags, POSIX_FADV_NOREUSE};

use super::args::Fd;
use crate::error::Result;
use crate::fs::FileType;
use crate::fs::file::{Allocate, AllocateRequest};
use crate::task::CurrentThread;

/// fallocate(2): reserving and punching holes; zeroing, inserting and collapsing are refused as
/// tmpfs does.
pub fn fallocate(
    cx: &mut CurrentThread,
    fd: Fd,
    mode: u32,
    offset: i64,
    len: i64,
) -> Result<usize> {
    let file = cx.files.get_usable(fd.0)?;
    let start = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    let len = u64::try_from(len).ok().filter(|&len| len > 0).ok_or(Errno::EINVAL)?;
    let mode = FallocFlags::from_bits(mode).ok_or(Errno::EOPNOTSUPP)?;
    let keep_size = mode.contains(FallocFlags::KEEP_SIZE);
    let kind = match mode - FallocFlags::KEEP_SIZE {
        rest if rest.is_empty() => Allocate::Reserve,
        FallocFlags::PUNCH_HOLE if keep_size => Allocate::PunchHole,
        _ => return Err(Errno::EOPNOTSUPP.into()),
    };
    if !file.access().write {
        return Err(Errno::EBADF.into());
    }
    let meta = file.inode().meta();
    if meta.file_type() == FileType::Fifo {
        return Err(Errno::ESPIPE.into());
    }
    if meta.is_dir() {
        return Err(Errno::EISDIR.into());
    }
    if !meta.is_regular() {
        return Err(Errno::ENODEV.into());
    }
    if start.checked_add(len).is_none_or(|end| end > i64::MAX as u64) {
        return Err(Errno::EFBIG.into());
    }
    let request = AllocateRequest { start, len, mode: kind, keep_size };
    file.ops().allocate(&file, request, cx)?;
    Ok(0)
}

/// fsync(2): everything is in memory, so only the check of the descriptor is left.
pub fn fsync(cx: &mut CurrentThread, fd: Fd) -> Result<usize> {
    let file = cx.files.get_usable(fd.0)?;
    file.ops().sync(&file)?;
    Ok(0)
}

/// fdatasync(2).
pub fn fdatasync(cx: &mut CurrentThread, fd: Fd) -> Result<usize> {
    fsync(cx, fd)
}

/// sync(2).
pub fn sync(_cx: &mut CurrentThread) -> Result<usize> {
    Ok(0)
}

/// syncfs(2).
pub fn syncfs(cx: &mut CurrentThread, fd: Fd) -> Result<usize> {
    cx.files.get_usable(fd.0)?;
    Ok(0)
}

/// sync_file_range(2).
pub fn sync_file_range(
    cx: &mut CurrentThread,
    fd: Fd,
    offset: i64,
    len: i64,
    flags: u32,
) -> Result<usize> {
    const KNOWN: u32 = 7;
    let file = cx.files.get_usable(fd.0)?;
    let end = offset.checked_add(len);
    if flags & !KNOWN != 0 || offset < 0 || end.is_none_or(|end| end < offset) {
        return Err(Errno::EINVAL.into());
    }
    let meta = file.inode().meta();
    let kind = meta.file_type();
    use FileType::{Block, Directory, Regular, Symlink};
    if !matches!(kind, Regular | Block | Directory | Symlink) {
        return Err(Errno::ESPIPE.into());
    }
    Ok(0)
}

/// posix_fadvise(2): with everything in memory there is nothing to be advised about.
pub fn fadvise64(
    cx: &mut CurrentThread,
    fd: Fd,
    _offset: i64,
    len: i64,
    advice: i32,
) -> Result<usize> {
    let file = cx.files.get_usable(fd.0)?;
    if file.inode().meta().file_type() == FileType::Fifo {
        return Err(Errno::ESPIPE.into());
    }
    if len < 0 || !(0..=POSIX_FADV_NOREUSE).contains(&advice) {
        return Err(Errno::EINVAL.into());
    }
    Ok(0)
}

/// readahead(2).
pub fn readahead(cx: &mut CurrentThread, fd: Fd, _offset: i64, _count: usize) -> Result<usize> {
    let file = cx.files.get_usable(fd.0)?;
    if !file.access().read {
        return Err(Errno::EBADF.into());
    }
    if !file.inode().meta().is_regular() {
        return Err(Errno::EINVAL.into());
    }
    Ok(0)
}
