//! Simulated TLBs: each thread remembers translations until it is told to forget them, so that a
//! missing flush is seen by the tests as stale data.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::addr::PAGE_SIZE;
use crate::cpu::{self, CpuId, CpuSet, MAX_CPUS};
use crate::paging::{Mapping, PageFlags, Root, hardware_walk};

/// What one processor has loaded and remembers.
pub(super) struct Tlb {
    root: Option<Arc<Root>>,
    pages: BTreeMap<u64, Mapping>,
}

static TLBS: [Mutex<Tlb>; MAX_CPUS] =
    [const { Mutex::new(Tlb { root: None, pages: BTreeMap::new() }) }; MAX_CPUS];

fn of(cpu: CpuId) -> MutexGuard<'static, Tlb> {
    // A panic of another test's thread leaves nothing half done here.
    TLBS[cpu.index()].lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// This processor's TLB. While it is held, flushes by others wait: an access is atomic to them.
pub(super) fn mine() -> MutexGuard<'static, Tlb> {
    of(cpu::id())
}

impl Tlb {
    /// Translates a page as the processor does: what is remembered counts; entries that do not
    /// allow the access are looked up again.
    pub(super) fn translate(&mut self, page: u64, needed: PageFlags) -> Option<Mapping> {
        let root = self.root.as_ref()?;
        if let Some(&mapping) = self.pages.get(&page)
            && mapping.flags().contains(needed)
        {
            return Some(mapping);
        }
        let mapping = hardware_walk(root, page, needed)?;
        self.pages.insert(page, mapping);
        Some(mapping)
    }

    fn forget(&mut self, root: &Root, start: u64, end: u64) {
        if self.has(root) {
            self.pages.retain(|&page, _| page + (PAGE_SIZE as u64) <= start || page >= end);
        }
    }

    fn has(&self, root: &Root) -> bool {
        self.root.as_ref().is_some_and(|mine| std::ptr::eq(&**mine, root))
    }
}

pub(crate) fn is_active(root: &Root) -> bool {
    mine().has(root)
}

pub(crate) fn load(root: Option<Arc<Root>>) {
    load_on(cpu::id(), root);
}

pub(super) fn load_on(cpu: CpuId, root: Option<Arc<Root>>) {
    if let Some(root) = &root {
        root.loaded().insert(cpu);
    }
    let mut tlb = of(cpu);
    let old = std::mem::replace(&mut tlb.root, root);
    tlb.pages.clear();
    drop(tlb);
    if let Some(old) = old {
        old.loaded().remove(cpu);
    }
}

pub(crate) fn flush_here(root: &Root, start: u64, end: u64) {
    mine().forget(root, start, end);
}

pub(crate) fn flush_others(root: &Root, others: CpuSet, start: u64, end: u64) {
    for cpu in others.iter() {
        of(cpu).forget(root, start, end);
    }
}

pub(crate) fn evict_others(root: &Arc<Root>, others: CpuSet) {
    for cpu in others.iter() {
        if of(cpu).has(root) {
            load_on(cpu, None);
        }
    }
}
