//! madvise, and what else walks over mappings without changing their places: msync, mincore.

use abi::Errno;
use abi::mman;
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::addr::{PAGE_SHIFT, PAGE_SIZE, UserAddr};

use super::address_space::{AddressSpace, Inner};
use super::fault::{Access, FaultOutcome};
use super::map::round_up;
use super::page_cache::PageCache;
use super::vma::{VmFlags, Vma};
use super::{oom, page_cache};

/// What madvise(2) is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Flags to set and to clear.
    Flags {
        /// To set.
        set: VmFlags,
        /// To clear, before.
        clear: VmFlags,
    },
    /// `MADV_WIPEONFORK`
    WipeOnFork,
    /// `MADV_WILLNEED`: everything is in memory already.
    WillNeed,
    /// `MADV_DONTNEED`, `MADV_DONTNEED_LOCKED`
    DontNeed {
        /// Locked pages, too.
        locked: bool,
    },
    /// `MADV_FREE`: pages may go at any time; here they go at once.
    Free,
    /// `MADV_REMOVE`
    Remove,
    /// `MADV_COLD`, `MADV_PAGEOUT`: there is no swap to write to.
    Reclaim,
    /// `MADV_POPULATE_READ`, `MADV_POPULATE_WRITE`
    Populate(Access),
}

impl Advice {
    /// Decodes the argument.
    ///
    /// # Errors
    /// `EINVAL` for what Linux 6.6 does not know, or knows only with options that we are without:
    /// huge-page collapse and memory failure.
    pub fn decode(advice: i32) -> Result<Self, Errno> {
        let flags = |set, clear| Ok(Self::Flags { set, clear });
        let none = VmFlags::empty();
        match advice {
            mman::MADV_NORMAL => flags(none, VmFlags::RANDOM | VmFlags::SEQUENTIAL),
            mman::MADV_RANDOM => flags(VmFlags::RANDOM, VmFlags::SEQUENTIAL),
            mman::MADV_SEQUENTIAL => flags(VmFlags::SEQUENTIAL, VmFlags::RANDOM),
            mman::MADV_DONTFORK => flags(VmFlags::DONT_COPY, none),
            mman::MADV_DOFORK => flags(none, VmFlags::DONT_COPY),
            mman::MADV_KEEPONFORK => flags(none, VmFlags::WIPE_ON_FORK),
            mman::MADV_DONTDUMP => flags(VmFlags::DONT_DUMP, none),
            mman::MADV_DODUMP => flags(none, VmFlags::DONT_DUMP),
            mman::MADV_MERGEABLE => flags(VmFlags::MERGEABLE, none),
            mman::MADV_UNMERGEABLE => flags(none, VmFlags::MERGEABLE),
            mman::MADV_HUGEPAGE => flags(VmFlags::HUGE_PAGE, VmFlags::NO_HUGE_PAGE),
            mman::MADV_NOHUGEPAGE => flags(VmFlags::NO_HUGE_PAGE, VmFlags::HUGE_PAGE),
            mman::MADV_WIPEONFORK => Ok(Self::WipeOnFork),
            mman::MADV_WILLNEED => Ok(Self::WillNeed),
            mman::MADV_DONTNEED => Ok(Self::DontNeed { locked: false }),
            mman::MADV_DONTNEED_LOCKED => Ok(Self::DontNeed { locked: true }),
            mman::MADV_FREE => Ok(Self::Free),
            mman::MADV_REMOVE => Ok(Self::Remove),
            mman::MADV_COLD | mman::MADV_PAGEOUT => Ok(Self::Reclaim),
            mman::MADV_POPULATE_READ => Ok(Self::Populate(Access::Read)),
            mman::MADV_POPULATE_WRITE => Ok(Self::Populate(Access::Write)),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// A hole to be punched once the address space is unlocked: that needs the lock itself.
struct Hole {
    cache: Arc<PageCache>,
    start: u64,
    end: u64,
}

/// The bounds of a call that takes an aligned start and a length.
fn bounds(addr: UserAddr, len: u64) -> Result<(u64, u64), Errno> {
    let start = addr.as_u64();
    if !addr.is_page_aligned() {
        return Err(Errno::EINVAL);
    }
    let rounded = round_up(len).ok_or(Errno::EINVAL)?;
    Ok((start, start.checked_add(rounded).ok_or(Errno::EINVAL)?))
}

impl AddressSpace {
    /// madvise(2).
    ///
    /// # Errors
    /// As the man page says; `ENOMEM` for holes, after the rest was done.
    pub fn advise(&self, addr: UserAddr, len: u64, advice: Advice) -> Result<(), Errno> {
        let (start, end) = bounds(addr, len)?;
        if start == end {
            return Ok(());
        }
        if let Advice::Populate(access) = advice {
            return self.populate_for(start, end, access);
        }
        let mut holes = Vec::new();
        let mut inner = self.inner.write();
        let mut outcome = Ok(());
        let mut at = start;
        while at < end {
            let Some(vma) = inner.vmas.find(at).filter(|vma| vma.start < end).cloned() else {
                outcome = Err(Errno::ENOMEM);
                break;
            };
            if vma.start > at {
                outcome = Err(Errno::ENOMEM);
                at = vma.start;
            }
            let stop = vma.end.min(end);
            self.advise_one(&mut inner, &vma, at, stop, advice, &mut holes)?;
            at = stop;
        }
        drop(inner);
        for hole in holes {
            hole.cache.punch_hole(hole.start, hole.end);
        }
        outcome
    }

    fn advise_one(
        &self,
        inner: &mut Inner,
        vma: &Vma,
        start: u64,
        end: u64,
        advice: Advice,
        holes: &mut Vec<Hole>,
    ) -> Result<(), Errno> {
        let locked = vma.flags.contains(VmFlags::LOCKED);
        match advice {
            Advice::Flags { set, clear } => {
                self.change_flags(inner, start, end, vma.flags.difference(clear) | set)
            }
            Advice::WipeOnFork if vma.object.is_some() => Err(Errno::EINVAL),
            Advice::WipeOnFork => {
                self.change_flags(inner, start, end, vma.flags | VmFlags::WIPE_ON_FORK)
            }
            Advice::DontNeed { locked: false } | Advice::Remove | Advice::Reclaim if locked => {
                Err(Errno::EINVAL)
            }
            Advice::Free if vma.object.is_some() => Err(Errno::EINVAL),
            Advice::DontNeed { .. } | Advice::Free => {
                self.unmap_pages(inner, start, end);
                Ok(())
            }
            Advice::Remove => {
                let object = vma.object.as_ref().ok_or(Errno::EINVAL)?;
                if !vma.flags.contains(VmFlags::SHARED | VmFlags::WRITE) {
                    return Err(Errno::EACCES);
                }
                let offset = |addr| vma.page_at(addr) << PAGE_SHIFT;
                let (start, end) = (offset(start), offset(end - 1) + PAGE_SIZE as u64);
                holes.push(Hole { cache: object.cache.clone(), start, end });
                Ok(())
            }
            Advice::WillNeed | Advice::Reclaim | Advice::Populate(_) => Ok(()),
        }
    }

    fn populate_for(&self, start: u64, end: u64, access: Access) -> Result<(), Errno> {
        let mut at = UserAddr::new(start);
        while at.as_u64() < end {
            match self.resolve(at, access) {
                FaultOutcome::Resolved => at = at.wrapping_add(PAGE_SIZE as u64),
                FaultOutcome::OutOfMemory if oom::relieve() == oom::Relief::Retry => {}
                FaultOutcome::OutOfMemory => return Err(Errno::ENOMEM),
                FaultOutcome::Signal(fault) => {
                    let mapped = self.inner.read().vmas.at(at.as_u64()).is_some();
                    return Err(match (mapped, fault.signal) {
                        (false, _) => Errno::ENOMEM,
                        (true, abi::Signal::SIGBUS) => Errno::EFAULT,
                        (true, _) => Errno::EINVAL,
                    });
                }
            }
        }
        Ok(())
    }

    /// msync(2), whose flags were checked: everything is in memory and coherent, so only the
    /// mappings are looked at.
    ///
    /// # Errors
    /// `EINVAL`, `ENOMEM` for holes, `EBUSY` when locked pages are to be invalidated.
    pub fn sync(&self, addr: UserAddr, len: u64, invalidate: bool) -> Result<(), Errno> {
        if !addr.is_page_aligned() {
            return Err(Errno::EINVAL);
        }
        let start = addr.as_u64();
        let end = round_up(len).and_then(|len| start.checked_add(len)).ok_or(Errno::ENOMEM)?;
        let inner = self.inner.read();
        let mut at = start;
        for vma in inner.vmas.range(start, end) {
            if invalidate && vma.flags.contains(VmFlags::LOCKED) {
                return Err(Errno::EBUSY);
            }
            if vma.start > at {
                return Err(Errno::ENOMEM);
            }
            at = vma.end;
        }
        if at < end { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// mincore(2) for `out.len()` pages from `addr` on: 1 for each page that is in memory.
    ///
    /// # Errors
    /// `ENOMEM` for holes.
    pub fn residency(&self, addr: UserAddr, out: &mut [u8]) -> Result<(), Errno> {
        out.fill(0);
        let start = addr.as_u64();
        let end = start + ((out.len() as u64) << PAGE_SHIFT);
        let inner = self.inner.read();
        let mut at = start;
        for vma in inner.vmas.range(start, end) {
            if vma.start > at {
                return Err(Errno::ENOMEM);
            }
            let stop = vma.end.min(end);
            if let Some(object) = &vma.object {
                mark_cached(
                    object.cache.as_ref(),
                    vma,
                    at,
                    stop,
                    &mut out[((at - start) >> PAGE_SHIFT) as usize..],
                );
            }
            at = stop;
        }
        if at < end {
            return Err(Errno::ENOMEM);
        }
        inner.table.for_each(addr, UserAddr::new(end), |page, _| {
            out[((page.as_u64() - start) >> PAGE_SHIFT) as usize] = 1;
        });
        Ok(())
    }
}

fn mark_cached(cache: &PageCache, vma: &Vma, start: u64, end: u64, out: &mut [u8]) {
    let first = vma.page_at(start);
    let pages = ((end - start) >> PAGE_SHIFT) as usize;
    let mut done = 0;
    while done < pages {
        let mut run = page_cache::Run::new();
        cache.run(first + done as u64, pages - done, &mut run);
        if run.is_empty() {
            return;
        }
        for frame in run {
            out[done] |= u8::from(frame.is_some());
            done += 1;
        }
    }
}
