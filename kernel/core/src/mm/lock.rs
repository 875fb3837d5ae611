//! mlock and its family. Pages never leave memory here, so locking is a promise that costs the
//! limit, makes the pages present, and keeps `MADV_DONTNEED` away.

use abi::Errno;
use machine::addr::{PAGE_SHIFT, USER_END, UserAddr};

use super::address_space::{AddressSpace, Inner};
use super::fault::FaultOutcome;
use super::layout::MemoryLimit;
use super::map::round_up;
use super::vma::VmFlags;

const LOCKS: VmFlags = VmFlags::LOCKED.union(VmFlags::LOCK_ON_FAULT);

/// How pages are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// All at once.
    Now,
    /// Each at its first use.
    OnFault,
}

impl LockMode {
    fn flags(self) -> VmFlags {
        match self {
            LockMode::Now => VmFlags::LOCKED,
            LockMode::OnFault => LOCKS,
        }
    }
}

/// The page-aligned bounds of a range that need not be aligned.
fn bounds(addr: UserAddr, len: u64) -> Result<(u64, u64), Errno> {
    let start = addr.page_floor().as_u64();
    let len = len.checked_add(addr.page_offset() as u64).and_then(round_up).ok_or(Errno::EINVAL)?;
    Ok((start, start.checked_add(len).ok_or(Errno::EINVAL)?))
}

impl AddressSpace {
    fn may_lock_at_all(&self, may_lock: bool) -> Result<(), Errno> {
        let limit = self.limits().get(MemoryLimit::Locked);
        if may_lock || limit != 0 { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// mlock2(2).
    ///
    /// # Errors
    /// `EPERM` when the limit is 0, `ENOMEM` over the limit and for holes, `EAGAIN` when pages
    /// could not be had.
    pub fn lock(
        &self,
        addr: UserAddr,
        len: u64,
        mode: LockMode,
        may_lock: bool,
    ) -> Result<(), Errno> {
        self.may_lock_at_all(may_lock)?;
        let (start, end) = bounds(addr, len)?;
        let mut inner = self.inner.write();
        let limit = self.limits().get(MemoryLimit::Locked) >> PAGE_SHIFT;
        let wanted = (end - start) >> PAGE_SHIFT;
        let again = if end <= USER_END.as_u64() { inner.totals_in(start, end).locked } else { 0 };
        if !may_lock && inner.totals.locked + wanted - again > limit {
            return Err(Errno::ENOMEM);
        }
        self.set_locks(&mut inner, start, end, mode.flags())?;
        drop(inner);
        if mode == LockMode::Now {
            self.populate(UserAddr::new(start), UserAddr::new(end)).map_err(
                |outcome| match outcome {
                    FaultOutcome::OutOfMemory => Errno::EAGAIN,
                    _ => Errno::ENOMEM,
                },
            )?;
        }
        Ok(())
    }

    /// munlock(2).
    ///
    /// # Errors
    /// `ENOMEM` for holes.
    pub fn unlock(&self, addr: UserAddr, len: u64) -> Result<(), Errno> {
        let (start, end) = bounds(addr, len)?;
        self.set_locks(&mut self.inner.write(), start, end, VmFlags::empty())
    }

    fn set_locks(
        &self,
        inner: &mut Inner,
        start: u64,
        end: u64,
        locks: VmFlags,
    ) -> Result<(), Errno> {
        let mut at = start;
        while at < end {
            let vma = inner.vmas.at(at).ok_or(Errno::ENOMEM)?;
            let (stop, flags) = (vma.end.min(end), vma.flags.difference(LOCKS) | locks);
            self.change_flags(inner, at, stop, flags)?;
            at = stop;
        }
        Ok(())
    }

    /// mlockall(2): what is mapped now, what will be mapped later, or both.
    ///
    /// # Errors
    /// `EPERM`, `ENOMEM`.
    pub fn lock_all(
        &self,
        current: bool,
        future: bool,
        mode: LockMode,
        may_lock: bool,
    ) -> Result<(), Errno> {
        self.may_lock_at_all(may_lock)?;
        let mut inner = self.inner.write();
        let limit = self.limits().get(MemoryLimit::Locked) >> PAGE_SHIFT;
        if current && !may_lock && inner.totals.total > limit {
            return Err(Errno::ENOMEM);
        }
        inner.future = if future { mode.flags() } else { VmFlags::empty() };
        if current {
            self.set_all_locks(&mut inner, mode.flags());
        }
        drop(inner);
        if current && mode == LockMode::Now {
            // Linux, too, ignores what can not be made present here.
            let _ = self.populate(UserAddr::NULL, USER_END);
        }
        Ok(())
    }

    /// munlockall(2).
    pub fn unlock_all(&self) {
        let mut inner = self.inner.write();
        inner.future = VmFlags::empty();
        self.set_all_locks(&mut inner, VmFlags::empty());
    }

    fn set_all_locks(&self, inner: &mut Inner, locks: VmFlags) {
        let mut at = 0;
        while let Some(vma) = inner.vmas.find(at) {
            let (start, end, flags) = (vma.start, vma.end, vma.flags.difference(LOCKS) | locks);
            let changed = self.change_flags(inner, start, end, flags);
            debug_assert!(changed.is_ok(), "whole mappings need no splitting");
            at = end;
        }
    }
}
