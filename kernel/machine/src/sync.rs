//! Spin locks with ranks.
//!
//! A lock is never held over a sleep or a copy from or to user memory, and the kernel is not
//! preempted, so that spinning is short. Interrupt handlers take no locks at all: what they want
//! done runs as deferred work when the processor holds none. For that each processor counts the
//! locks it holds (`backend::percpu`).
//!
//! Debug builds keep the ranks of the locks held and panic when one is taken out of order, even if
//! no deadlock happens that time.

use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use spin::mutex::{SpinMutex, SpinMutexGuard};
use spin::rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::backend::percpu;

pub use spin::{LazyLock as Lazy, Once};

/// The place of a lock in the lock order; a bigger rank is further inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(pub u8);

/// Ranks of the machine's own locks: all inside the ones of core.
pub(crate) mod rank {
    use super::Rank;

    /// One last-level page table.
    pub const LEAF_TABLE: Rank = Rank(210);
    /// The mailbox for TLB requests; held while waiting for the answers.
    #[cfg(target_os = "none")]
    pub const SHOOTDOWN: Rank = Rank(220);
    /// Root tables ready for use.
    #[cfg(target_os = "none")]
    pub const SPARE_ROOTS: Rank = Rank(226);
    /// A processor's stock of heap blocks.
    pub const HEAP_CACHE: Rank = Rank(230);
    /// The kernel heap.
    pub const HEAP: Rank = Rank(234);
    /// A processor's stock of frames.
    pub const FRAME_CACHE: Rank = Rank(240);
    /// The buddy allocator.
    pub const BUDDY: Rank = Rank(244);
}

/// How many locks this processor holds.
#[inline]
pub fn lock_depth() -> u32 {
    percpu::lock_depth()
}

/// Panics in debug builds when this processor holds a lock: the caller is about to sleep or to
/// touch user memory.
#[inline]
#[track_caller]
pub fn assert_may_sleep() {
    debug_assert_eq!(lock_depth(), 0, "sleeping or touching user memory with a lock held");
}

/// One held lock in the books of this processor. Dropping it may run deferred work, so it must be
/// the last thing a guard does.
pub(crate) struct Held {
    #[cfg(debug_assertions)]
    rank: Rank,
    /// The books are per processor: a guard must not move to another.
    _not_send: PhantomData<*mut ()>,
}

/// What the caller promises about the order of the lock it takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Strictly inside of everything held.
    Inside,
    /// May be of the same rank as one held (an ordered pair).
    Second,
    /// Can not block, so any order is fine.
    Try,
}

impl Held {
    #[inline]
    #[track_caller]
    pub(crate) fn enter(rank: Rank, order: Order) -> Self {
        percpu::lock_taken();
        #[cfg(debug_assertions)]
        ranks::push(rank, order);
        #[cfg(not(debug_assertions))]
        let _ = (rank, order);
        Self {
            #[cfg(debug_assertions)]
            rank,
            _not_send: PhantomData,
        }
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        ranks::pop(self.rank);
        percpu::lock_released();
    }
}

/// The ranks held by each processor, for debug builds.
#[cfg(debug_assertions)]
mod ranks {
    use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

    use super::{Order, Rank};

    /// More than any path nests.
    const DEPTH: usize = 24;

    /// A stack of ranks, 0 for a free slot. Atomics only because it is a static: each processor
    /// touches nothing but its own.
    pub(crate) struct Stack([AtomicU8; DEPTH]);

    impl Stack {
        pub(crate) const fn new() -> Self {
            Self([const { AtomicU8::new(0) }; DEPTH])
        }
    }

    #[cfg(target_os = "none")]
    fn with<R>(f: impl FnOnce(&Stack) -> R) -> R {
        use crate::cpu::MAX_CPUS;
        static STACKS: [Stack; MAX_CPUS] = [const { Stack::new() }; MAX_CPUS];
        f(&STACKS[crate::cpu::id().index()])
    }

    #[cfg(not(target_os = "none"))]
    fn with<R>(f: impl FnOnce(&Stack) -> R) -> R {
        std::thread_local! {
            static STACK: Stack = const { Stack::new() };
        }
        STACK.with(f)
    }

    #[track_caller]
    pub(super) fn push(rank: Rank, order: Order) {
        with(|stack| {
            let mut slot = 0;
            for (i, held) in stack.0.iter().enumerate() {
                let held = held.load(Relaxed);
                if held == 0 {
                    continue;
                }
                slot = i + 1;
                let fine = match order {
                    Order::Inside => held < rank.0,
                    Order::Second => held <= rank.0,
                    Order::Try => true,
                };
                assert!(fine, "lock of rank {} taken while holding one of rank {held}", rank.0);
            }
            let free = stack.0.get(slot).expect("invariant: locks do not nest that deep");
            free.store(rank.0, Relaxed);
        });
    }

    pub(super) fn pop(rank: Rank) {
        with(|stack| {
            let slot = stack.0.iter().rev().find(|slot| slot.load(Relaxed) == rank.0);
            slot.expect("invariant: a released lock was held").store(0, Relaxed);
        });
    }
}

#[cfg(not(target_os = "none"))]
pub(crate) use crate::sim::percpu::Relax;
/// How a waiting processor passes the time.
#[cfg(target_os = "none")]
pub(crate) use spin::Spin as Relax;

/// A mutual exclusion lock that spins.
pub struct SpinLock<T: ?Sized> {
    rank: Rank,
    inner: SpinMutex<T, Relax>,
}

/// Access to what a [`SpinLock`] protects; dropping it unlocks.
pub struct SpinLockGuard<'a, T: ?Sized> {
    // Field order is drop order: unlock first, then settle the books.
    inner: SpinMutexGuard<'a, T, Relax>,
    _held: Held,
}

impl<T> SpinLock<T> {
    /// A new lock around `value`.
    pub const fn new(rank: Rank, value: T) -> Self {
        Self { rank, inner: SpinMutex::new(value) }
    }

    /// Takes the lock apart.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> SpinLock<T> {
    /// Waits for the lock.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> SpinLockGuard<'_, T> {
        let held = Held::enter(self.rank, Order::Inside);
        SpinLockGuard { inner: self.inner.lock(), _held: held }
    }

    /// Waits for the lock while another of the same rank is held. The caller keeps to one order
    /// among the two (the one that the rank's documentation gives).
    #[inline]
    #[track_caller]
    pub fn lock_second(&self) -> SpinLockGuard<'_, T> {
        let held = Held::enter(self.rank, Order::Second);
        SpinLockGuard { inner: self.inner.lock(), _held: held }
    }

    /// Takes the lock if it is free.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<SpinLockGuard<'_, T>> {
        let held = Held::enter(self.rank, Order::Try);
        let inner = self.inner.try_lock()?;
        Some(SpinLockGuard { inner, _held: held })
    }

    /// The value, without locking: the exclusive borrow is proof enough.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T: ?Sized> Deref for SpinLockGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for SpinLockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

/// A reader-writer lock that spins. A waiting writer keeps new readers out.
pub struct RwSpinLock<T: ?Sized> {
    rank: Rank,
    inner: RwLock<T, Relax>,
}

/// Shared access to what a [`RwSpinLock`] protects.
pub struct ReadGuard<'a, T: ?Sized> {
    inner: RwLockReadGuard<'a, T, Relax>,
    _held: Held,
}

/// Exclusive access to what a [`RwSpinLock`] protects.
pub struct WriteGuard<'a, T: ?Sized> {
    inner: RwLockWriteGuard<'a, T, Relax>,
    _held: Held,
}

impl<T> RwSpinLock<T> {
    /// A new lock around `value`.
    pub const fn new(rank: Rank, value: T) -> Self {
        Self { rank, inner: RwLock::new(value) }
    }

    /// Takes the lock apart.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> RwSpinLock<T> {
    /// Waits until no writer holds or awaits the lock.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> ReadGuard<'_, T> {
        let held = Held::enter(self.rank, Order::Inside);
        ReadGuard { inner: self.inner.read(), _held: held }
    }

    /// Waits until nobody else holds the lock.
    #[inline]
    #[track_caller]
    pub fn write(&self) -> WriteGuard<'_, T> {
        self.write_in_order(Order::Inside)
    }

    /// As [`write`](Self::write) while another lock of the same rank is held.
    #[inline]
    #[track_caller]
    pub fn write_second(&self) -> WriteGuard<'_, T> {
        self.write_in_order(Order::Second)
    }

    #[inline]
    #[track_caller]
    fn write_in_order(&self, order: Order) -> WriteGuard<'_, T> {
        let held = Held::enter(self.rank, order);
        let inner = match self.inner.try_write() {
            Some(guard) => guard,
            // The upgradeable state refuses new readers: so that a stream of faults can not
            // starve a writer.
            None => self.inner.upgradeable_read().upgrade(),
        };
        WriteGuard { inner, _held: held }
    }

    /// The value, without locking: the exclusive borrow is proof enough.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<'a, T: ?Sized> WriteGuard<'a, T> {
    /// Goes on as a reader, without letting another writer in between.
    pub fn downgrade(self) -> ReadGuard<'a, T> {
        ReadGuard { inner: self.inner.downgrade(), _held: self._held }
    }
}

impl<T: ?Sized> Deref for ReadGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> Deref for WriteGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for WriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T> core::fmt::Debug for SpinLock<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SpinLock").field("rank", &self.rank.0).finish_non_exhaustive()
    }
}

impl<T> core::fmt::Debug for RwSpinLock<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RwSpinLock").field("rank", &self.rank.0).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static OUTER: SpinLock<u32> = SpinLock::new(Rank(10), 0);

    #[test]
    fn locks_count_and_nest() {
        let inner = SpinLock::new(Rank(20), 1);
        assert_eq!(lock_depth(), 0);
        {
            let _outer = OUTER.lock();
            let second = SpinLock::new(Rank(10), ());
            let _second = second.lock_second();
            assert_eq!(*inner.lock(), 1);
            assert_eq!(lock_depth(), 2);
        }
        assert_may_sleep();
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "lock of rank 10 taken while holding one of rank 20")]
    fn wrong_order_panics() {
        let inner = SpinLock::new(Rank(20), ());
        let outer = SpinLock::new(Rank(10), ());
        let _inner = inner.lock();
        let _outer = outer.lock();
    }

    #[test]
    fn a_failed_try_lock_leaves_no_trace() {
        let lock = SpinLock::new(Rank(30), ());
        let _guard = lock.lock();
        assert!(lock.try_lock().is_none());
        assert_eq!(lock_depth(), 1);
    }

    #[test]
    fn writer_gets_in_between_readers() {
        let lock = std::sync::Arc::new(RwSpinLock::new(Rank(10), 0));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| while *lock.read() == 0 {});
            }
            scope.spawn(|| *lock.write() = 1);
        });
        let guard = lock.write();
        assert_eq!(*guard.downgrade(), 1);
    }
}
