//! What /proc shows of a process's memory contents: arguments, environment, `mem`.

use alloc::sync::Arc;

use abi::Errno;
use machine::addr::{PAGE_SIZE, UserAddr};

use super::process::{Task, may_inspect};
use super::text::Text;
use crate::error::Result;
use crate::fs::file::{FileOps, Io, OpenFile, Seek};
use crate::fs::open::OpenCx;
use crate::mm::AddressSpace;
use crate::mm::user::{Sink, Source};

/// The most that is shown of arguments or environment.
const AREA_MAX: u64 = 2 << 20;

/// Appends the bytes from `start` to `end` of a process's memory.
fn put_area(space: &AddressSpace, start: u64, end: u64, out: &mut Text) {
    let mut at = start;
    let end = end.min(start.saturating_add(AREA_MAX));
    let mut chunk = [0; 256];
    while at < end {
        let len = chunk.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
        let count = space.read_remote(UserAddr::new(at), &mut chunk[..len], true);
        out.push(&chunk[..count]);
        if count < len {
            return;
        }
        at += len as u64;
    }
}

/// /proc/PID/cmdline. Whoever overwrote the end of its arguments to rename itself is shown up to
/// where that text ends, in the environment.
pub fn cmdline(task: &Task, out: &mut Text) -> Result<()> {
    let Some(space) = task.space() else { return Ok(()) };
    let layout = space.layout();
    let (start, end) = (layout.arg_start, layout.arg_end);
    if start >= end {
        return Ok(());
    }
    let mut last = [0];
    let read = space.read_remote(UserAddr::new(end - 1), &mut last, true);
    if read == 1 && last[0] != 0 && layout.env_start == end {
        let mut all = Text::default();
        put_area(&space, start, layout.env_end, &mut all);
        let all = all.finish()?;
        let len = all.iter().position(|&byte| byte == 0).map_or(all.len(), |nul| nul + 1);
        out.push(&all[..len]);
    } else {
        put_area(&space, start, end, out);
    }
    Ok(())
}

/// /proc/PID/environ.
pub fn environ(task: &Task, out: &mut Text) -> Result<()> {
    if let Some(space) = task.space() {
        let layout = space.layout();
        put_area(&space, layout.env_start, layout.env_end, out);
    }
    Ok(())
}

/// /proc/PID/auxv.
pub fn auxv(task: &Task, out: &mut Text) -> Result<()> {
    if let Some(space) = task.space() {
        out.push(&space.layout().auxv);
    }
    Ok(())
}

/// Opens /proc/PID/mem. The memory is the one of now: after an exec the file reads as ended.
pub fn open(task: &Task, cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
    may_inspect(task, cx.caller)?;
    let space = task.space().ok_or(Errno::ESRCH)?;
    Ok(Arc::new(Memory(Arc::downgrade(&space))))
}

/// An open /proc/PID/mem. It does not keep the memory alive.
struct Memory(alloc::sync::Weak<AddressSpace>);

impl FileOps for Memory {
    fn read(&self, _: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        let Some(space) = self.0.upgrade() else { return Ok(0) };
        let mut page = alloc::vec![0; PAGE_SIZE];
        let mut total = 0;
        while dst.remaining() > 0 {
            let len = dst.remaining().min(PAGE_SIZE);
            let count = space.read_remote(UserAddr::new(io.pos), &mut page[..len], true);
            if count == 0 {
                break;
            }
            let stored = dst.write(&page[..count])?;
            io.pos += stored as u64;
            total += stored;
            if stored < len {
                break;
            }
        }
        if total == 0 && dst.remaining() > 0 { Err(Errno::EIO.into()) } else { Ok(total) }
    }

    fn write(&self, _: &OpenFile, src: &mut Source<'_>, io: &mut Io<'_>) -> Result<usize> {
        let Some(space) = self.0.upgrade() else { return Ok(0) };
        let mut page = alloc::vec![0; PAGE_SIZE];
        let mut total = 0;
        while src.remaining() > 0 {
            let len = src.remaining().min(PAGE_SIZE);
            let taken = src.read(&mut page[..len])?;
            let count = space.write_remote(UserAddr::new(io.pos), &page[..taken], true);
            io.pos += count as u64;
            total += count;
            if count < taken || taken < len {
                break;
            }
        }
        if total == 0 { Err(Errno::EIO.into()) } else { Ok(total) }
    }

    fn seekable(&self) -> bool {
        true
    }

    /// Any address is a position; negative ones are the upper half.
    fn seek(&self, _: &OpenFile, now: u64, to: Seek) -> Result<u64> {
        match to {
            Seek::Set(offset) => Ok(offset.cast_unsigned()),
            Seek::Current(offset) => Ok(now.wrapping_add_signed(offset)),
            _ => Err(Errno::EINVAL.into()),
        }
    }
}
