//! Regular files of tmpfs: a page cache with nothing behind it.
//!
//! Writers pass a gate, so that appends and the pair "find the size, write there" do not mix.
//! The page cache itself charges its pages to the quota of the instance.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use abi::file::fcntl::{
    F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE,
};
use abi::{Errno, OpenFlags, Signal};

use super::Node;
use crate::error::{Restart, Result};
use crate::fs::attr;
use crate::fs::caller::Caller;
use crate::fs::file::{Allocate, AllocateRequest, FileOps, Io, Mappable, OpenFile, Seek, seek_in};
use crate::fs::gate::{Gate, Pass};
use crate::mm::user::{Sink, Source};
use crate::mm::{PageCache, PageQuota};
use crate::sched::Sleep;

/// The most bytes that a file can have.
const MAX_SIZE: u64 = i64::MAX as u64;

/// The contents of a regular file.
pub struct Regular {
    cache: Arc<PageCache>,
    gate: Gate,
    /// `F_SEAL_*`. Only memfds can get more: all others are sealed against that.
    seals: AtomicU32,
}

impl Regular {
    pub(super) fn new(quota: &Arc<PageQuota>) -> Self {
        Self {
            cache: PageCache::new(Some(quota.clone())),
            gate: Gate::new(),
            seals: AtomicU32::new(F_SEAL_SEAL),
        }
    }

    /// The pages.
    pub fn cache(&self) -> &Arc<PageCache> {
        &self.cache
    }

    /// The seals.
    pub fn seals(&self) -> u32 {
        self.seals.load(Ordering::Acquire)
    }

    /// Sets the seals, under the gate so that no write is under way.
    ///
    /// # Errors
    /// What `check` says of the old ones; `EBUSY` when the file is mapped for writing; a restart when a signal came.
    pub fn update_seals(&self, check: impl FnOnce(u32) -> Result<u32, Errno>) -> Result<()> {
        let _pass = self.pass()?;
        let old = self.seals();
        let new = check(old)?;
        if new & !old & F_SEAL_WRITE != 0 {
            self.cache.deny_writers()?;
        }
        self.seals.store(new, Ordering::Release);
        Ok(())
    }

    fn pass(&self) -> Result<Pass<'_>> {
        Ok(self.gate.pass(Sleep::Killable).map_err(|_| Restart::Always)?)
    }

    pub(super) fn set_size(&self, size: u64) -> Result<()> {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG.into());
        }
        let _pass = self.pass()?;
        let old = self.cache.size();
        let seals = self.seals();
        if (size < old && seals & F_SEAL_SHRINK != 0) || (size > old && seals & F_SEAL_GROW != 0) {
            return Err(Errno::EPERM.into());
        }
        self.cache.truncate(size);
        Ok(())
    }

    /// How many of `count` bytes at `pos` a write may put there.
    fn allowed(&self, pos: u64, count: u64, caller: &dyn Caller) -> Result<u64> {
        let seals = self.seals();
        if seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) != 0 {
            return Err(Errno::EPERM.into());
        }
        let limit = caller.soft_limit(abi::limits::RLIMIT_FSIZE);
        if pos >= limit && limit < MAX_SIZE {
            caller.signal_self(Signal::SIGXFSZ);
            return Err(Errno::EFBIG.into());
        }
        if pos >= MAX_SIZE {
            return Err(Errno::EFBIG.into());
        }
        let count = count.min(limit.max(pos) - pos).min(MAX_SIZE - pos);
        let size = self.cache.size();
        if seals & F_SEAL_GROW != 0 && pos + count > size {
            if pos >= size {
                return Err(Errno::EPERM.into());
            }
            return Ok(size - pos);
        }
        Ok(count)
    }
}

impl Node {
    fn contents(&self) -> Result<&Regular> {
        Ok(self.regular().ok_or(Errno::EINVAL)?)
    }
}

impl FileOps for Node {
    fn read(&self, file: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        let count = self.contents()?.cache.read(io.pos, dst)?;
        io.pos += count as u64;
        if !file.flags().contains(OpenFlags::O_NOATIME) {
            file.path().mount.touch_accessed(&self.meta);
        }
        Ok(count)
    }

    fn write(&self, _file: &OpenFile, src: &mut Source<'_>, io: &mut Io<'_>) -> Result<usize> {
        let regular = self.contents()?;
        let _pass = regular.pass()?;
        if io.append {
            io.pos = regular.cache.size();
        }
        let want = src.remaining() as u64;
        if want == 0 {
            return Ok(0);
        }
        let count = regular.allowed(io.pos, want, io.caller)?;
        src.limit(count as usize);
        attr::drop_set_id(self, io.caller.cred());
        let done = regular.cache.write(io.pos, src)?;
        io.pos += done as u64;
        self.meta.touch_modified();
        Ok(done)
    }

    fn seekable(&self) -> bool {
        true
    }

    fn seek(&self, _file: &OpenFile, now: u64, to: Seek) -> Result<u64> {
        let cache = &self.contents()?.cache;
        let size = cache.size();
        let found = seek_in(size, now, to)?;
        Ok(match to {
            Seek::Data(_) => cache.next_data(found).ok_or(Errno::ENXIO)?,
            Seek::Hole(offset) => cache.next_hole(offset.unsigned_abs()),
            _ => found,
        })
    }

    fn mappable(&self, _file: &OpenFile) -> Result<Mappable> {
        Ok(Mappable::Cache(self.contents()?.cache.clone()))
    }

    fn sync(&self, _file: &OpenFile) -> Result<()> {
        Ok(())
    }

    fn check_flags(&self, _flags: OpenFlags) -> Result<()> {
        // `O_DIRECT` is fine: there is nothing behind the page cache that it could bypass to.
        Ok(())
    }

    fn allocate(
        &self,
        _file: &OpenFile,
        request: AllocateRequest,
        caller: &dyn Caller,
    ) -> Result<()> {
        let regular = self.contents()?;
        let _pass = regular.pass()?;
        let end = request.start + request.len;
        match request.mode {
            Allocate::PunchHole => {
                if regular.seals() & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) != 0 {
                    return Err(Errno::EPERM.into());
                }
                regular.cache.punch_hole(request.start, end);
            }
            Allocate::Reserve => {
                let size = regular.cache.size();
                if end > size {
                    if regular.seals() & F_SEAL_GROW != 0 {
                        return Err(Errno::EPERM.into());
                    }
                    if end > caller.soft_limit(abi::limits::RLIMIT_FSIZE) {
                        caller.signal_self(Signal::SIGXFSZ);
                        return Err(Errno::EFBIG.into());
                    }
                }
                regular.cache.allocate(request.start, end, request.keep_size)?;
            }
        }
        self.meta.touch_modified();
        Ok(())
    }
}
