//! fork: a second address space that shares everything until somebody writes.

use abi::Errno;
use alloc::sync::Arc;
use machine::addr::UserAddr;
use machine::frame;
use machine::paging::{PageTable, Share};

use super::address_space::{AddressSpace, Totals};
use super::commit;
use super::layout::MemoryLimits;
use super::vma::VmFlags;
use super::vma_set::VmaSet;

impl AddressSpace {
    /// A copy for a child process: private memory is shared copy-on-write, write permission is
    /// taken from both and flushed before this returns; shared memory stays shared.
    ///
    /// # Errors
    /// `ENOMEM`. Then nothing is left of the child, and the parent's pages are as before (some may
    /// fault once more before their next write).
    pub fn fork(&self) -> Result<Arc<AddressSpace>, Errno> {
        let enomem = |_| Errno::ENOMEM;
        frame::check_reserve().map_err(enomem)?;
        let table = PageTable::new().map_err(enomem)?;
        let mut parent = self.inner.write();
        let parent = &mut *parent;
        let limits = MemoryLimits::default();
        limits.copy_from(self.limits());
        let child = AddressSpace::build(table, parent.layout.clone(), limits);
        let mut inner = child.inner.write_second();
        let mut edit = parent.table.edit();
        inner.vmas = VmaSet::with_room_of(&parent.vmas);
        let mut last_cache = None;
        for vma in parent.vmas.iter() {
            if vma.flags.contains(VmFlags::DONT_COPY) {
                continue;
            }
            let mut copy = vma.clone();
            // Locks are not inherited (mlock(2), Notes).
            copy.flags -= VmFlags::LOCKED | VmFlags::LOCK_ON_FAULT;
            let more = Totals::of_vma(&copy);
            commit::charge(more.committed)?;
            inner.totals.add(more);
            if let Some(object) = &copy.object {
                let cache = Arc::as_ptr(&object.cache);
                if last_cache != Some(cache) {
                    object.cache.add_mapper(child.weak());
                    last_cache = Some(cache);
                }
            }
            inner.vmas.push(copy);
            // Pages of shared objects can be found again when they are needed.
            if vma.flags.is_private() && !vma.flags.contains(VmFlags::WIPE_ON_FORK) {
                let (start, end) = (UserAddr::new(vma.start), UserAddr::new(vma.end));
                let counts =
                    edit.share_into(&mut inner.table, start, end, Share::Cow).map_err(enomem)?;
                child.count_anon(counts.anon as i64);
                child.count_file(counts.file as i64);
            }
        }
        inner.vmas.pushed_all();
        drop(edit);
        drop(inner);
        Ok(child)
    }
}
