//! The break: the end of the heap that `brk` moves.

use machine::addr::{PAGE_SHIFT, PAGE_SIZE, UserAddr};

use super::address_space::{AddressSpace, Inner, MAX_MAPPINGS, Totals};
use super::commit;
use super::layout::MemoryLimit;
use super::map::round_up;
use super::vma::{VmFlags, Vma};
use super::vma_set::Removed;

impl AddressSpace {
    /// brk(2): moves the break to `to` if that is possible, and says where it is now. There are no
    /// errors: the C library compares.
    pub fn brk(&self, to: UserAddr, may_lock: bool) -> UserAddr {
        let mut inner = self.inner.write();
        let before = inner.layout.brk;
        let removed = self.move_break(&mut inner, to.as_u64(), may_lock);
        let now = inner.layout.brk;
        let populate = now > before && inner.future.contains(VmFlags::LOCKED);
        drop(inner);
        drop(removed);
        if populate {
            let _ = self.populate(UserAddr::new(before), UserAddr::new(now));
        }
        UserAddr::new(now)
    }

    /// `None` when the break stays where it is.
    fn move_break(&self, inner: &mut Inner, to: u64, may_lock: bool) -> Option<Removed> {
        let layout = &inner.layout;
        let (start, old) = (layout.start_brk, layout.brk);
        if to < start {
            return None;
        }
        let data = (layout.end_data - layout.start_data).checked_add(to - start)?;
        if data > self.limits().get(MemoryLimit::Data) {
            return None;
        }
        let (old_end, new_end) = (round_up(old)?, round_up(to)?);
        let mut removed = Removed::default();
        if new_end < old_end {
            self.remove_range(inner, new_end, old_end, &mut removed).ok()?;
        } else if new_end > old_end {
            self.extend_heap(inner, old_end, new_end, may_lock)?;
        }
        inner.layout.brk = to;
        Some(removed)
    }

    fn extend_heap(&self, inner: &mut Inner, start: u64, end: u64, may_lock: bool) -> Option<()> {
        machine::frame::check_reserve().ok()?;
        if !UserAddr::new(start).range_ok(end - start) || inner.vmas.len() > MAX_MAPPINGS {
            return None;
        }
        // A page stays free behind the heap, and the gap of a stack.
        if let Some(next) = inner.vmas.find(start)
            && end + PAGE_SIZE as u64 > next.start_with_gap()
        {
            return None;
        }
        let flags =
            VmFlags::READ | VmFlags::WRITE | VmFlags::MAY_ACCESS | VmFlags::ACCOUNT | inner.future;
        let pages = (end - start) >> PAGE_SHIFT;
        self.check_locked(inner, flags, pages, may_lock).ok()?;
        let more = Totals::of(flags, pages);
        self.may_grow(inner, more).ok()?;
        commit::charge(more.committed).ok()?;
        inner.totals.add(more);
        inner.vmas.insert(Vma { start, end, flags, page: start >> PAGE_SHIFT, object: None });
        Some(())
    }
}
