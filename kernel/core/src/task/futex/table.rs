//! The sleepers, in hashed buckets.
//!
//! Entries of a bucket are in the order of their arrival, which is the order they are woken in. A
//! sleeper knows the bucket that it is in; requeueing changes that under the locks of both.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use machine::sync::{SpinLock, SpinLockGuard};

use super::key::Key;
use super::operations::Counts;
use crate::locks;
use crate::sched::{Sleep, WaitQueue, Woken};

const BUCKETS: usize = 256;

/// The table of all futexes that somebody sleeps on.
pub struct Table {
    buckets: [SpinLock<VecDeque<Entry>>; BUCKETS],
}

/// The one table.
pub static TABLE: Table = Table::new();

/// One sleeper on one futex.
struct Entry {
    key: Key,
    bitset: u32,
    waiter: Arc<Waiter>,
}

/// A thread that sleeps, or is about to.
#[derive(Debug)]
pub struct Waiter {
    /// Index of the bucket that has its entry. Changed only under that bucket's lock.
    bucket: AtomicUsize,
    woken: AtomicBool,
    queue: WaitQueue,
}

impl Waiter {
    /// Sleeps until woken.
    ///
    /// # Errors
    /// What else ended the sleep; the entry is still in the table then, or a wake-up was faster.
    pub fn sleep(&self, deadline: Option<u64>) -> Result<(), Woken> {
        let woken = || self.woken.load(Ordering::Acquire).then_some(());
        self.queue.wait_until(Sleep::Interruptible, deadline, woken)
    }

    /// Called under the lock of the bucket, with the entry taken out.
    fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.queue.wake_one();
    }

    #[cfg(test)]
    pub(super) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }
}

type Bucket<'a> = SpinLockGuard<'a, VecDeque<Entry>>;

/// The locked buckets of two keys; one when both keys hash to it.
pub struct Pair<'a> {
    first: Bucket<'a>,
    /// `None` when it is the first.
    second: Option<Bucket<'a>>,
}

/// What requeueing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requeued {
    /// Sleepers woken.
    pub woken: usize,
    /// Sleepers moved.
    pub moved: usize,
}

impl Table {
    pub(super) const fn new() -> Self {
        Self { buckets: [const { SpinLock::new(locks::FUTEX, VecDeque::new()) }; BUCKETS] }
    }

    /// Puts a new waiter to sleep on `key`, if `check` still wants that: it runs under the lock.
    ///
    /// # Errors
    /// What `check` says.
    pub fn enqueue<E>(
        &self,
        key: &Key,
        bitset: u32,
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<Arc<Waiter>, E> {
        let index = key.bucket(BUCKETS);
        let waiter = Arc::new(Waiter {
            bucket: AtomicUsize::new(index),
            woken: AtomicBool::new(false),
            queue: WaitQueue::new(),
        });
        let entry = Entry { key: key.clone(), bitset, waiter: waiter.clone() };
        let mut bucket = self.buckets[index].lock();
        check()?;
        bucket.push_back(entry);
        drop(bucket);
        Ok(waiter)
    }

    /// Takes a waiter's entry out. False: it was woken and is not there any more.
    pub fn remove(&self, waiter: &Arc<Waiter>) -> bool {
        loop {
            let index = waiter.bucket.load(Ordering::Relaxed);
            let mut bucket = self.buckets[index].lock();
            if waiter.bucket.load(Ordering::Relaxed) != index {
                continue;
            }
            let at = bucket.iter().position(|entry| Arc::ptr_eq(&entry.waiter, waiter));
            let entry = at.and_then(|at| bucket.remove(at));
            drop(bucket);
            // The key may be the last to hold its object, which must not end under the lock.
            return entry.is_some();
        }
    }

    /// Wakes up to `count` sleepers on `key` whose bitset has a bit of `bitset`.
    pub fn wake(&self, key: &Key, count: usize, bitset: u32) -> usize {
        wake_in(&mut self.buckets[key.bucket(BUCKETS)].lock(), key, count, bitset)
    }

    /// Locks the buckets of two keys.
    pub fn lock_pair(&self, one: &Key, other: &Key) -> Pair<'_> {
        let (a, b) = (one.bucket(BUCKETS), other.bucket(BUCKETS));
        if a == b {
            return Pair { first: self.buckets[a].lock(), second: None };
        }
        let low = self.buckets[a.min(b)].lock();
        let high = self.buckets[a.max(b)].lock_second();
        let (first, second) = if a < b { (low, high) } else { (high, low) };
        Pair { first, second: Some(second) }
    }

    /// How many sleep on `key`.
    #[cfg(test)]
    pub(super) fn sleepers(&self, key: &Key) -> usize {
        let bucket = self.buckets[key.bucket(BUCKETS)].lock();
        bucket.iter().filter(|entry| entry.key == *key).count()
    }
}

impl Pair<'_> {
    /// Wakes up to `count` sleepers on `key`, the first key of the pair.
    pub fn wake_first(&mut self, key: &Key, count: usize) -> usize {
        wake_in(&mut self.first, key, count, u32::MAX)
    }

    /// Wakes up to `count` sleepers on `key`, the second key of the pair.
    pub fn wake_second(&mut self, key: &Key, count: usize) -> usize {
        wake_in(self.second.as_mut().unwrap_or(&mut self.first), key, count, u32::MAX)
    }

    /// Wakes sleepers on `from`, the first key, and moves others to `to`, the second key.
    pub fn requeue(&mut self, from: &Key, to: &Key, counts: Counts) -> Requeued {
        let woken = match counts.first {
            0 => 0,
            count => wake_in(&mut self.first, from, count, u32::MAX),
        };
        let mut done = Requeued { woken, moved: 0 };
        if from == to {
            // Already where they should be; only the count matters.
            let there = self.first.iter().filter(|entry| entry.key == *from).count();
            done.moved = there.min(counts.second);
            return done;
        }
        let index = to.bucket(BUCKETS);
        let mut at = 0;
        while done.moved < counts.second && at < self.first.len() {
            if self.first[at].key != *from {
                at += 1;
                continue;
            }
            let Some(mut entry) = self.first.remove(at) else {
                break;
            };
            entry.key = to.clone();
            entry.waiter.bucket.store(index, Ordering::Relaxed);
            self.second.as_mut().unwrap_or(&mut self.first).push_back(entry);
            done.moved += 1;
        }
        done
    }
}

/// Wakes up to `count` sleepers; at least one, as Linux does even when asked for none.
fn wake_in(bucket: &mut VecDeque<Entry>, key: &Key, count: usize, bitset: u32) -> usize {
    let mut woken = 0;
    let mut at = 0;
    while at < bucket.len() {
        let entry = &bucket[at];
        if entry.key != *key || entry.bitset & bitset == 0 {
            at += 1;
            continue;
        }
        // The caller's key holds the same object as the entry's, so dropping that ends nothing.
        if let Some(entry) = bucket.remove(at) {
            entry.waiter.wake();
            woken += 1;
        }
        if woken >= count {
            break;
        }
    }
    woken
}
