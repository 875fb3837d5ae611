//! mprotect.

use abi::{Errno, ProtFlags};
use machine::addr::{PAGE_SIZE, UserAddr};
use machine::paging::{Mapping, PageFlags};

use super::address_space::{AddressSpace, Inner, MAX_MAPPINGS, Totals};
use super::commit;
use super::fault::base_flags;
use super::map::round_up;
use super::vma::{VmFlags, Vma};

/// The rights of a page in a mapping whose rights have changed. Writing is allowed at once where
/// nobody else can see it; the rest waits for the fault that copies.
pub(super) fn page_flags(vm: VmFlags, mapping: Mapping) -> PageFlags {
    let mut flags = base_flags(vm);
    let write = vm.contains(VmFlags::WRITE)
        && (vm.contains(VmFlags::SHARED) || mapping.is_unique() && !mapping.is_cached());
    flags.set(PageFlags::WRITE, write);
    let history = PageFlags::ACCESSED | PageFlags::DIRTY | PageFlags::SOFT_DIRTY;
    flags | mapping.flags().intersection(history)
}

impl AddressSpace {
    /// mprotect(2). As on Linux, mappings before the one that fails stay changed.
    ///
    /// # Errors
    /// `EINVAL`, `ENOMEM` for a hole or too many mappings, `EACCES` for what the file does not
    /// allow.
    pub fn protect(&self, addr: UserAddr, len: u64, prot: ProtFlags) -> Result<(), Errno> {
        let (down, up) = (ProtFlags::PROT_GROWSDOWN, ProtFlags::PROT_GROWSUP);
        if prot.contains(down | up) || !addr.is_page_aligned() {
            return Err(Errno::EINVAL);
        }
        if len == 0 {
            return Ok(());
        }
        let start = addr.as_u64();
        let len = round_up(len).filter(|&len| len != 0).ok_or(Errno::ENOMEM)?;
        let end = start.checked_add(len).ok_or(Errno::ENOMEM)?;
        let known = ProtFlags::ACCESS | ProtFlags::PROT_SEM | down | up;
        if !known.contains(prot) {
            return Err(Errno::EINVAL);
        }
        machine::frame::check_reserve().map_err(|_| Errno::ENOMEM)?;
        let mut inner = self.inner.write();
        let first = inner.vmas.find(start).ok_or(Errno::ENOMEM)?;
        let mut at = start;
        if prot.contains(down) {
            if first.start >= end {
                return Err(Errno::ENOMEM);
            }
            if !first.flags.contains(VmFlags::GROWS_DOWN) {
                return Err(Errno::EINVAL);
            }
            at = first.start;
        } else if first.start > start {
            return Err(Errno::ENOMEM);
        } else if prot.contains(up) {
            // There is no mapping that grows up on x86.
            return Err(Errno::EINVAL);
        }
        while at < end {
            let vma = inner.vmas.at(at).ok_or(Errno::ENOMEM)?;
            let stop = vma.end.min(end);
            let flags = vma.flags.difference(VmFlags::ACCESS) | VmFlags::from_prot(prot);
            if flags.exceeds_may() {
                return Err(Errno::EACCES);
            }
            self.change_flags(&mut inner, at, stop, flags)?;
            at = stop;
        }
        Ok(())
    }

    /// Gives `start .. end`, which lies in one mapping, other flags, and joins what then belongs
    /// together.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn change_flags(
        &self,
        inner: &mut Inner,
        start: u64,
        end: u64,
        mut flags: VmFlags,
    ) -> Result<(), Errno> {
        let vma = inner.vmas.at(start).ok_or(Errno::ENOMEM)?;
        debug_assert!(end <= vma.end);
        let old = vma.flags;
        // What was accounted once stays so: its pages may be there.
        flags.set(VmFlags::ACCOUNT, old.contains(VmFlags::ACCOUNT) || Vma::accountable(flags));
        if flags == old {
            return Ok(());
        }
        let splits = usize::from(vma.start < start) + usize::from(end < vma.end);
        if inner.vmas.len() + splits > MAX_MAPPINGS {
            return Err(Errno::ENOMEM);
        }
        let pages = (end - start) / PAGE_SIZE as u64;
        let (less, more) = (Totals::of(old, pages), Totals::of(flags, pages));
        if more.data > less.data {
            self.may_grow(inner, Totals { data: more.data - less.data, ..Totals::default() })?;
        }
        commit::charge(more.committed - less.committed)?;
        inner.totals.add(more);
        inner.totals.subtract(less);
        inner.vmas.set_flags(start, end, flags);
        if (old ^ flags).intersects(VmFlags::ACCESS) {
            inner.table.edit().update(UserAddr::new(start), UserAddr::new(end), |_, page| {
                page_flags(flags, page)
            });
        }
        Ok(())
    }
}
