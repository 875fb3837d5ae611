//! Reading and writing the memory of another process: /proc/PID/mem, cmdline and environ, ptrace.

use machine::addr::{PAGE_SIZE, UserAddr};
use machine::frame;
use machine::paging::PageFlags;

use super::address_space::AddressSpace;
use super::fault::{Access, FaultOutcome, base_flags};
use super::vma::VmFlags;

impl AddressSpace {
    /// Reads bytes at `addr`, whether this space is active or not; returns how many. With `force`
    /// also where the mapping allows no access now but might (a debugger's right).
    pub fn read_remote(&self, addr: UserAddr, to: &mut [u8], force: bool) -> usize {
        let mut done = 0;
        while done < to.len() {
            let at = addr.wrapping_add(done as u64);
            let len = (PAGE_SIZE - at.page_offset()).min(to.len() - done);
            let part = &mut to[done..done + len];
            let readable = self.resolve(at, Access::Read) == FaultOutcome::Resolved;
            if !(readable || force && self.may(at, VmFlags::MAY_READ)) {
                break;
            }
            self.read_page(at, part);
            done += len;
        }
        done
    }

    fn may(&self, at: UserAddr, right: VmFlags) -> bool {
        self.inner.read().vmas.at(at.as_u64()).is_some_and(|vma| vma.flags.contains(right))
    }

    /// Reads inside of one page; zeroes where nothing is mapped.
    fn read_page(&self, at: UserAddr, to: &mut [u8]) {
        let inner = self.inner.read();
        let mapped = inner.table.lock_existing_leaf(at).and_then(|leaf| leaf.frame(at));
        let behind = || {
            let vma = inner.vmas.at(at.as_u64())?;
            vma.object()?.cache.peek(vma.page_at(at.as_u64()))
        };
        match mapped.or_else(behind) {
            Some(frame) => frame.read(at.page_offset(), to),
            None => to.fill(0),
        }
    }

    /// Writes bytes at `addr`, whether this space is active or not; returns how many. With `force`
    /// also to private pages that are not writable: they get a copy of their own first.
    pub fn write_remote(&self, addr: UserAddr, from: &[u8], force: bool) -> usize {
        let mut done = 0;
        while done < from.len() {
            let at = addr.wrapping_add(done as u64);
            let len = (PAGE_SIZE - at.page_offset()).min(from.len() - done);
            if !self.write_page(at, &from[done..done + len], force) {
                break;
            }
            done += len;
        }
        done
    }

    /// Writes inside of one page. The page is locked meanwhile, so that no fork shares it between
    /// the check and the write.
    fn write_page(&self, at: UserAddr, from: &[u8], force: bool) -> bool {
        let page = at.page_floor();
        loop {
            let writable = self.resolve(at, Access::Write) == FaultOutcome::Resolved;
            if !(writable || force && self.make_private(page)) {
                return false;
            }
            let inner = self.inner.read();
            let Some(leaf) = inner.table.lock_existing_leaf(page) else {
                continue;
            };
            let Some(mapping) = leaf.get(page) else {
                continue;
            };
            let ours = mapping.is_unique() && !mapping.is_cached();
            if !mapping.flags().contains(PageFlags::WRITE) && (writable || !ours) {
                // Somebody forked in between.
                continue;
            }
            let Some(frame) = leaf.frame(page) else {
                continue;
            };
            frame.write(at.page_offset(), from);
            return true;
        }
    }

    /// Gives a private mapping a page of its own at `page` without making it writable.
    fn make_private(&self, page: UserAddr) -> bool {
        let fits = |flags: VmFlags| flags.is_private() && flags.contains(VmFlags::MAY_WRITE);
        let flags = match self.inner.read().vmas.at(page.as_u64()) {
            Some(vma) if fits(vma.flags) => vma.flags,
            _ => return false,
        };
        let present = !flags.intersects(VmFlags::ACCESS)
            || self.resolve(page, Access::Read) == FaultOutcome::Resolved;
        let inner = self.inner.read();
        let Some(vma) = inner.vmas.at(page.as_u64()).filter(|vma| fits(vma.flags) && present)
        else {
            return false;
        };
        let Ok(mut leaf) = inner.table.lock_leaf(page) else {
            return false;
        };
        let rights = base_flags(vma.flags);
        match leaf.get(page) {
            Some(mapping) if mapping.is_unique() && !mapping.is_cached() => true,
            Some(mapping) => {
                let Ok(copy) = leaf.copy(page) else {
                    return false;
                };
                self.count_anon(1);
                if mapping.is_cached() && !mapping.is_special() {
                    self.count_file(-1);
                }
                leaf.replace(page, copy.into_shared(), rights);
                true
            }
            None if vma.object().is_none() => {
                let Ok(fresh) = frame::alloc_zeroed() else {
                    return false;
                };
                leaf.map(page, fresh.into_shared(), rights);
                self.count_anon(1);
                true
            }
            None => false,
        }
    }
}
