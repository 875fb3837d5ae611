//! munmap, and taking ranges out for others.

use abi::Errno;
use machine::addr::{PAGE_SIZE, USER_END, UserAddr};

use super::address_space::{AddressSpace, Inner, MAX_MAPPINGS, Totals};
use super::commit;
use super::map::round_up;
use super::vma_set::Removed;

impl AddressSpace {
    /// munmap(2).
    ///
    /// # Errors
    /// `EINVAL` for a range that is not aligned, empty or not in user space; `ENOMEM` when a
    /// mapping would have to be split and there are too many already.
    pub fn unmap(&self, addr: UserAddr, len: u64) -> Result<(), Errno> {
        let end = USER_END.as_u64();
        let start = addr.as_u64();
        if !start.is_multiple_of(PAGE_SIZE as u64) || start > end || len > end - start {
            return Err(Errno::EINVAL);
        }
        let len = round_up(len).filter(|&len| len != 0).ok_or(Errno::EINVAL)?;
        let mut inner = self.inner.write();
        let mut removed = Removed::default();
        let done = self.remove_range(&mut inner, start, (start + len).min(end), &mut removed);
        drop(inner);
        drop(removed);
        done
    }

    /// Takes mappings and pages out of `start .. end`. What `removed` then has is to be dropped after
    /// unlocking.
    pub(super) fn remove_range(
        &self,
        inner: &mut Inner,
        start: u64,
        end: u64,
        removed: &mut Removed,
    ) -> Result<(), Errno> {
        let Some(first) = inner.vmas.find(start).filter(|vma| vma.start < end) else {
            return Ok(());
        };
        let splits_one = first.start < start && end < first.end;
        if splits_one && inner.vmas.len() >= MAX_MAPPINGS {
            return Err(Errno::ENOMEM);
        }
        let mut taken = Removed::default();
        inner.vmas.take_range(start, end, &mut taken);
        let mut less = Totals::default();
        taken.iter().for_each(|vma| less.add(Totals::of_vma(vma)));
        removed.append(taken);
        inner.totals.subtract(less);
        commit::uncharge(less.committed);
        self.unmap_pages(inner, start, end);
        Ok(())
    }

    /// Takes only the pages out of `start .. end`.
    pub(super) fn unmap_pages(&self, inner: &mut Inner, start: u64, end: u64) {
        let gone = inner.table.edit().unmap(UserAddr::new(start), UserAddr::new(end));
        self.uncount(gone);
    }
}
