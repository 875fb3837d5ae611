//! /proc/PID/pagemap: for each page, eight bytes that say what is behind it.

use alloc::sync::{Arc, Weak};

use abi::Errno;
use abi::cap::CAP_SYS_ADMIN;
use machine::addr::{PAGE_SHIFT, PAGE_SIZE, USER_END, UserAddr};
use machine::paging::{Mapping, PageFlags};

use super::process::{Task, may_inspect};
use crate::error::Result;
use crate::fs::file::{FileOps, Io, OpenFile, Seek, seek_in};
use crate::fs::open::OpenCx;
use crate::mm::AddressSpace;
use crate::mm::user::Sink;

/// Bytes per page.
const ENTRY: u64 = 8;
/// Pages that are looked up at a time.
const BATCH: usize = 64;

const SOFT_DIRTY: u64 = 1 << 55;
const EXCLUSIVE: u64 = 1 << 56;
const FILE: u64 = 1 << 61;
const PRESENT: u64 = 1 << 63;
const FRAME: u64 = (1 << 55) - 1;

struct PageMap {
    space: Weak<AddressSpace>,
    /// Frame numbers are for the privileged: they help attacks on memory cells.
    frames: bool,
}

/// Opens /proc/PID/pagemap.
pub fn open(task: &Task, cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
    may_inspect(task, cx.caller)?;
    let space = task.space().ok_or(Errno::ESRCH)?;
    let frames = cx.caller.cred().capable(CAP_SYS_ADMIN);
    Ok(Arc::new(PageMap { space: Arc::downgrade(&space), frames }))
}

impl PageMap {
    fn entry(&self, page: Mapping) -> u64 {
        let mut entry = PRESENT;
        if self.frames {
            entry |= page.frame_number() & FRAME;
        }
        if page.is_cached() {
            entry |= FILE;
        }
        if page.is_unique() {
            entry |= EXCLUSIVE;
        }
        if page.flags().contains(PageFlags::DIRTY) {
            entry |= SOFT_DIRTY;
        }
        entry
    }
}

impl FileOps for PageMap {
    fn read(&self, _: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        // Only whole entries, as on Linux.
        if !io.pos.is_multiple_of(ENTRY) || !(dst.remaining() as u64).is_multiple_of(ENTRY) {
            return Err(Errno::EINVAL.into());
        }
        let Some(space) = self.space.upgrade() else { return Ok(0) };
        let last = USER_END.as_u64() >> PAGE_SHIFT;
        let mut total = 0;
        while dst.remaining() > 0 {
            let first = io.pos / ENTRY;
            if first >= last {
                break;
            }
            let wanted = (dst.remaining() / ENTRY as usize).min(BATCH);
            let count = wanted.min(usize::try_from(last - first).unwrap_or(BATCH));
            let mut entries = [0; BATCH * ENTRY as usize];
            let start = UserAddr::new(first << PAGE_SHIFT);
            let end = start.wrapping_add((count * PAGE_SIZE) as u64);
            space.for_each_page(start, end, |addr, page| {
                let index = usize::try_from((addr.as_u64() >> PAGE_SHIFT) - first).unwrap_or(BATCH);
                if let Some(slot) = entries.chunks_exact_mut(ENTRY as usize).nth(index) {
                    slot.copy_from_slice(&self.entry(page).to_ne_bytes());
                }
            });
            let stored = dst.write(&entries[..count * ENTRY as usize])?;
            io.pos += stored as u64;
            total += stored;
            if stored < count * ENTRY as usize {
                break;
            }
        }
        Ok(total)
    }

    fn seekable(&self) -> bool {
        true
    }

    fn seek(&self, _: &OpenFile, now: u64, to: Seek) -> Result<u64> {
        match to {
            Seek::Set(_) | Seek::Current(_) => seek_in(0, now, to),
            _ => Err(Errno::EINVAL.into()),
        }
    }
}
