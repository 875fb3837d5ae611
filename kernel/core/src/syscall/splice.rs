//! Moving bytes between files inside of the kernel: sendfile(2), splice(2), tee(2), vmsplice(2),
//! copy_file_range(2).
//!
//! Bytes are copied through a buffer of the kernel's: the calls save the way to user space and
//! back, not the copy.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::file::{MAX_RW_COUNT, SpliceFlags};
use abi::{Errno, OpenFlags, Signal};
use machine::addr::UserAddr;

use super::args::Fd;
use crate::error::{Error, Result};
use crate::fs::FileType;
use crate::fs::caller::Caller;
use crate::fs::file::{Io, OpenFile};
use crate::fs::pipe::Pipe;
use crate::fs::pipe_ends::{Reader, Writer};
use crate::mm::user::{self, IoVecs, Sink, Source};
use crate::task::CurrentThread;

/// The buffer between the two files.
const BUFFER: usize = 16 << 10;

fn buffer() -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(BUFFER)?;
    buffer.resize(BUFFER, 0);
    Ok(buffer)
}

/// One side of a copy: a file and a position in it, given or the description's own.
struct Side {
    file: Arc<OpenFile>,
    /// Where the caller's position is kept; null for the description's.
    addr: UserAddr,
    pos: u64,
}

impl Side {
    fn new(cx: &CurrentThread, file: Arc<OpenFile>, addr: UserAddr) -> Result<Self> {
        let pos = if addr.is_null() {
            file.offset()
        } else {
            let pos: i64 = user::read(&cx.space, addr)?;
            u64::try_from(pos).map_err(|_| Errno::EINVAL)?
        };
        Ok(Self { file, addr, pos })
    }

    /// Tells how far it got.
    fn store(&self, cx: &CurrentThread) -> Result<()> {
        if !self.addr.is_null() {
            let pos = i64::try_from(self.pos).map_err(|_| Errno::EOVERFLOW)?;
            return user::write(&cx.space, self.addr, &pos);
        }
        if self.file.access().seekable {
            self.file.set_offset(self.pos);
        }
        Ok(())
    }

    fn io<'a>(&self, cx: &'a CurrentThread) -> Io<'a> {
        self.file.io(cx, self.pos)
    }

    fn read(&mut self, cx: &CurrentThread, to: &mut [u8]) -> Result<usize> {
        let mut io = self.io(cx);
        let count = self.file.ops().read(&self.file, &mut Sink::kernel(to), &mut io)?;
        Ok(count)
    }

    /// Writes and moves on.
    fn write(&mut self, cx: &CurrentThread, from: &[u8]) -> Result<usize> {
        let mut io = self.io(cx);
        let count = self.file.ops().write(&self.file, &mut Source::kernel(from), &mut io)?;
        self.pos += count as u64;
        Ok(count)
    }
}

/// Copies up to `count` bytes from a seekable file.
fn copy(cx: &CurrentThread, input: &mut Side, output: &mut Side, count: usize) -> Result<usize> {
    let mut buffer = buffer()?;
    let mut done = 0;
    while done < count {
        let want = (count - done).min(BUFFER);
        let step = input.read(cx, &mut buffer[..want]).and_then(|got| {
            if got == 0 { Ok((0, 0)) } else { Ok((got, output.write(cx, &buffer[..got])?)) }
        });
        let (got, written) = match step {
            Ok(step) => step,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        };
        // What was read but not written is read again by the next call.
        input.pos += written as u64;
        done += written;
        if written < got || got == 0 {
            break;
        }
        if cx.signal_pending() {
            break;
        }
        crate::sched::preempt_if_needed();
    }
    Ok(done)
}

/// sendfile(2).
pub fn sendfile(
    cx: &mut CurrentThread,
    out_fd: Fd,
    in_fd: Fd,
    offset: UserAddr,
    count: usize,
) -> Result<usize> {
    let input = cx.files.get_usable(in_fd.0)?;
    if !input.access().read {
        return Err(Errno::EBADF.into());
    }
    if !input.access().seekable {
        return Err(if offset.is_null() { Errno::EINVAL } else { Errno::ESPIPE }.into());
    }
    let output = cx.files.get_usable(out_fd.0)?;
    if !output.access().write {
        return Err(Errno::EBADF.into());
    }
    if output.flags().contains(OpenFlags::O_APPEND) || input.inode().meta().is_dir() {
        return Err(Errno::EINVAL.into());
    }
    let mut from = Side::new(cx, input, offset)?;
    let mut to = Side::new(cx, output, UserAddr::new(0))?;
    let done = copy(cx, &mut from, &mut to, count.min(MAX_RW_COUNT))?;
    from.store(cx)?;
    to.store(cx)?;
    Ok(done)
}

/// copy_file_range(2).
pub fn copy_file_range(
    cx: &mut CurrentThread,
    in_fd: Fd,
    in_offset: UserAddr,
    out_fd: Fd,
    out_offset: UserAddr,
    len: usize,
    flags: u32,
) -> Result<usize> {
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let input = cx.files.get_usable(in_fd.0)?;
    let output = cx.files.get_usable(out_fd.0)?;
    let mut from = Side::new(cx, input, in_offset)?;
    let mut to = Side::new(cx, output, out_offset)?;
    let (in_meta, out_meta) = (from.file.inode().meta(), to.file.inode().meta());
    if in_meta.is_dir() || out_meta.is_dir() {
        return Err(Errno::EISDIR.into());
    }
    if !in_meta.is_regular() || !out_meta.is_regular() {
        return Err(Errno::EINVAL.into());
    }
    let appends = to.file.flags().contains(OpenFlags::O_APPEND);
    if !from.file.access().read || !to.file.access().write || appends {
        return Err(Errno::EBADF.into());
    }
    let len = len.min(MAX_RW_COUNT);
    let ends = (from.pos.checked_add(len as u64), to.pos.checked_add(len as u64));
    let (Some(in_end), Some(out_end)) = ends else {
        return Err(Errno::EOVERFLOW.into());
    };
    let same = Arc::ptr_eq(from.file.inode(), to.file.inode());
    let left = from.file.inode().size().saturating_sub(from.pos);
    let count = usize::try_from(left).unwrap_or(usize::MAX).min(len);
    if same && from.pos < out_end && to.pos < in_end {
        return Err(Errno::EINVAL.into());
    }
    let done = copy(cx, &mut from, &mut to, count)?;
    from.store(cx)?;
    to.store(cx)?;
    Ok(done)
}

fn splice_flags(raw: u32) -> Result<SpliceFlags> {
    Ok(SpliceFlags::from_bits(raw).ok_or(Errno::EINVAL)?)
}

/// splice(2).
pub fn splice(
    cx: &mut CurrentThread,
    in_fd: Fd,
    in_offset: UserAddr,
    out_fd: Fd,
    out_offset: UserAddr,
    len: usize,
    flags: u32,
) -> Result<usize> {
    if len == 0 {
        return Ok(0);
    }
    let flags = splice_flags(flags)?;
    let input = cx.files.get_usable(in_fd.0)?;
    let output = cx.files.get_usable(out_fd.0)?;
    if !input.access().read || !output.access().write {
        return Err(Errno::EBADF.into());
    }
    let nonblock = flags.contains(SpliceFlags::NONBLOCK);
    let len = len.min(MAX_RW_COUNT);
    match (input.ops_as::<Pipe>(), output.ops_as::<Pipe>()) {
        (Some(from), Some(to)) => {
            if !in_offset.is_null() || !out_offset.is_null() {
                return Err(Errno::ESPIPE.into());
            }
            if core::ptr::eq(from, to) {
                return Err(Errno::EINVAL.into());
            }
            let wait = [nonblock || input.nonblock(), nonblock || output.nonblock()];
            between(cx, from, to, len, wait, Keep::No)
        }
        (Some(from), None) => {
            check_offset(in_offset, out_offset, &output)?;
            if output.flags().contains(OpenFlags::O_APPEND) {
                return Err(Errno::EINVAL.into());
            }
            let nonblock = nonblock || input.nonblock();
            let mut to = Side::new(cx, output.clone(), out_offset)?;
            let done = from_pipe(cx, from, &mut to, len, nonblock)?;
            to.store(cx)?;
            Ok(done)
        }
        (None, Some(to)) => {
            check_offset(out_offset, in_offset, &input)?;
            let nonblock = nonblock || output.nonblock();
            let mut from = Side::new(cx, input.clone(), in_offset)?;
            let done = into_pipe(cx, &mut from, to, len, nonblock)?;
            from.store(cx)?;
            Ok(done)
        }
        (None, None) => Err(Errno::EINVAL.into()),
    }
}

/// Pipes have no offset, and the other side only if it is seekable.
fn check_offset(pipe: UserAddr, other: UserAddr, file: &OpenFile) -> Result<()> {
    if !pipe.is_null() || (!other.is_null() && !file.access().seekable) {
        return Err(Errno::ESPIPE.into());
    }
    if file.inode().meta().is_dir() {
        return Err(Errno::EINVAL.into());
    }
    Ok(())
}

/// Copies bytes of the pipe, `skip` after the oldest, into `to`.
fn peek(reader: &Reader<'_>, skip: usize, to: &mut [u8]) -> usize {
    let mut done = 0;
    while done < to.len()
        && let Some(part) = reader.peek(skip + done)
    {
        let len = part.len.min(to.len() - done);
        match &part.frame {
            Some(frame) => frame.read(part.offset, &mut to[done..done + len]),
            None => break,
        }
        done += len;
    }
    done
}

fn from_pipe(
    cx: &CurrentThread,
    from: &Pipe,
    to: &mut Side,
    len: usize,
    nonblock: bool,
) -> Result<usize> {
    let Some(reader) = from.reader(nonblock)? else {
        return Ok(0);
    };
    let mut buffer = buffer()?;
    let mut done = 0;
    while done < len {
        let want = (len - done).min(BUFFER);
        let got = peek(&reader, 0, &mut buffer[..want]);
        if got == 0 {
            break;
        }
        match to.write(cx, &buffer[..got]) {
            Ok(count) => {
                reader.consume(count);
                done += count;
                if count < got {
                    break;
                }
            }
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

/// Passes as a writer of the pipe; a pipe without readers raises `SIGPIPE`.
fn writer<'a>(cx: &CurrentThread, pipe: &'a Pipe, nonblock: bool) -> Result<Writer<'a>> {
    pipe.writer(nonblock).inspect_err(|error| {
        if matches!(error, Error::Errno(Errno::EPIPE)) {
            cx.signal_self(Signal::SIGPIPE);
        }
    })
}

fn into_pipe(
    cx: &CurrentThread,
    from: &mut Side,
    to: &Pipe,
    len: usize,
    nonblock: bool,
) -> Result<usize> {
    let mut buffer = buffer()?;
    let writer = writer(cx, to, nonblock)?;
    let mut done = 0;
    while done < len {
        // Reads no more than fits: what was read cannot be put back.
        let want = (len - done).min(BUFFER).min(writer.space());
        if want == 0 {
            break;
        }
        let got = match from.read(cx, &mut buffer[..want]) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        };
        let (count, result) = writer.fill(&mut Source::kernel(&buffer[..got]));
        from.pos += count as u64;
        done += count;
        match result {
            Ok(()) => {}
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

/// Whether the bytes stay in the pipe that they are taken from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

fn between(
    cx: &CurrentThread,
    from: &Pipe,
    to: &Pipe,
    len: usize,
    nonblock: [bool; 2],
    keep: Keep,
) -> Result<usize> {
    let mut buffer = buffer()?;
    loop {
        // Waits for both, but keeps none while it waits for the other: two processes that splice
        // in opposite directions would wait for ever.
        if from.reader(nonblock[0])?.is_none() {
            return Ok(0);
        }
        let writer = writer(cx, to, nonblock[1])?;
        let reader = match from.reader(true) {
            Ok(Some(reader)) => reader,
            Ok(None) => return Ok(0),
            Err(Error::Errno(Errno::EAGAIN)) if !nonblock[0] => continue,
            Err(error) => return Err(error),
        };
        let mut done = 0;
        while done < len {
            let want = (len - done).min(BUFFER).min(writer.space());
            let skip = if keep == Keep::Yes { done } else { 0 };
            let got = peek(&reader, skip, &mut buffer[..want]);
            if got == 0 {
                break;
            }
            let (count, result) = writer.fill(&mut Source::kernel(&buffer[..got]));
            if keep == Keep::No {
                reader.consume(count);
            }
            done += count;
            match result {
                Ok(()) => {}
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        return Ok(done);
    }
}

/// tee(2).
pub fn tee(cx: &mut CurrentThread, in_fd: Fd, out_fd: Fd, len: usize, flags: u32) -> Result<usize> {
    let flags = splice_flags(flags)?;
    if len == 0 {
        return Ok(0);
    }
    let input = cx.files.get_usable(in_fd.0)?;
    let output = cx.files.get_usable(out_fd.0)?;
    if !input.access().read || !output.access().write {
        return Err(Errno::EBADF.into());
    }
    let from = input.ops_as::<Pipe>().ok_or(Errno::EINVAL)?;
    let to = output.ops_as::<Pipe>().ok_or(Errno::EINVAL)?;
    if core::ptr::eq(from, to) {
        return Err(Errno::EINVAL.into());
    }
    let nonblock = flags.contains(SpliceFlags::NONBLOCK);
    let wait = [nonblock || input.nonblock(), nonblock || output.nonblock()];
    between(cx, from, to, len.min(MAX_RW_COUNT), wait, Keep::Yes)
}

/// vmsplice(2): pages are copied, never given away.
pub fn vmsplice(
    cx: &mut CurrentThread,
    fd: Fd,
    addr: UserAddr,
    count: usize,
    flags: u32,
) -> Result<usize> {
    let flags = splice_flags(flags)?;
    let file = cx.files.get_usable(fd.0)?;
    if file.inode().meta().file_type() != FileType::Fifo || file.ops_as::<Pipe>().is_none() {
        return Err(Errno::EBADF.into());
    }
    let vecs = IoVecs::read(&cx.space, addr, count)?;
    let mut io = file.io(cx, 0);
    io.nonblock |= flags.contains(SpliceFlags::NONBLOCK);
    if file.access().write {
        file.ops().write(&file, &mut Source::user(&cx.space, &vecs), &mut io)
    } else {
        file.ops().read(&file, &mut Sink::user(&cx.space, &vecs), &mut io)
    }
}
