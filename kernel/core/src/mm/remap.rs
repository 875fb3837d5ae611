//! mremap: growing, shrinking and moving a mapping.

use abi::{Errno, MapFlags, MremapFlags};
use machine::addr::{PAGE_SHIFT, USER_END, UserAddr};

use super::address_space::{AddressSpace, Inner, MAX_MAPPINGS, Totals};
use super::commit;
use super::map::round_up;
use super::vma::{VmFlags, Vma};
use super::vma_set::Removed;

/// The arguments of mremap(2).
#[derive(Clone, Copy, Debug)]
pub struct RemapRequest {
    /// The old place.
    pub addr: UserAddr,
    /// The old length; 0 duplicates a shared mapping.
    pub old_len: u64,
    /// The new length.
    pub new_len: u64,
    /// Options.
    pub flags: MremapFlags,
    /// The new place, with `MREMAP_FIXED`; a hint with `MREMAP_DONTUNMAP`.
    pub new_addr: UserAddr,
    /// The caller has `CAP_IPC_LOCK`.
    pub may_lock: bool,
}

/// A checked move.
#[derive(Clone, Copy)]
struct Move {
    from: u64,
    old_len: u64,
    new_len: u64,
    keep_old: bool,
}

impl AddressSpace {
    /// mremap(2). The checks come in Linux's order.
    ///
    /// # Errors
    /// As the man page says.
    pub fn remap(&self, request: RemapRequest) -> Result<UserAddr, Errno> {
        let RemapRequest { addr, flags, .. } = request;
        let (may_move, fixed, keep) = (
            flags.contains(MremapFlags::MREMAP_MAYMOVE),
            flags.contains(MremapFlags::MREMAP_FIXED),
            flags.contains(MremapFlags::MREMAP_DONTUNMAP),
        );
        if !MremapFlags::all().contains(flags)
            || fixed && !may_move
            || keep && (!may_move || request.old_len != request.new_len)
            || !addr.is_page_aligned()
        {
            return Err(Errno::EINVAL);
        }
        let old_len = round_up(request.old_len).unwrap_or(0);
        let end = USER_END.as_u64();
        let new_len =
            round_up(request.new_len).filter(|&len| 0 < len && len <= end).ok_or(Errno::EINVAL)?;
        let (from, to) = (addr.as_u64(), request.new_addr.as_u64());
        if fixed || keep {
            let inside = request.new_addr.is_page_aligned() && to <= end - new_len;
            if !inside || from.saturating_add(old_len) > to && to + new_len > from {
                return Err(Errno::EINVAL);
            }
        }
        machine::frame::check_reserve().map_err(|_| Errno::ENOMEM)?;
        let mut inner = self.inner.write();
        let mut removed = Removed::default();
        let job = Move { from: addr.as_u64(), old_len, new_len, keep_old: keep };
        let placed = if fixed || keep {
            self.remap_to(&mut inner, job, &request, &mut removed)
        } else {
            self.resize(&mut inner, job, may_move, request.may_lock, &mut removed)
        };
        let locked = placed.is_ok_and(|at| {
            inner.vmas.at(at).is_some_and(|vma| vma.flags.contains(VmFlags::LOCKED))
        });
        drop(inner);
        drop(removed);
        let at = UserAddr::new(placed?);
        if locked && new_len > old_len {
            let _ = self.populate(at.wrapping_add(old_len), at.wrapping_add(new_len));
        }
        Ok(at)
    }

    /// To a given place.
    fn remap_to(
        &self,
        inner: &mut Inner,
        mut job: Move,
        request: &RemapRequest,
        removed: &mut Removed,
    ) -> Result<u64, Errno> {
        let to = request.new_addr.as_u64();
        let fixed = request.flags.contains(MremapFlags::MREMAP_FIXED);
        if inner.vmas.at(job.from).is_none() {
            return Err(Errno::EFAULT);
        }
        if inner.vmas.len() + 2 >= MAX_MAPPINGS - 3 {
            return Err(Errno::ENOMEM);
        }
        if fixed {
            self.remove_range(inner, to, to + job.new_len, removed)?;
        }
        if job.old_len > job.new_len {
            self.cut_off(inner, job, removed)?;
            job.old_len = job.new_len;
        }
        self.check_resize(inner, job, request.may_lock)?;
        if job.keep_old {
            self.may_grow(inner, Totals { total: job.old_len >> PAGE_SHIFT, ..Totals::default() })?;
        }
        let to = inner.place(to, job.new_len, MapFlags::empty(), fixed)?;
        self.move_mapping(inner, job, to, removed)?;
        Ok(to)
    }

    /// In place, or to wherever there is room.
    fn resize(
        &self,
        inner: &mut Inner,
        job: Move,
        may_move: bool,
        may_lock: bool,
        removed: &mut Removed,
    ) -> Result<u64, Errno> {
        let Move { from, old_len, new_len, .. } = job;
        if inner.vmas.at(from).is_none() {
            return Err(Errno::EFAULT);
        }
        if old_len >= new_len {
            if old_len > new_len {
                self.cut_off(inner, job, removed)?;
            }
            return Ok(from);
        }
        self.check_resize(inner, job, may_lock)?;
        let vma = inner.vmas.at(from).ok_or(Errno::EFAULT)?;
        if old_len == vma.end - from {
            let (end, new_end) = (vma.end, from.saturating_add(new_len));
            if new_end <= USER_END.as_u64() && !inner.vmas.overlaps(end, new_end) {
                let more = Totals::of(vma.flags, (new_end - end) >> PAGE_SHIFT);
                commit::charge(more.committed)?;
                inner.totals.add(more);
                if let Some(vma) = inner.vmas.at_mut(from) {
                    vma.end = new_end;
                }
                inner.vmas.join_at(new_end);
                return Ok(from);
            }
        }
        if !may_move {
            return Err(Errno::ENOMEM);
        }
        let to = inner.place(0, new_len, MapFlags::empty(), false)?;
        self.move_mapping(inner, job, to, removed)?;
        Ok(to)
    }

    /// Unmaps what is behind the new length.
    fn cut_off(&self, inner: &mut Inner, job: Move, removed: &mut Removed) -> Result<(), Errno> {
        let end = job.from.checked_add(job.old_len).filter(|&end| end <= USER_END.as_u64());
        self.remove_range(inner, job.from + job.new_len, end.ok_or(Errno::EINVAL)?, removed)
    }

    /// What Linux's `vma_to_resize` refuses.
    fn check_resize(&self, inner: &Inner, job: Move, may_lock: bool) -> Result<(), Errno> {
        let vma = inner.vmas.at(job.from).ok_or(Errno::EFAULT)?;
        if job.old_len == 0 && !vma.flags.intersects(VmFlags::SHARED | VmFlags::MAY_SHARE) {
            return Err(Errno::EINVAL);
        }
        if job.old_len > vma.end - job.from {
            return Err(Errno::EFAULT);
        }
        if job.new_len == job.old_len {
            return Ok(());
        }
        let pages = job.new_len >> PAGE_SHIFT;
        vma.page_at(job.from).checked_add(pages).ok_or(Errno::EINVAL)?;
        if vma.flags.contains(VmFlags::DONT_EXPAND) {
            return Err(Errno::EFAULT);
        }
        let more = (job.new_len - job.old_len) >> PAGE_SHIFT;
        self.check_locked(inner, vma.flags, more, may_lock)?;
        self.may_grow(inner, Totals::of(vma.flags, more))
    }

    fn move_mapping(
        &self,
        inner: &mut Inner,
        job: Move,
        to: u64,
        removed: &mut Removed,
    ) -> Result<(), Errno> {
        let Move { from, old_len, new_len, keep_old } = job;
        let vma = inner.vmas.at(from).ok_or(Errno::EFAULT)?;
        if inner.vmas.len() >= MAX_MAPPINGS - 3 {
            return Err(Errno::ENOMEM);
        }
        let mut new = Vma { start: to, end: to + new_len, page: vma.page_at(from), ..vma.clone() };
        let mut touched = vma.object.is_some();
        let start = UserAddr::new(from);
        if !touched {
            inner.table.for_each(vma.start(), vma.end(), |_, _| touched = true);
        }
        if !touched {
            // Nothing was ever there: it may join its new neighbours as if it were new.
            new.page = to >> PAGE_SHIFT;
        }
        let more = Totals::of(new.flags, new_len >> PAGE_SHIFT);
        commit::charge(more.committed)?;
        let mut edit = inner.table.edit();
        let moved = edit.move_range(start, UserAddr::new(to), old_len);
        drop(edit);
        if moved.is_err() {
            commit::uncharge(more.committed);
            return Err(Errno::ENOMEM);
        }
        inner.totals.add(more);
        if keep_old {
            // What stays behind is empty and no longer locked.
            let flags = new.flags - VmFlags::LOCKED - VmFlags::LOCK_ON_FAULT;
            self.change_flags(inner, from, from + old_len, flags)?;
        } else if old_len != 0 {
            self.remove_range(inner, from, from + old_len, removed)?;
        }
        inner.vmas.insert(new);
        Ok(())
    }
}
