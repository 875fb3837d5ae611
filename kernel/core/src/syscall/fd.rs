//! Calls on descriptors: close, dup, fcntl, ioctl, locks.

use alloc::sync::Arc;

use abi::file::{CloseRangeFlags, Flock, fcntl as f, flock as fl, seek};
use abi::tty::ioctl::{
    FICLONE, FIGETBSZ, FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, FIOQSIZE,
};
use abi::{Errno, OpenFlags};
use machine::addr::UserAddr;

use super::args::Fd;
use super::file::{fd_limit, to_value};
use crate::error::Result;
use crate::fs::file::{OpenFile, Owner};
use crate::fs::file_lock::Wait;
use crate::fs::inode::FileType;
use crate::fs::ioctl::{get_int, put_int};
use crate::fs::pipe::Pipe;
use crate::fs::range_locks::{LockKind, LockOwner, LockRange, RecordLock};
use crate::fs::{memfd, permission};
use crate::mm::user;
use crate::task::CurrentThread;

/// close(2).
pub fn close(cx: &mut CurrentThread, fd: Fd) -> Result<usize> {
    cx.files.close(fd.0)?;
    Ok(0)
}

/// close_range(2).
pub fn close_range(cx: &mut CurrentThread, first: u32, last: u32, flags: u32) -> Result<usize> {
    let flags = CloseRangeFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    if first > last {
        return Err(Errno::EINVAL.into());
    }
    let cloexec = flags.contains(CloseRangeFlags::CLOEXEC);
    if flags.contains(CloseRangeFlags::UNSHARE) && Arc::strong_count(&cx.files) > 1 {
        // What would be closed anyway is not copied, as long as it is the table's tail.
        let tail = !cloexec && last as u64 >= crate::fs::fd_table::NR_OPEN;
        let below = if tail { first as usize } else { usize::MAX };
        let own = cx.files.duplicate_below(below)?;
        let shared = cx.set_files(own);
        drop(shared);
    }
    if cloexec {
        cx.files.set_cloexec_range(first, last);
    } else {
        cx.files.close_range(first, last);
    }
    Ok(0)
}

/// dup(2).
pub fn dup(cx: &mut CurrentThread, fd: Fd) -> Result<usize> {
    let file = cx.files.get(fd.0)?;
    Ok(to_value(cx.files.add(file, 0, fd_limit(cx), false)?))
}

/// dup2(2).
pub fn dup2(cx: &mut CurrentThread, old: Fd, new: Fd) -> Result<usize> {
    if old == new {
        cx.files.get(old.0)?;
        return Ok(to_value(old.0));
    }
    dup_to(cx, old, new, false)
}

/// dup3(2).
pub fn dup3(cx: &mut CurrentThread, old: Fd, new: Fd, flags: u32) -> Result<usize> {
    if flags & !OpenFlags::O_CLOEXEC.bits() != 0 || old == new {
        return Err(Errno::EINVAL.into());
    }
    dup_to(cx, old, new, flags != 0)
}

fn dup_to(cx: &CurrentThread, old: Fd, new: Fd, cloexec: bool) -> Result<usize> {
    let limit = fd_limit(cx);
    if u64::try_from(new.0).map_or(true, |new| new >= limit) {
        return Err(Errno::EBADF.into());
    }
    let file = cx.files.get(old.0)?;
    cx.files.dup_to(new.0, file, limit, cloexec)?;
    Ok(to_value(new.0))
}

/// fcntl(2).
pub fn fcntl(cx: &mut CurrentThread, fd: Fd, cmd: i32, arg: u64) -> Result<usize> {
    let file = cx.files.get(fd.0)?;
    if file.access().path_only && !allowed_on_path(cmd) {
        return Err(Errno::EBADF.into());
    }
    let int = arg as u32;
    match cmd {
        f::F_DUPFD => dup_from(cx, file, int, false),
        f::F_DUPFD_CLOEXEC => dup_from(cx, file, int, true),
        f::F_DUPFD_QUERY => {
            let other = cx.files.get(int as i32)?;
            Ok(Arc::ptr_eq(&file, &other).into())
        }
        f::F_GETFD => Ok(cx.files.cloexec(fd.0)?.into()),
        f::F_SETFD => {
            cx.files.set_cloexec(fd.0, int & f::FD_CLOEXEC != 0)?;
            Ok(0)
        }
        f::F_GETFL => Ok(file.flags().bits() as usize),
        f::F_SETFL => set_flags(cx, &file, OpenFlags::from_bits_retain(int)),
        f::F_GETLK => get_lock(cx, &file, arg, process_owner(cx)),
        f::F_SETLK => set_lock(cx, fd, &file, arg, process_owner(cx), Wait::No),
        f::F_SETLKW => set_lock(cx, fd, &file, arg, process_owner(cx), Wait::Yes),
        f::F_OFD_GETLK => get_lock(cx, &file, arg, file_owner(&file)),
        f::F_OFD_SETLK => set_lock(cx, fd, &file, arg, file_owner(&file), Wait::No),
        f::F_OFD_SETLKW => set_lock(cx, fd, &file, arg, file_owner(&file), Wait::Yes),
        f::F_GETOWN | f::F_SETOWN | f::F_GETOWN_EX | f::F_SETOWN_EX | f::F_GETSIG | f::F_SETSIG => {
            owner(cx, &file, cmd, arg)
        }
        f::F_GETPIPE_SZ => Ok(pipe(&file)?.capacity()),
        f::F_SETPIPE_SZ => pipe(&file)?.resize(int, cx),
        f::F_ADD_SEALS => {
            memfd::add_seals(&file, int)?;
            Ok(0)
        }
        f::F_GET_SEALS => Ok(memfd::seals(&file)? as usize),
        // No leases are given: `F_UNLCK` is what everybody has.
        f::F_GETLEASE => Ok(f::F_UNLCK as usize),
        _ => Err(Errno::EINVAL.into()),
    }
}

fn allowed_on_path(cmd: i32) -> bool {
    matches!(
        cmd,
        f::F_DUPFD | f::F_DUPFD_CLOEXEC | f::F_DUPFD_QUERY | f::F_GETFD | f::F_SETFD | f::F_GETFL
    )
}

fn dup_from(cx: &CurrentThread, file: Arc<OpenFile>, min: u32, cloexec: bool) -> Result<usize> {
    let limit = fd_limit(cx);
    if u64::from(min) >= limit {
        return Err(Errno::EINVAL.into());
    }
    Ok(to_value(cx.files.add(file, min as usize, limit, cloexec)?))
}

fn set_flags(cx: &CurrentThread, file: &OpenFile, new: OpenFlags) -> Result<usize> {
    let old = file.flags();
    let gains_noatime = (new - old).contains(OpenFlags::O_NOATIME);
    if gains_noatime && !permission::is_owner(file.inode().meta(), cx.cred()) {
        return Err(Errno::EPERM.into());
    }
    if (new - old).contains(OpenFlags::O_DIRECT) {
        file.ops().check_flags(new & OpenFlags::SETTABLE)?;
    }
    file.set_flags(new);
    Ok(0)
}

fn pipe(file: &OpenFile) -> Result<&Pipe> {
    Ok(file.ops_as::<Pipe>().ok_or(Errno::EBADF)?)
}

fn process_owner(cx: &CurrentThread) -> LockOwner {
    LockOwner::Process(cx.files.owner_id())
}

fn file_owner(file: &Arc<OpenFile>) -> LockOwner {
    LockOwner::Description(Arc::as_ptr(file).addr())
}

/// The kind, `None` for unlocking, and range that a `struct flock` asks for.
fn decode_lock(file: &OpenFile, lock: &Flock) -> Result<(Option<LockKind>, LockRange)> {
    let base = match u32::try_from(lock.l_whence).map_err(|_| Errno::EINVAL)? {
        seek::SEEK_SET => 0,
        seek::SEEK_CUR => i64::try_from(file.offset()).map_err(|_| Errno::EOVERFLOW)?,
        seek::SEEK_END => i64::try_from(file.inode().size()).map_err(|_| Errno::EOVERFLOW)?,
        _ => return Err(Errno::EINVAL.into()),
    };
    let start = base.checked_add(lock.l_start).ok_or(Errno::EOVERFLOW)?;
    // A negative length is the range before the start; 0 is to the end of everything.
    let (first, last) = match lock.l_len {
        0 => (start, i64::MAX),
        len if len > 0 => (start, start.checked_add(len - 1).ok_or(Errno::EOVERFLOW)?),
        len => (start.checked_add(len).ok_or(Errno::EINVAL)?, start - 1),
    };
    let first = u64::try_from(first).map_err(|_| Errno::EINVAL)?;
    let last = u64::try_from(last).map_err(|_| Errno::EINVAL)?;
    let kind = match lock.l_type {
        f::F_RDLCK => Some(LockKind::Read),
        f::F_WRLCK => Some(LockKind::Write),
        f::F_UNLCK => None,
        _ => return Err(Errno::EINVAL.into()),
    };
    Ok((kind, LockRange { first, last }))
}

/// The pid that a lock shows: descriptions belong to nobody.
fn lock_pid(cx: &CurrentThread, owner: LockOwner) -> i32 {
    match owner {
        LockOwner::Process(_) => i32::try_from(cx.pid()).unwrap_or(0),
        LockOwner::Description(_) => -1,
    }
}

fn get_lock(cx: &CurrentThread, file: &OpenFile, arg: u64, owner: LockOwner) -> Result<usize> {
    let addr = UserAddr::new(arg);
    let mut lock: Flock = user::read(&cx.space, addr)?;
    check_ofd(owner, &lock)?;
    let (kind, range) = decode_lock(file, &lock)?;
    // Asking about an unlock is allowed for descriptions only: it lists what is there.
    let kind = kind.ok_or(Errno::EINVAL)?;
    let want = RecordLock { owner, pid: lock_pid(cx, owner), range, kind };
    let blocker = file.inode().meta().locks_if_any().and_then(|locks| locks.conflict(&want));
    match blocker {
        None => lock.l_type = f::F_UNLCK,
        Some(held) => {
            lock.l_type = if held.kind == LockKind::Read { f::F_RDLCK } else { f::F_WRLCK };
            lock.l_whence = 0;
            lock.l_start = i64::try_from(held.range.first).unwrap_or(i64::MAX);
            let to_end = held.range.last == i64::MAX as u64;
            let len = i64::try_from(held.range.last - held.range.first + 1).unwrap_or(0);
            lock.l_len = if to_end { 0 } else { len };
            lock.l_pid = held.pid;
        }
    }
    user::write(&cx.space, addr, &lock)?;
    Ok(0)
}

/// `F_OFD_*` want the pid to be 0, so that it can mean something one day.
fn check_ofd(owner: LockOwner, lock: &Flock) -> Result<()> {
    if matches!(owner, LockOwner::Description(_)) && lock.l_pid != 0 {
        return Err(Errno::EINVAL.into());
    }
    Ok(())
}

fn set_lock(
    cx: &CurrentThread,
    fd: Fd,
    file: &Arc<OpenFile>,
    arg: u64,
    owner: LockOwner,
    wait: Wait,
) -> Result<usize> {
    let lock: Flock = user::read(&cx.space, UserAddr::new(arg))?;
    let (kind, range) = decode_lock(file, &lock)?;
    let access = file.access();
    match kind {
        Some(LockKind::Read) if !access.read => return Err(Errno::EBADF.into()),
        Some(LockKind::Write) if !access.write => return Err(Errno::EBADF.into()),
        _ => {}
    }
    check_ofd(owner, &lock)?;
    let locks = file.inode().meta().locks();
    let Some(kind) = kind else {
        locks.unlock(owner, range);
        return Ok(0);
    };
    locks.lock(RecordLock { owner, pid: lock_pid(cx, owner), range, kind }, wait)?;
    // Another thread may have closed the descriptor meanwhile and found no lock to release.
    let still = cx.files.get(fd.0).is_ok_and(|now| Arc::ptr_eq(&now, file));
    if !still && matches!(owner, LockOwner::Process(_)) {
        locks.unlock(owner, range);
        return Err(Errno::EBADF.into());
    }
    Ok(0)
}

/// `F_GETOWN` and its family.
fn owner(cx: &CurrentThread, file: &OpenFile, cmd: i32, arg: u64) -> Result<usize> {
    const BY_THREAD: i32 = 0;
    const BY_PROCESS: i32 = 1;
    const BY_GROUP: i32 = 2;
    let (owner, signal) = file.owner();
    match cmd {
        f::F_SETOWN => {
            let id = arg as i32;
            let owner = match id {
                0 => Owner::None,
                i32::MIN => return Err(Errno::EINVAL.into()),
                _ if id < 0 => Owner::Group(id.unsigned_abs()),
                _ => Owner::Process(id.unsigned_abs()),
            };
            file.set_owner(owner);
            Ok(0)
        }
        f::F_GETOWN => Ok(match owner {
            Owner::None => 0,
            Owner::Thread(id) | Owner::Process(id) => id as usize,
            Owner::Group(id) => (id as usize).wrapping_neg(),
        }),
        f::F_SETOWN_EX => {
            let [kind, id]: [i32; 2] = user::read(&cx.space, UserAddr::new(arg))?;
            let id = u32::try_from(id).map_err(|_| Errno::ESRCH)?;
            file.set_owner(match kind {
                _ if id == 0 => Owner::None,
                BY_THREAD => Owner::Thread(id),
                BY_PROCESS => Owner::Process(id),
                BY_GROUP => Owner::Group(id),
                _ => return Err(Errno::EINVAL.into()),
            });
            Ok(0)
        }
        f::F_GETOWN_EX => {
            let (kind, id) = match owner {
                Owner::None => (BY_PROCESS, 0),
                Owner::Thread(id) => (BY_THREAD, id),
                Owner::Process(id) => (BY_PROCESS, id),
                Owner::Group(id) => (BY_GROUP, id),
            };
            let pair = [kind, i32::try_from(id).unwrap_or(0)];
            user::write(&cx.space, UserAddr::new(arg), &pair)?;
            Ok(0)
        }
        f::F_SETSIG => {
            let signal = u32::try_from(arg).ok().filter(|&signal| signal <= 64);
            file.set_owner_signal(signal.ok_or(Errno::EINVAL)?);
            Ok(0)
        }
        _ => Ok(signal as usize),
    }
}

/// flock(2).
pub fn flock(cx: &mut CurrentThread, fd: Fd, operation: u32) -> Result<usize> {
    let exclusive = match operation & !fl::LOCK_NB {
        fl::LOCK_SH => Some(false),
        fl::LOCK_EX => Some(true),
        fl::LOCK_UN => None,
        _ => return Err(Errno::EINVAL.into()),
    };
    let file = cx.files.get_usable(fd.0)?;
    let access = file.access();
    if exclusive.is_some() && !access.read && !access.write {
        return Err(Errno::EBADF.into());
    }
    let wait = if operation & fl::LOCK_NB != 0 { Wait::No } else { Wait::Yes };
    let id = Arc::as_ptr(&file).addr();
    let locks = file.inode().meta().locks();
    match exclusive {
        Some(exclusive) => locks.flock(id, exclusive, wait)?,
        None => locks.funlock(id),
    }
    Ok(0)
}

/// ioctl(2).
pub fn ioctl(cx: &mut CurrentThread, fd: Fd, cmd: u32, arg: u64) -> Result<usize> {
    let file = cx.files.get_usable(fd.0)?;
    match cmd {
        FIOCLEX => cx.files.set_cloexec(fd.0, true)?,
        FIONCLEX => cx.files.set_cloexec(fd.0, false)?,
        FIONBIO => toggle(&file, OpenFlags::O_NONBLOCK, get_int(cx, arg)? != 0),
        FIOASYNC => toggle(&file, OpenFlags::O_ASYNC, get_int(cx, arg)? != 0),
        FIGETBSZ => return put_int(cx, arg, 4096),
        FIOQSIZE => return size_of_tree(cx, &file, arg),
        FICLONE => return Err(Errno::EOPNOTSUPP.into()),
        FIONREAD if file.inode().meta().file_type() == FileType::Regular => {
            let left = file.inode().size().saturating_sub(file.offset());
            return put_int(cx, arg, usize::try_from(left).unwrap_or(usize::MAX));
        }
        _ => return file.ops().ioctl(&file, cmd, arg, cx),
    }
    Ok(0)
}

fn toggle(file: &OpenFile, flag: OpenFlags, on: bool) {
    let mut flags = file.flags();
    flags.set(flag, on);
    file.set_flags(flags);
}

fn size_of_tree(cx: &CurrentThread, file: &OpenFile, arg: u64) -> Result<usize> {
    if !matches!(file.inode().meta().file_type(), FileType::Regular | FileType::Directory) {
        return Err(Errno::ENOTTY.into());
    }
    let size = i64::try_from(file.inode().blocks() * 512).unwrap_or(i64::MAX);
    user::write(&cx.space, UserAddr::new(arg), &size)?;
    Ok(0)
}
