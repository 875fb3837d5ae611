//! Who has locked which bytes of a file: the pure part of fcntl(2) locks.
//!
//! Invariants: the locks of one owner do not overlap, and neighbours of one kind are merged; a
//! write lock overlaps nobody else's lock.

use alloc::vec::Vec;

/// Who a record lock belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockOwner {
    /// A process, by the address of its descriptor table (POSIX locks).
    Process(usize),
    /// An open file description, by its address (`F_OFD_*`).
    Description(usize),
}

/// A kind of record lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// Shared.
    Read,
    /// Exclusive.
    Write,
}

/// The bytes from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRange {
    /// First byte.
    pub first: u64,
    /// Last byte.
    pub last: u64,
}

impl LockRange {
    fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Whether both together have no gap.
    fn touches(self, other: Self) -> bool {
        self.first <= other.last.saturating_add(1) && other.first <= self.last.saturating_add(1)
    }
}

/// A lock that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLock {
    /// By whom.
    pub owner: LockOwner,
    /// The process id that `F_GETLK` reports, -1 for descriptions.
    pub pid: i32,
    /// Where.
    pub range: LockRange,
    /// How.
    pub kind: LockKind,
}

/// The record locks of one file, sorted by their first byte.
#[derive(Debug, Default)]
pub struct RangeLocks {
    held: Vec<RecordLock>,
}

impl RangeLocks {
    /// No locks.
    pub const fn new() -> Self {
        Self { held: Vec::new() }
    }

    /// Whether nobody holds a lock.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The first lock that keeps `owner` from locking `range`.
    pub fn conflict(
        &self,
        owner: LockOwner,
        range: LockRange,
        kind: LockKind,
    ) -> Option<&RecordLock> {
        self.held.iter().find(|lock| {
            lock.owner != owner
                && lock.range.overlaps(range)
                && (kind == LockKind::Write || lock.kind == LockKind::Write)
        })
    }

    /// Gives the lock, replacing what its owner had there. There is no conflict.
    pub fn set(&mut self, lock: RecordLock) {
        let mut whole = lock;
        self.clear(lock.owner, lock.range);
        self.held.retain(|held| {
            let joins = held.owner == lock.owner
                && held.kind == lock.kind
                && held.range.touches(whole.range);
            if joins {
                whole.range.first = whole.range.first.min(held.range.first);
                whole.range.last = whole.range.last.max(held.range.last);
            }
            !joins
        });
        self.insert(whole);
    }

    fn insert(&mut self, lock: RecordLock) {
        let at = self.held.partition_point(|held| held.range.first <= lock.range.first);
        self.held.insert(at, lock);
    }

    /// Takes away what `owner` has in `range`, cutting locks that reach out of it. Whether there
    /// was anything.
    pub fn clear(&mut self, owner: LockOwner, range: LockRange) -> bool {
        let mut rests = Vec::new();
        let before = self.held.len();
        self.held.retain(|held| {
            if held.owner != owner || !held.range.overlaps(range) {
                return true;
            }
            if held.range.first < range.first {
                let part = LockRange { first: held.range.first, last: range.first - 1 };
                rests.push(RecordLock { range: part, ..*held });
            }
            if held.range.last > range.last {
                let part = LockRange { first: range.last + 1, last: held.range.last };
                rests.push(RecordLock { range: part, ..*held });
            }
            false
        });
        let changed = self.held.len() != before;
        for rest in rests {
            self.insert(rest);
        }
        changed
    }

    /// Takes away everything that `owner` has. Whether there was anything.
    pub fn clear_all(&mut self, owner: LockOwner) -> bool {
        let before = self.held.len();
        self.held.retain(|held| held.owner != owner);
        self.held.len() != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BYTES: u64 = 24;

    fn lock(owner: usize, first: u64, last: u64, kind: LockKind) -> RecordLock {
        let range = LockRange { first, last };
        RecordLock { owner: LockOwner::Process(owner), pid: 1, range, kind }
    }

    #[test]
    fn an_unlock_in_the_middle_leaves_two_locks() {
        let mut locks = RangeLocks::new();
        locks.set(lock(1, 0, u64::MAX, LockKind::Write));
        assert!(locks.clear(LockOwner::Process(1), LockRange { first: 10, last: 19 }));
        let ranges: Vec<_> = locks.held.iter().map(|l| (l.range.first, l.range.last)).collect();
        assert_eq!(ranges, [(0, 9), (20, u64::MAX)]);
    }

    #[test]
    fn neighbours_of_one_kind_merge() {
        let mut locks = RangeLocks::new();
        locks.set(lock(1, 0, 9, LockKind::Read));
        locks.set(lock(1, 20, 29, LockKind::Read));
        locks.set(lock(1, 10, 19, LockKind::Read));
        assert_eq!(locks.held, [lock(1, 0, 29, LockKind::Read)]);
        locks.set(lock(1, 5, 6, LockKind::Write));
        assert_eq!(locks.held.len(), 3);
    }

    proptest! {
        /// Against one cell per byte and owner.
        #[test]
        fn locks_agree_with_a_byte_map(
            steps in prop::collection::vec((0usize..3, 0..BYTES, 0..BYTES, 0u8..3), 1..60)
        ) {
            let mut locks = RangeLocks::new();
            let mut cells = [[None::<LockKind>; BYTES as usize]; 3];
            for (owner, a, b, what) in steps {
                let range = LockRange { first: a.min(b), last: a.max(b) };
                let who = LockOwner::Process(owner);
                let bytes = range.first as usize..=range.last as usize;
                let kind = match what { 0 => None, 1 => Some(LockKind::Read), _ => Some(LockKind::Write) };
                let Some(kind) = kind else {
                    let had = cells[owner][bytes.clone()].iter().any(Option::is_some);
                    prop_assert_eq!(locks.clear(who, range), had);
                    cells[owner][bytes].fill(None);
                    continue;
                };
                let blocked = (0..3).filter(|&other| other != owner).any(|other| {
                    cells[other][bytes.clone()].iter().any(|cell| match cell {
                        None => false,
                        Some(held) => kind == LockKind::Write || *held == LockKind::Write,
                    })
                });
                prop_assert_eq!(locks.conflict(who, range, kind).is_some(), blocked);
                if !blocked {
                    locks.set(RecordLock { owner: who, pid: 0, range, kind });
                    cells[owner][bytes].fill(Some(kind));
                }
            }
            for (owner, row) in cells.iter().enumerate() {
                let held: u64 = locks.held.iter()
                    .filter(|lock| lock.owner == LockOwner::Process(owner))
                    .map(|lock| lock.range.last - lock.range.first + 1)
                    .sum();
                prop_assert_eq!(held, row.iter().flatten().count() as u64);
            }
            prop_assert!(locks.held.is_sorted_by_key(|lock| lock.range.first));
        }
    }
}
