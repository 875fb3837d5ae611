//! Processors: who runs here, and sets of them.

use core::sync::atomic::{AtomicU64, Ordering};

/// The most processors that the kernel uses.
pub const MAX_CPUS: usize = 64;

/// A processor, counted from 0 (the boot processor) without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuId(pub u8);

impl CpuId {
    /// The number as an array index; always below [`MAX_CPUS`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The processor this code runs on. It can change at every sleep.
#[inline]
pub fn id() -> CpuId {
    CpuId(crate::backend::percpu::id() as u8)
}

pub use crate::backend::cpu::{
    family_model_stepping, feature_names, hwcap, hwcap2, min_sigstack, online, start_others,
    with_brand, with_vendor,
};

/// How many processors run.
pub fn count() -> usize {
    online().len() as usize
}

/// Makes `cpu` run its deferred work with `Pending::RESCHEDULE`, and leave user mode for it.
pub fn reschedule(cpu: CpuId) {
    crate::deferred::raise(cpu, crate::deferred::Pending::RESCHEDULE);
}

/// Halts this processor until an interrupt, unless `skip` says that there is something to do. It is
/// asked with interrupts off, so that an interrupt after its answer ends the halt.
pub fn halt_until_interrupt(skip: impl FnOnce() -> bool) {
    crate::backend::cpu::halt_until_interrupt(skip);
}

/// A value for each processor, made when it is first looked at.
pub struct PerCpu<T> {
    slots: [crate::sync::Once<T>; MAX_CPUS],
    init: fn() -> T,
}

impl<T: Send + Sync> PerCpu<T> {
    /// Values that `init` makes.
    pub const fn new(init: fn() -> T) -> Self {
        Self { slots: [const { crate::sync::Once::new() }; MAX_CPUS], init }
    }

    /// The value of `cpu`.
    #[inline]
    pub fn of(&self, cpu: CpuId) -> &T {
        self.slots[cpu.index()].call_once(self.init)
    }

    /// Runs `f` with the value of this processor. No deferred work runs meanwhile, and `f` may not sleep.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        struct Guard;
        impl Drop for Guard {
            fn drop(&mut self) {
                crate::backend::percpu::lock_released();
            }
        }
        crate::backend::percpu::lock_taken();
        let _guard = Guard;
        f(self.of(id()))
    }
}

/// A set of processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CpuSet(u64);

impl CpuSet {
    /// No processor.
    pub const EMPTY: CpuSet = CpuSet(0);

    /// The set with the bits of `mask`, bit n for processor n.
    pub const fn from_bits(mask: u64) -> Self {
        Self(mask)
    }

    /// The set as a mask, bit n for processor n.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Only `cpu`.
    pub const fn single(cpu: CpuId) -> Self {
        Self(1 << cpu.0)
    }

    /// Whether nobody is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many processors are in the set.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether `cpu` is in the set.
    pub const fn contains(self, cpu: CpuId) -> bool {
        self.0 & (1 << cpu.0) != 0
    }

    /// The set with `cpu`.
    #[must_use]
    pub const fn with(self, cpu: CpuId) -> Self {
        Self(self.0 | 1 << cpu.0)
    }

    /// The set without `cpu`.
    #[must_use]
    pub const fn without(self, cpu: CpuId) -> Self {
        Self(self.0 & !(1 << cpu.0))
    }

    /// The processors in both sets.
    #[must_use]
    pub const fn and(self, other: CpuSet) -> Self {
        Self(self.0 & other.0)
    }

    /// The members in ascending order.
    pub fn iter(self) -> impl Iterator<Item = CpuId> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let cpu = left.trailing_zeros() as u8;
            left &= left - 1;
            Some(CpuId(cpu))
        })
    }
}

/// A set of processors that several of them change at once.
#[derive(Debug, Default)]
pub struct AtomicCpuSet(AtomicU64);

impl AtomicCpuSet {
    /// An empty set.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `cpu`; a full memory barrier.
    pub fn insert(&self, cpu: CpuId) {
        self.0.fetch_or(1 << cpu.0, Ordering::SeqCst);
    }

    /// Removes `cpu`; a full memory barrier.
    pub fn remove(&self, cpu: CpuId) {
        self.0.fetch_and(!(1 << cpu.0), Ordering::SeqCst);
    }

    /// The members now.
    pub fn load(&self) -> CpuSet {
        CpuSet(self.0.load(Ordering::SeqCst))
    }

    /// Replaces the whole set.
    pub fn store(&self, set: CpuSet) {
        self.0.store(set.0, Ordering::SeqCst);
    }
}
