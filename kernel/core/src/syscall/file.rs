//! Opening, reading, writing, seeking, sizes.

use alloc::sync::Arc;

use abi::file::{OpenHow, ResolveFlags, RwFlags, seek};
use abi::mman::MemfdFlags;
use abi::{AT_FDCWD, Errno, OpenFlags};
use machine::addr::UserAddr;

use super::args::Fd;
use super::path::{read_path, start};
use crate::error::Result;
use crate::fs::file::{Io, OpenFile, Seek};
use crate::fs::open::{self, OpenRequest};
use crate::fs::walk::WalkCx;
use crate::fs::{attr, memfd};
use crate::mm::user::{self, IoVecs, Sink, Source};
use crate::task::CurrentThread;

/// `RLIMIT_NOFILE` of the caller.
pub(super) fn fd_limit(cx: &CurrentThread) -> u64 {
    cx.process.limits.soft(abi::limits::RLIMIT_NOFILE)
}

fn readable(cx: &CurrentThread, fd: Fd) -> Result<Arc<OpenFile>> {
    let file = cx.files.get_usable(fd.0)?;
    if file.access().read { Ok(file) } else { Err(Errno::EBADF.into()) }
}

fn writable(cx: &CurrentThread, fd: Fd) -> Result<Arc<OpenFile>> {
    let file = cx.files.get_usable(fd.0)?;
    if file.access().write { Ok(file) } else { Err(Errno::EBADF.into()) }
}

/// Runs `transfer` at the offset of the description, and moves that on.
#[inline]
fn at_offset(
    cx: &CurrentThread,
    file: &OpenFile,
    flags: RwFlags,
    transfer: impl FnOnce(&mut Io<'_>) -> Result<usize>,
) -> Result<usize> {
    let access = file.access();
    let _pass = access.atomic_offset.then(|| file.lock_offset());
    let mut io = file.io(cx, file.offset());
    apply_flags(&mut io, flags);
    let done = transfer(&mut io)?;
    if access.seekable {
        file.set_offset(io.pos);
    }
    Ok(done)
}

fn apply_flags(io: &mut Io<'_>, flags: RwFlags) {
    io.nonblock |= flags.contains(RwFlags::NOWAIT);
    io.append |= flags.contains(RwFlags::APPEND);
    io.append &= !flags.contains(RwFlags::NOAPPEND);
}

/// read(2).
pub fn read(cx: &mut CurrentThread, fd: Fd, buf: UserAddr, count: usize) -> Result<usize> {
    let file = readable(cx, fd)?;
    let vecs = IoVecs::single(buf, count)?;
    let mut sink = Sink::user(&cx.space, &vecs);
    at_offset(cx, &file, RwFlags::empty(), |io| file.ops().read(&file, &mut sink, io))
}

/// write(2).
pub fn write(cx: &mut CurrentThread, fd: Fd, buf: UserAddr, count: usize) -> Result<usize> {
    let file = writable(cx, fd)?;
    let vecs = IoVecs::single(buf, count)?;
    let mut source = Source::user(&cx.space, &vecs);
    at_offset(cx, &file, RwFlags::empty(), |io| file.ops().write(&file, &mut source, io))
}

/// The position of a call that has one.
fn position(pos: i64) -> Result<u64> {
    Ok(u64::try_from(pos).map_err(|_| Errno::EINVAL)?)
}

/// pread(2).
pub fn pread64(
    cx: &mut CurrentThread,
    fd: Fd,
    buf: UserAddr,
    count: usize,
    pos: i64,
) -> Result<usize> {
    let pos = position(pos)?;
    let file = cx.files.get_usable(fd.0)?;
    check_seekable(&file)?;
    if !file.access().read {
        return Err(Errno::EBADF.into());
    }
    let vecs = IoVecs::single(buf, count)?;
    file.ops().read(&file, &mut Sink::user(&cx.space, &vecs), &mut file.io(cx, pos))
}

/// pwrite(2).
pub fn pwrite64(
    cx: &mut CurrentThread,
    fd: Fd,
    buf: UserAddr,
    count: usize,
    pos: i64,
) -> Result<usize> {
    let pos = position(pos)?;
    let file = cx.files.get_usable(fd.0)?;
    check_seekable(&file)?;
    if !file.access().write {
        return Err(Errno::EBADF.into());
    }
    let vecs = IoVecs::single(buf, count)?;
    file.ops().write(&file, &mut Source::user(&cx.space, &vecs), &mut file.io(cx, pos))
}

fn check_seekable(file: &OpenFile) -> Result<()> {
    if file.access().seekable { Ok(()) } else { Err(Errno::ESPIPE.into()) }
}

/// What readv(2) and its kin are asked: `pos` is `None` for the offset of the description.
struct Vectored {
    addr: UserAddr,
    count: usize,
    pos: Option<u64>,
    flags: RwFlags,
}

/// Decodes `RWF_*`.
///
/// # Errors
/// `EOPNOTSUPP` for what is not known; `EINVAL` for a contradiction.
fn rw_flags(raw: u32) -> Result<RwFlags> {
    let flags = RwFlags::from_bits(raw).ok_or(Errno::EOPNOTSUPP)?;
    if flags.contains(RwFlags::APPEND | RwFlags::NOAPPEND) {
        return Err(Errno::EINVAL.into());
    }
    Ok(flags)
}

fn read_vectored(cx: &CurrentThread, fd: Fd, request: Vectored) -> Result<usize> {
    let file = cx.files.get_usable(fd.0)?;
    if request.pos.is_some() {
        check_seekable(&file)?;
    }
    if !file.access().read {
        return Err(Errno::EBADF.into());
    }
    let vecs = IoVecs::read(&cx.space, request.addr, request.count)?;
    let mut sink = Sink::user(&cx.space, &vecs);
    match request.pos {
        None => at_offset(cx, &file, request.flags, |io| file.ops().read(&file, &mut sink, io)),
        Some(pos) => {
            let mut io = file.io(cx, pos);
            apply_flags(&mut io, request.flags);
            file.ops().read(&file, &mut sink, &mut io)
        }
    }
}

fn write_vectored(cx: &CurrentThread, fd: Fd, request: Vectored) -> Result<usize> {
    let file = cx.files.get_usable(fd.0)?;
    if request.pos.is_some() {
        check_seekable(&file)?;
    }
    if !file.access().write {
        return Err(Errno::EBADF.into());
    }
    let vecs = IoVecs::read(&cx.space, request.addr, request.count)?;
    let mut source = Source::user(&cx.space, &vecs);
    match request.pos {
        None => at_offset(cx, &file, request.flags, |io| file.ops().write(&file, &mut source, io)),
        Some(pos) => {
            let mut io = file.io(cx, pos);
            apply_flags(&mut io, request.flags);
            file.ops().write(&file, &mut source, &mut io)
        }
    }
}

/// readv(2).
pub fn readv(cx: &mut CurrentThread, fd: Fd, addr: UserAddr, count: usize) -> Result<usize> {
    read_vectored(cx, fd, Vectored { addr, count, pos: None, flags: RwFlags::empty() })
}

/// writev(2).
pub fn writev(cx: &mut CurrentThread, fd: Fd, addr: UserAddr, count: usize) -> Result<usize> {
    write_vectored(cx, fd, Vectored { addr, count, pos: None, flags: RwFlags::empty() })
}

/// preadv(2). The upper half of the position is 0 on 64-bit machines.
pub fn preadv(
    cx: &mut CurrentThread,
    fd: Fd,
    addr: UserAddr,
    count: usize,
    pos: i64,
) -> Result<usize> {
    let pos = Some(position(pos)?);
    read_vectored(cx, fd, Vectored { addr, count, pos, flags: RwFlags::empty() })
}

/// pwritev(2).
pub fn pwritev(
    cx: &mut CurrentThread,
    fd: Fd,
    addr: UserAddr,
    count: usize,
    pos: i64,
) -> Result<usize> {
    let pos = Some(position(pos)?);
    write_vectored(cx, fd, Vectored { addr, count, pos, flags: RwFlags::empty() })
}

/// The position of preadv2(2): -1 is the offset of the description.
fn position2(pos: i64) -> Result<Option<u64>> {
    if pos == -1 { Ok(None) } else { Ok(Some(position(pos)?)) }
}

/// preadv2(2).
pub fn preadv2(
    cx: &mut CurrentThread,
    fd: Fd,
    addr: UserAddr,
    count: usize,
    pos: i64,
    _pos_high: u64,
    flags: u32,
) -> Result<usize> {
    let pos = position2(pos)?;
    let flags = rw_flags(flags)?;
    read_vectored(cx, fd, Vectored { addr, count, pos, flags })
}

/// pwritev2(2).
pub fn pwritev2(
    cx: &mut CurrentThread,
    fd: Fd,
    addr: UserAddr,
    count: usize,
    pos: i64,
    _pos_high: u64,
    flags: u32,
) -> Result<usize> {
    let pos = position2(pos)?;
    let flags = rw_flags(flags)?;
    write_vectored(cx, fd, Vectored { addr, count, pos, flags })
}

/// lseek(2).
pub fn lseek(cx: &mut CurrentThread, fd: Fd, offset: i64, whence: u32) -> Result<usize> {
    let file = cx.files.get_usable(fd.0)?;
    let to = match whence {
        seek::SEEK_SET => Seek::Set(offset),
        seek::SEEK_CUR => Seek::Current(offset),
        seek::SEEK_END => Seek::End(offset),
        seek::SEEK_DATA => Seek::Data(offset),
        seek::SEEK_HOLE => Seek::Hole(offset),
        _ => return Err(Errno::EINVAL.into()),
    };
    check_seekable(&file)?;
    let _pass = file.access().atomic_offset.then(|| file.lock_offset());
    let pos = file.ops().seek(&file, file.offset(), to)?;
    file.set_offset(pos);
    Ok(usize::try_from(pos).map_err(|_| Errno::EOVERFLOW)?)
}

/// open(2).
pub fn open(cx: &mut CurrentThread, path: UserAddr, flags: u32, mode: u32) -> Result<usize> {
    openat(cx, Fd(AT_FDCWD), path, flags, mode)
}

/// creat(2).
pub fn creat(cx: &mut CurrentThread, path: UserAddr, mode: u32) -> Result<usize> {
    let flags = OpenFlags::O_CREAT | OpenFlags::O_WRONLY | OpenFlags::O_TRUNC;
    openat(cx, Fd(AT_FDCWD), path, flags.bits(), mode)
}

/// openat(2): flags that it does not know are ignored, as they always were.
pub fn openat(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    flags: u32,
    mode: u32,
) -> Result<usize> {
    let mut flags = OpenFlags::from_bits_truncate(flags);
    if flags.contains(OpenFlags::__O_SYNC) {
        flags |= OpenFlags::O_DSYNC;
    }
    let request = OpenRequest {
        flags: flags | OpenFlags::O_LARGEFILE,
        mode: mode & 0o7777,
        resolve: ResolveFlags::empty(),
        exec: false,
    };
    do_open(cx, dirfd, path, request)
}

fn do_open(cx: &CurrentThread, dirfd: Fd, path: UserAddr, request: OpenRequest) -> Result<usize> {
    let request = request.validate()?;
    let path = read_path(cx, path)?;
    if path.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    let cloexec = request.flags.contains(OpenFlags::O_CLOEXEC);
    let reserved = cx.files.reserve(fd_limit(cx), cloexec)?;
    let start = start(cx, dirfd, &path)?;
    let file = open::open(&WalkCx::of(cx), &start, &path, &request)?;
    Ok(to_value(reserved.install(file)))
}

/// A descriptor as a result.
pub(super) fn to_value(fd: i32) -> usize {
    usize::try_from(fd).expect("invariant: a descriptor that was given out is not negative")
}

/// openat2(2).
pub fn openat2(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    how: UserAddr,
    size: usize,
) -> Result<usize> {
    let known = size_of::<OpenHow>();
    if size < known {
        return Err(Errno::EINVAL.into());
    }
    if size > 4096 {
        return Err(Errno::E2BIG.into());
    }
    // A newer program may hand over more, as long as the rest is zero.
    let rest: alloc::vec::Vec<u8> =
        user::read_array(&cx.space, how.wrapping_add(known as u64), size - known)?;
    if rest.iter().any(|&byte| byte != 0) {
        return Err(Errno::E2BIG.into());
    }
    let how: OpenHow = user::read(&cx.space, how)?;
    do_open(cx, dirfd, path, decode_how(&how)?)
}

/// The strict rules of openat2(2).
fn decode_how(how: &OpenHow) -> Result<OpenRequest> {
    let bits = u32::try_from(how.flags).map_err(|_| Errno::EINVAL)?;
    let mut flags = OpenFlags::from_bits(bits).ok_or(Errno::EINVAL)?;
    let resolve = ResolveFlags::from_bits(how.resolve).ok_or(Errno::EINVAL)?;
    if resolve.contains(ResolveFlags::BENEATH | ResolveFlags::IN_ROOT) {
        return Err(Errno::EINVAL.into());
    }
    let creates = flags.intersects(OpenFlags::O_CREAT | OpenFlags::__O_TMPFILE);
    let allowed = if creates { 0o7777 } else { 0 };
    if how.mode & !allowed != 0 {
        return Err(Errno::EINVAL.into());
    }
    if flags.contains(OpenFlags::O_PATH) && !OpenFlags::WITH_PATH.contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    let changes = OpenFlags::O_TRUNC | OpenFlags::O_CREAT | OpenFlags::__O_TMPFILE;
    if resolve.contains(ResolveFlags::CACHED) && flags.intersects(changes) {
        return Err(Errno::EAGAIN.into());
    }
    if flags.contains(OpenFlags::__O_SYNC) {
        flags |= OpenFlags::O_DSYNC;
    }
    let mode = u32::try_from(how.mode).map_err(|_| Errno::EINVAL)?;
    Ok(OpenRequest { flags: flags | OpenFlags::O_LARGEFILE, mode, resolve, exec: false })
}

/// ftruncate(2).
pub fn ftruncate(cx: &mut CurrentThread, fd: Fd, size: i64) -> Result<usize> {
    let size = u64::try_from(size).map_err(|_| Errno::EINVAL)?;
    let file = cx.files.get_usable(fd.0)?;
    if !file.inode().meta().is_regular() || !file.access().write {
        return Err(Errno::EINVAL.into());
    }
    attr::truncate_limited(file.inode(), size, cx)?;
    Ok(0)
}

/// memfd_create(2).
pub fn memfd_create(cx: &mut CurrentThread, name: UserAddr, flags: u32) -> Result<usize> {
    const SUPPORTED: MemfdFlags = MemfdFlags::MFD_CLOEXEC
        .union(MemfdFlags::MFD_ALLOW_SEALING)
        .union(MemfdFlags::MFD_NOEXEC_SEAL)
        .union(MemfdFlags::MFD_EXEC);
    let flags = MemfdFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let contradicts = MemfdFlags::MFD_EXEC | MemfdFlags::MFD_NOEXEC_SEAL;
    if !SUPPORTED.contains(flags) || flags.contains(contradicts) {
        return Err(Errno::EINVAL.into());
    }
    let name = match user::read_cstr(&cx.space, name, memfd::NAME_MAX + 1) {
        Err(crate::error::Error::Errno(Errno::ENAMETOOLONG)) => return Err(Errno::EINVAL.into()),
        name => name?,
    };
    let cloexec = flags.contains(MemfdFlags::MFD_CLOEXEC);
    let reserved = cx.files.reserve(fd_limit(cx), cloexec)?;
    Ok(to_value(reserved.install(memfd::create(&name, flags, cx)?)))
}
