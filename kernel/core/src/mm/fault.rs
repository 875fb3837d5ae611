//! Page faults: how a promise is kept.
//!
//! [`decide`] is pure: it says what has to happen from the VMA, the page-table entry and the
//! access. What copy-on-write means follows from the VMA and the frame's count, never from what
//! the entry happens to allow: a page that was read-only at fork is copied like any other once it
//! may be written.

use core::ops::ControlFlow;

use abi::Signal;
use abi::siginfo::{BUS_ADRERR, SEGV_ACCERR, SEGV_MAPERR};
use machine::addr::{PAGE_SHIFT, PAGE_SIZE, USER_END, UserAddr};
use machine::frame::{self, OutOfFrames};
use machine::paging::{LeafGuard, Mapping, PageFlags};

use super::address_space::{AddressSpace, Inner, Totals};
use super::layout::{MIN_ADDR, MemoryLimit};
use super::page_cache::{BATCH, NoPage, Run};
use super::vma::{FileMapping, STACK_GUARD_GAP, VmFlags, Vma};

/// What somebody wants to do with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Load.
    Read,
    /// Store.
    Write,
    /// Fetch instructions.
    Exec,
}

/// How a fault ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultOutcome {
    /// The access can be tried again.
    Resolved,
    /// It was wrong.
    Signal(FaultSignal),
    /// There was no memory. The caller asks [`oom::relieve`](super::oom::relieve) and tries again,
    /// or gives up.
    OutOfMemory,
}

/// The signal for a wrong access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultSignal {
    /// `SIGSEGV` or `SIGBUS`.
    pub signal: Signal,
    /// `si_code`.
    pub code: i32,
    /// `si_addr`.
    pub addr: UserAddr,
}

/// What is mapped at the faulting address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageView {
    pub readable: bool,
    pub writable: bool,
    pub executable: bool,
    /// The page of zeroes.
    pub zero: bool,
    /// A page of an object, not our own copy.
    pub cached: bool,
    /// Nobody else has the frame.
    pub unique: bool,
}

impl PageView {
    fn of(mapping: Mapping) -> Self {
        let flags = mapping.flags();
        Self {
            readable: flags.contains(PageFlags::READ),
            writable: flags.contains(PageFlags::WRITE),
            executable: flags.contains(PageFlags::EXEC),
            zero: mapping.is_special(),
            cached: mapping.is_cached(),
            unique: mapping.is_unique(),
        }
    }
}

/// What a fault makes happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultAction {
    /// The VMA does not allow it.
    Deny,
    /// The entry allows it already: another thread was faster, or the processor remembered less.
    Done,
    /// Map the page of zeroes, read-only.
    MapZero,
    /// Map a new page of zeroes.
    MapFresh,
    /// Map the object's page; writable only when shared.
    MapObject,
    /// Map our own copy of the object's page.
    CopyObject,
    /// Put our own copy in the place of what is mapped.
    Copy,
    /// Give the entry the rights it lacks; write permission only when that is asked for.
    AddRights {
        /// The access is a write, and nobody else would see it who should not.
        write: bool,
    },
}

/// Whether the VMA allows the access at all.
fn allowed(flags: VmFlags, access: Access) -> bool {
    match access {
        // x86 can not do without reading, so any right gives it.
        Access::Read => flags.intersects(VmFlags::ACCESS),
        Access::Write => flags.contains(VmFlags::WRITE),
        Access::Exec => flags.contains(VmFlags::EXEC),
    }
}

/// What has to happen for `access` to a page of a mapping with `flags`, of an object or not, where
/// the page table has `page`.
pub(super) fn decide(
    flags: VmFlags,
    object: bool,
    page: Option<PageView>,
    access: Access,
) -> FaultAction {
    if !allowed(flags, access) {
        return FaultAction::Deny;
    }
    let private = flags.is_private();
    match (page, access) {
        (None, Access::Write) if !object => FaultAction::MapFresh,
        (None, _) if !object => FaultAction::MapZero,
        (None, Access::Write) if private => FaultAction::CopyObject,
        (None, _) => FaultAction::MapObject,
        (Some(page), Access::Write) if page.writable && page.readable => FaultAction::Done,
        (Some(page), Access::Write) if private && (page.zero || page.cached || !page.unique) => {
            FaultAction::Copy
        }
        (Some(_), Access::Write) => FaultAction::AddRights { write: true },
        (Some(page), Access::Read) if page.readable => FaultAction::Done,
        (Some(page), Access::Exec) if page.readable && page.executable => FaultAction::Done,
        (Some(_), _) => FaultAction::AddRights { write: false },
    }
}

/// The rights that an entry may have in a mapping, write permission aside.
pub(super) fn base_flags(flags: VmFlags) -> PageFlags {
    let mut page = PageFlags::empty();
    page.set(PageFlags::READ, flags.intersects(VmFlags::ACCESS));
    page.set(PageFlags::EXEC, flags.contains(VmFlags::EXEC));
    page
}

/// The rights of an object's page in a mapping: a shared one may be written at once.
fn object_flags(flags: VmFlags) -> PageFlags {
    let mut page = base_flags(flags);
    page.set(PageFlags::WRITE, flags.contains(VmFlags::WRITE | VmFlags::SHARED));
    page
}

fn segv(code: i32, addr: UserAddr) -> FaultOutcome {
    FaultOutcome::Signal(FaultSignal { signal: Signal::SIGSEGV, code, addr })
}

impl AddressSpace {
    /// Makes an access to `addr` possible, as far as the mappings allow it. Called for faults from
    /// user mode, and by user copies that met one; also for spaces that are not active.
    pub fn resolve(&self, addr: UserAddr, access: Access) -> FaultOutcome {
        if addr >= USER_END {
            return segv(SEGV_MAPERR, addr);
        }
        let at = addr.as_u64();
        let inner = self.inner.read();
        match inner.vmas.find(at) {
            Some(vma) if vma.start <= at => self.resolve_in(&inner, vma, addr, access),
            Some(vma) if vma.flags.contains(VmFlags::GROWS_DOWN) => {
                drop(inner);
                self.grow_and_resolve(addr, access)
            }
            _ => segv(SEGV_MAPERR, addr),
        }
    }

    #[inline]
    fn resolve_in(&self, inner: &Inner, vma: &Vma, addr: UserAddr, access: Access) -> FaultOutcome {
        if !allowed(vma.flags, access) {
            return segv(SEGV_ACCERR, addr);
        }
        let page = addr.page_floor();
        let outcome = match &vma.object {
            None => self.resolve_mapped(inner, vma, page, access).map(|_| FaultOutcome::Resolved),
            Some(object) => self.resolve_object(inner, vma, object, page, access),
        };
        match outcome {
            Ok(FaultOutcome::Signal(signal)) => {
                FaultOutcome::Signal(FaultSignal { addr, ..signal })
            }
            Ok(outcome) => outcome,
            Err(OutOfFrames) => FaultOutcome::OutOfMemory,
        }
    }

    /// Does everything that needs no page of an object. Breaks with what else is to be done.
    #[inline]
    fn resolve_mapped(
        &self,
        inner: &Inner,
        vma: &Vma,
        page: UserAddr,
        access: Access,
    ) -> Result<ControlFlow<FaultAction>, OutOfFrames> {
        let mut leaf = inner.table.lock_leaf(page)?;
        let mapping = leaf.get(page);
        let action = decide(vma.flags, vma.object.is_some(), mapping.map(PageView::of), access);
        let rights = base_flags(vma.flags);
        match action {
            FaultAction::MapFresh => {
                let frame = frame::alloc_zeroed()?.into_shared();
                leaf.map(page, frame, rights | PageFlags::WRITE);
                self.count_anon(1);
            }
            FaultAction::Copy => {
                self.copy_page(&mut leaf, page, mapping, rights | PageFlags::WRITE)?
            }
            FaultAction::AddRights { write: true } => {
                leaf.add_flags(page, rights | PageFlags::WRITE)
            }
            FaultAction::AddRights { write: false } => leaf.add_flags(page, rights),
            FaultAction::MapZero => leaf.map_zero(page, rights),
            FaultAction::Done => {}
            FaultAction::Deny | FaultAction::MapObject | FaultAction::CopyObject => {
                return Ok(ControlFlow::Break(action));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Breaks the sharing of a page.
    fn copy_page(
        &self,
        leaf: &mut LeafGuard<'_>,
        page: UserAddr,
        mapping: Option<Mapping>,
        flags: PageFlags,
    ) -> Result<(), OutOfFrames> {
        let copy = leaf.copy(page)?;
        if let Some(old) = mapping {
            if old.is_special() {
                self.count_anon(1);
            } else if old.is_cached() {
                self.count_anon(1);
                self.count_file(-1);
            }
        }
        leaf.replace(page, copy.into_shared(), flags);
        Ok(())
    }

    fn resolve_object(
        &self,
        inner: &Inner,
        vma: &Vma,
        object: &FileMapping,
        page: UserAddr,
        access: Access,
    ) -> Result<FaultOutcome, OutOfFrames> {
        let action = match self.resolve_mapped(inner, vma, page, access)? {
            ControlFlow::Continue(()) => return Ok(FaultOutcome::Resolved),
            ControlFlow::Break(action) => action,
        };
        // The object's lock is outside of the leaf's, so it is asked without that. If another
        // thread maps the page meanwhile, its mapping stays.
        let outcome = match action {
            FaultAction::CopyObject => self.copy_object(inner, vma, object, page),
            _ => self.map_around(inner, vma, object, page, access),
        };
        match outcome {
            Ok(()) => Ok(FaultOutcome::Resolved),
            Err(NoPage::NoMemory) => Err(OutOfFrames),
            Err(NoPage::PastEnd | NoPage::NoSpace) => Ok(FaultOutcome::Signal(FaultSignal {
                signal: Signal::SIGBUS,
                code: BUS_ADRERR,
                addr: page,
            })),
        }
    }

    /// A write to a private mapping of an object: our own copy from the start.
    fn copy_object(
        &self,
        inner: &Inner,
        vma: &Vma,
        object: &FileMapping,
        page: UserAddr,
    ) -> Result<(), NoPage> {
        let original = object.cache.page(vma.page_at(page.as_u64()))?;
        let copy = frame::alloc_copy(&original).map_err(|_| NoPage::NoMemory)?;
        let mut leaf = inner.table.lock_leaf(page).map_err(|_| NoPage::NoMemory)?;
        if leaf.get(page).is_none() {
            leaf.map(page, copy.into_shared(), base_flags(vma.flags) | PageFlags::WRITE);
            self.count_anon(1);
        }
        Ok(())
    }

    /// Maps the object's page, and those pages around it that exist: reading one page of a program
    /// is mostly followed by reading the next.
    fn map_around(
        &self,
        inner: &Inner,
        vma: &Vma,
        object: &FileMapping,
        page: UserAddr,
        access: Access,
    ) -> Result<(), NoPage> {
        const WINDOW: u64 = (BATCH * PAGE_SIZE) as u64;
        let at = page.as_u64();
        let (start, end) = if access == Access::Write {
            (at, at + PAGE_SIZE as u64)
        } else {
            let start = at & !(WINDOW - 1);
            (start.max(vma.start), (start + WINDOW).min(vma.end))
        };
        let mut run = Run::new();
        object.cache.run(vma.page_at(start), ((end - start) >> PAGE_SHIFT) as usize, &mut run);
        let wanted = ((at - start) >> PAGE_SHIFT) as usize;
        if run.get(wanted).is_none_or(Option::is_none) {
            let made = object.cache.page(vma.page_at(at))?;
            while run.len() <= wanted {
                run.push(None);
            }
            run[wanted] = Some(made);
        }
        let flags = object_flags(vma.flags);
        let mut leaf = inner.table.lock_leaf(page).map_err(|_| NoPage::NoMemory)?;
        let mut mapped = 0;
        for (i, frame) in run.into_iter().enumerate() {
            let here = UserAddr::new(start + (i << PAGE_SHIFT) as u64);
            if let Some(frame) = frame
                && leaf.get(here).is_none()
            {
                leaf.map(here, frame, flags);
                mapped += 1;
            }
        }
        drop(leaf);
        self.count_file(mapped);
        Ok(())
    }

    /// The address is below a stack: lets it grow, if it may.
    #[cold]
    fn grow_and_resolve(&self, addr: UserAddr, access: Access) -> FaultOutcome {
        let mut inner = self.inner.write();
        let at = addr.as_u64();
        let grown = match inner.vmas.find(at) {
            Some(vma) if vma.start <= at => true,
            Some(vma) if vma.flags.contains(VmFlags::GROWS_DOWN) => {
                let start = vma.start;
                self.grow(&mut inner, start, addr.page_floor().as_u64())
            }
            _ => false,
        };
        if !grown {
            return segv(SEGV_MAPERR, addr);
        }
        let inner = inner.downgrade();
        match inner.vmas.at(at) {
            Some(vma) => self.resolve_in(&inner, vma, addr, access),
            None => segv(SEGV_MAPERR, addr),
        }
    }

    /// Extends the stack that begins at `start` down to `to`; false when it may not.
    pub(super) fn grow(&self, inner: &mut Inner, start: u64, to: u64) -> bool {
        let Some(stack) = inner.vmas.at(start) else {
            return false;
        };
        let (flags, size) = (stack.flags, stack.end - to);
        if to < MIN_ADDR {
            return false;
        }
        // What is below keeps its distance, unless it is a stack itself or allows no access.
        if let Some(below) = inner.vmas.previous(start)
            && !below.flags.contains(VmFlags::GROWS_DOWN)
            && below.is_accessible()
            && to.saturating_sub(below.end) < STACK_GUARD_GAP
        {
            return false;
        }
        if inner.vmas.overlaps(to, start) || size > self.limits().get(MemoryLimit::Stack) {
            return false;
        }
        let pages = (start - to) >> PAGE_SHIFT;
        let more = Totals::of(flags, pages);
        if self.may_grow(inner, more).is_err() || super::commit::charge(more.committed).is_err() {
            return false;
        }
        inner.totals.add(more);
        if let Some(stack) = inner.vmas.at_mut(start) {
            stack.start = to;
            stack.page = stack.page.saturating_sub(pages);
        }
        true
    }

    /// Makes all pages of `start .. end` present, as `MAP_POPULATE` and `mlock` want it; stops at
    /// the first that can not be.
    pub fn populate(&self, start: UserAddr, end: UserAddr) -> Result<(), FaultOutcome> {
        let mut at = start.page_floor();
        while at < end {
            let Some(vma) = self.vma_from(at) else {
                return Ok(());
            };
            if vma.start() > at {
                at = vma.start();
                continue;
            }
            let write = vma.flags.contains(VmFlags::WRITE) && vma.flags.is_private();
            let access = if write { Access::Write } else { Access::Read };
            while at < vma.end().min(end) {
                match self.resolve(at, access) {
                    FaultOutcome::Resolved => at = at.wrapping_add(PAGE_SIZE as u64),
                    FaultOutcome::OutOfMemory
                        if super::oom::relieve() == super::oom::Relief::Retry => {}
                    outcome => return Err(outcome),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
