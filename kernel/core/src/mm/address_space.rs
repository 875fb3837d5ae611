//! The address space of a process.
//!
//! Owns the mappings (what is promised) and the page table (what is realised so far).
//!
//! Locks: one reader-writer lock per space (`ADDRESS_SPACE`). Faults read-lock it and then lock the
//! leaf of the page table they work on, so that they run in parallel; everything that changes
//! mappings write-locks. At fork the parent is locked before the child. What mappings held (files)
//! is dropped after unlocking, since that may take outer locks.

use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use machine::addr::{PAGE_SHIFT, USER_END, UserAddr};
use machine::frame::OutOfFrames;
use machine::paging::{self, Counts, Mapping, PageTable, Root};
use machine::sync::RwSpinLock;

use super::commit;
use super::layout::{Layout, MemoryLimits};
use super::page_cache::PageCache;
use super::vma::{VmFlags, Vma};
use super::vma_set::VmaSet;
use crate::locks;

/// The most mappings of a process (`/proc/sys/vm/max_map_count`).
pub const MAX_MAPPINGS: usize = 65_530;

/// An address space. Shared by the threads that run in it; it ends with the last `Arc`.
pub struct AddressSpace {
    // Immutable.
    root: Arc<Root>,
    this: Weak<AddressSpace>,
    // Atomic.
    anon: AtomicI64,
    file: AtomicI64,
    peak: AtomicU64,
    limits: MemoryLimits,
    pub(super) inner: RwSpinLock<Inner>,
}

/// What the lock protects.
pub(super) struct Inner {
    pub vmas: VmaSet,
    pub table: PageTable,
    pub layout: Layout,
    pub totals: Totals,
    /// Properties of all mappings to come (`mlockall(MCL_FUTURE)`).
    pub future: VmFlags,
}

/// Sizes of all mappings, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Everything.
    pub total: u64,
    /// Private and writable, stacks left out (what `RLIMIT_DATA` limits).
    pub data: u64,
    /// Executable and not writable.
    pub exec: u64,
    /// Stacks.
    pub stack: u64,
    /// Locked.
    pub locked: u64,
    /// Counted against the commit limit.
    pub committed: u64,
}

/// Figures for `/proc`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpaceStats {
    /// Sizes of mappings in pages.
    pub totals: Totals,
    /// Resident pages of no file.
    pub anon: u64,
    /// Resident pages of files and shared memory.
    pub file: u64,
    /// The most resident pages there ever were.
    pub peak: u64,
    /// Bytes in page tables.
    pub table_bytes: u64,
    /// How many mappings.
    pub mappings: usize,
}

impl Totals {
    /// What a mapping of these flags and pages adds.
    pub(super) fn of(flags: VmFlags, pages: u64) -> Self {
        let when = |is: bool| if is { pages } else { 0 };
        let stack = flags.contains(VmFlags::GROWS_DOWN);
        let private_write = flags.contains(VmFlags::WRITE) && flags.is_private();
        Self {
            total: pages,
            data: when(private_write && !stack),
            exec: when(flags.contains(VmFlags::EXEC) && !flags.contains(VmFlags::WRITE) && !stack),
            stack: when(stack),
            locked: when(flags.contains(VmFlags::LOCKED)),
            committed: when(flags.contains(VmFlags::ACCOUNT)),
        }
    }

    pub(super) fn of_vma(vma: &Vma) -> Self {
        Self::of(vma.flags, vma.pages())
    }

    pub(super) fn add(&mut self, more: Totals) {
        self.total += more.total;
        self.data += more.data;
        self.exec += more.exec;
        self.stack += more.stack;
        self.locked += more.locked;
        self.committed += more.committed;
    }

    pub(super) fn subtract(&mut self, less: Totals) {
        self.total -= less.total;
        self.data -= less.data;
        self.exec -= less.exec;
        self.stack -= less.stack;
        self.locked -= less.locked;
        self.committed -= less.committed;
    }
}

impl AddressSpace {
    /// An empty address space with the default layout.
    ///
    /// # Errors
    /// When there is no frame for its root.
    pub fn new() -> Result<Arc<Self>, OutOfFrames> {
        machine::frame::check_reserve()?;
        Ok(Self::build(PageTable::new()?, Layout::default(), MemoryLimits::default()))
    }

    pub(super) fn build(table: PageTable, layout: Layout, limits: MemoryLimits) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            root: table.root().clone(),
            this: this.clone(),
            anon: AtomicI64::new(0),
            file: AtomicI64::new(0),
            peak: AtomicU64::new(0),
            limits,
            inner: RwSpinLock::new(
                locks::ADDRESS_SPACE,
                Inner {
                    vmas: VmaSet::new(),
                    table,
                    layout,
                    totals: Totals::default(),
                    future: VmFlags::empty(),
                },
            ),
        })
    }

    /// Makes it the one that user mode and user copies on this processor see.
    #[inline]
    pub fn activate(&self) {
        paging::activate(&self.root);
    }

    /// A memory barrier on the processors that run in this space, or on all (membarrier(2)).
    pub fn barrier(&self, everywhere: bool) {
        paging::barrier(&self.root, everywhere);
    }

    /// The limits that its process has.
    pub fn limits(&self) -> &MemoryLimits {
        &self.limits
    }

    pub(super) fn weak(&self) -> &Weak<AddressSpace> {
        &self.this
    }

    /// Where its parts are: what exec set up, and the break.
    pub fn layout(&self) -> Layout {
        self.inner.read().layout.clone()
    }

    /// Changes the layout: exec, and `prctl(PR_SET_MM)`.
    pub fn set_layout(&self, change: impl FnOnce(&mut Layout)) {
        change(&mut self.inner.write().layout);
    }

    /// Figures for `/proc`.
    pub fn stats(&self) -> SpaceStats {
        let inner = self.inner.read();
        SpaceStats {
            totals: inner.totals,
            anon: self.anon.load(Ordering::Relaxed).max(0) as u64,
            file: self.file.load(Ordering::Relaxed).max(0) as u64,
            peak: self.peak.load(Ordering::Relaxed).max(self.resident()),
            table_bytes: inner.table.table_bytes(),
            mappings: inner.vmas.len(),
        }
    }

    /// Resident pages.
    pub fn resident(&self) -> u64 {
        (self.anon.load(Ordering::Relaxed) + self.file.load(Ordering::Relaxed)).max(0) as u64
    }

    /// Calls `f` for each mapping, in order, with the address space locked for reading.
    pub fn for_each_vma(&self, mut f: impl FnMut(&Vma)) {
        self.inner.read().vmas.iter().for_each(&mut f);
    }

    /// The mapping at `addr`, or the first one behind it. (A copy.)
    pub fn vma_from(&self, addr: UserAddr) -> Option<Vma> {
        self.inner.read().vmas.find(addr.as_u64()).cloned()
    }

    /// Calls `f` for each mapped page in `start .. end`, in order, with the address space locked.
    pub fn for_each_page(&self, start: UserAddr, end: UserAddr, f: impl FnMut(UserAddr, Mapping)) {
        let end = end.min(USER_END);
        self.inner.read().table.for_each(start, end, f);
    }

    #[inline]
    pub(super) fn count_anon(&self, pages: i64) {
        self.anon.fetch_add(pages, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn count_file(&self, pages: i64) {
        self.file.fetch_add(pages, Ordering::Relaxed);
    }

    /// Pages went out of the table. The peak is noted here, so that faults need not.
    pub(super) fn uncount(&self, gone: Counts) {
        if gone != Counts::default() {
            self.peak.fetch_max(self.resident(), Ordering::Relaxed);
            self.count_anon(-(gone.anon as i64));
            self.count_file(-(gone.file as i64));
        }
    }

    /// Unmaps pages `first ..= last` of an object wherever they are mapped: it was truncated.
    pub(super) fn unmap_object(&self, cache: &PageCache, first: u64, last: u64) {
        let mut inner = self.inner.write();
        let inner = &mut *inner;
        let mut gone = Counts::default();
        let mut edit = inner.table.edit();
        for vma in inner.vmas.iter() {
            let Some(object) = &vma.object else { continue };
            if !core::ptr::eq(&*object.cache, cache) || last < vma.page {
                continue;
            }
            let from = first.saturating_sub(vma.page).min(vma.pages());
            let to = (last - vma.page).saturating_add(1).min(vma.pages());
            if from < to {
                let (start, end) =
                    (vma.start + (from << PAGE_SHIFT), vma.start + (to << PAGE_SHIFT));
                let counts = edit.unmap(UserAddr::new(start), UserAddr::new(end));
                gone.anon += counts.anon;
                gone.file += counts.file;
            }
        }
        drop(edit);
        self.uncount(gone);
    }

    /// Panics when the parts disagree; for tests and debug builds.
    pub fn check(&self) {
        let mut inner = self.inner.write();
        let inner = &mut *inner;
        inner.vmas.check();
        let mut totals = Totals::default();
        inner.vmas.iter().for_each(|vma| totals.add(Totals::of_vma(vma)));
        assert_eq!(totals, inner.totals, "the totals do not add up");
        let mut counts = Counts::default();
        let vmas = &inner.vmas;
        inner.table.for_each(UserAddr::NULL, USER_END, |addr, mapping| {
            let vma = vmas
                .at(addr.as_u64())
                .unwrap_or_else(|| panic!("{addr:?} is mapped without a VMA"));
            let writable = mapping.flags().contains(paging::PageFlags::WRITE);
            assert!(
                !writable || vma.flags.contains(VmFlags::WRITE),
                "{addr:?} is writable by mistake"
            );
            if writable && vma.flags.is_private() {
                assert!(
                    !mapping.is_special() && !mapping.is_cached(),
                    "{addr:?}: a private write would leak"
                );
            }
            if vma.flags.contains(VmFlags::SHARED) {
                assert!(mapping.is_cached(), "{addr:?}: a shared page of no object");
            }
            match (mapping.is_special(), mapping.is_cached()) {
                (true, _) => {}
                (_, true) => counts.file += 1,
                (_, false) => counts.anon += 1,
            }
        });
        assert_eq!(
            counts.anon as i64,
            self.anon.load(Ordering::Relaxed),
            "resident anonymous pages"
        );
        assert_eq!(counts.file as i64, self.file.load(Ordering::Relaxed), "resident file pages");
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        commit::uncharge(inner.totals.committed);
        let mut last: Option<Vma> = None;
        for vma in inner.vmas.clear() {
            let Some(object) = &vma.object else { continue };
            // Neighbours are often of one file.
            let known = last.as_ref().and_then(|last| last.object.as_ref());
            if !known.is_some_and(|known| Arc::ptr_eq(&known.cache, &object.cache)) {
                object.cache.forget_mapper(&self.this);
            }
            last = Some(vma);
        }
    }
}
