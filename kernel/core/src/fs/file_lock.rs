//! File locks: fcntl(2) record locks (POSIX and `F_OFD_*`) and flock(2).
//!
//! The two families do not see each other, as on Linux. A wait that would close a circle of
//! processes that wait for each other's record locks is refused with `EDEADLK`.
//!
//! Locks: one file's locks (`FILE_LOCKS`), then the table of who waits for whom
//! (`FILE_LOCK_WAITERS`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use abi::Errno;
use machine::sync::SpinLock;

use super::range_locks::{LockOwner, LockRange, RangeLocks, RecordLock};
use crate::error::{Restart, Result};
use crate::locks;
use crate::sched::{Sleep, WaitQueue};

/// The locks of one inode.
pub struct FileLocks {
    state: SpinLock<State>,
    queue: WaitQueue,
}

struct State {
    records: RangeLocks,
    whole: Vec<WholeLock>,
}

/// A lock of flock(2), by the address of the open file description.
#[derive(Clone, Copy)]
struct WholeLock {
    file: usize,
    exclusive: bool,
}

/// For each owner that sleeps: the owner whose lock it waits for.
static WAITING: SpinLock<BTreeMap<LockOwner, LockOwner>> =
    SpinLock::new(locks::FILE_LOCK_WAITERS, BTreeMap::new());

/// Whether a call may sleep for its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It fails with `EAGAIN` instead.
    No,
    /// It does.
    Yes,
}

enum Attempt {
    Done,
    Deadlock,
    Blocked,
}

impl FileLocks {
    /// No locks.
    pub fn new() -> Self {
        let state = State { records: RangeLocks::new(), whole: Vec::new() };
        Self { state: SpinLock::new(locks::FILE_LOCKS, state), queue: WaitQueue::new() }
    }

    /// The lock that would keep `want` from being given (`F_GETLK`).
    pub fn conflict(&self, want: &RecordLock) -> Option<RecordLock> {
        self.state.lock().records.conflict(want.owner, want.range, want.kind).copied()
    }

    /// Takes a record lock.
    ///
    /// # Errors
    /// `EAGAIN` when it would have to wait; `EDEADLK`; a restart when a signal came.
    pub fn lock(&self, want: RecordLock, wait: Wait) -> Result<()> {
        match self.attempt(&want) {
            Attempt::Done => return Ok(()),
            Attempt::Deadlock if wait == Wait::Yes => return Err(Errno::EDEADLK.into()),
            _ if wait == Wait::No => return Err(Errno::EAGAIN.into()),
            _ => {}
        }
        let result =
            self.queue.wait_until(Sleep::Interruptible, None, || match self.attempt(&want) {
                Attempt::Done => Some(Ok(())),
                Attempt::Deadlock => Some(Err(Errno::EDEADLK)),
                Attempt::Blocked => None,
            });
        WAITING.lock().remove(&want.owner);
        match result {
            Ok(result) => Ok(result?),
            Err(_) => Err(Restart::IfSaRestart.into()),
        }
    }

    /// Takes the lock if nobody is in the way; else notes who is.
    fn attempt(&self, want: &RecordLock) -> Attempt {
        let attempt = {
            let mut state = self.state.lock();
            match state.records.conflict(want.owner, want.range, want.kind) {
                None => {
                    state.records.set(*want);
                    Attempt::Done
                }
                Some(blocker) => note_wait(want.owner, blocker.owner),
            }
        };
        if matches!(attempt, Attempt::Done) {
            // A write lock that became a read lock lets others in.
            self.queue.wake_all();
        }
        attempt
    }

    /// Gives up a range.
    pub fn unlock(&self, owner: LockOwner, range: LockRange) {
        if self.state.lock().records.clear(owner, range) {
            self.queue.wake_all();
        }
    }

    /// Takes, changes or gives up the flock(2) lock of the description at `file`.
    ///
    /// # Errors
    /// `EAGAIN` (`EWOULDBLOCK`) when it would have to wait; a restart when a signal came.
    pub fn flock(&self, file: usize, exclusive: bool, wait: Wait) -> Result<()> {
        // As on Linux a change gives up the old lock first: two holders that both want more
        // would wait for each other for ever.
        let had = self.drop_whole(file, Some(exclusive));
        if had == Some(exclusive) {
            return Ok(());
        }
        let attempt = || {
            let mut state = self.state.lock();
            if state.whole.iter().any(|held| held.file != file && (exclusive || held.exclusive)) {
                return None;
            }
            state.whole.push(WholeLock { file, exclusive });
            Some(())
        };
        if wait == Wait::No {
            return Ok(attempt().ok_or(Errno::EAGAIN)?);
        }
        let result = self.queue.wait_until(Sleep::Interruptible, None, attempt);
        Ok(result.map_err(|_| Restart::IfSaRestart)?)
    }

    /// Gives up the flock(2) lock of the description at `file`.
    pub fn funlock(&self, file: usize) {
        self.drop_whole(file, None);
    }

    /// Takes the description's lock away unless it is of the kind to `keep`; says what it was.
    fn drop_whole(&self, file: usize, keep: Option<bool>) -> Option<bool> {
        let had = {
            let mut state = self.state.lock();
            let at = state.whole.iter().position(|held| held.file == file)?;
            let had = state.whole[at].exclusive;
            if keep == Some(had) {
                return Some(had);
            }
            state.whole.swap_remove(at);
            had
        };
        self.queue.wake_all();
        Some(had)
    }

    /// The process with the descriptor table at `files` closed a descriptor of this file: POSIX
    /// takes all its record locks away.
    pub fn release_process(&self, files: usize) {
        if self.state.lock().records.clear_all(LockOwner::Process(files)) {
            self.queue.wake_all();
        }
    }

    /// The open file description at `file` is gone.
    pub fn release_file(&self, file: usize) {
        let records = self.state.lock().records.clear_all(LockOwner::Description(file));
        if records {
            self.queue.wake_all();
        }
        self.drop_whole(file, None);
    }
}

impl Default for FileLocks {
    fn default() -> Self {
        Self::new()
    }
}

/// Notes that `owner` waits for `blocker`, unless `blocker` (over others) waits for `owner`.
fn note_wait(owner: LockOwner, blocker: LockOwner) -> Attempt {
    let mut waiting = WAITING.lock();
    // Only processes can be seen to be stuck: a description may be used by several.
    if let LockOwner::Process(_) = owner {
        let mut next = Some(blocker);
        // Circles that do not go through `owner` cannot arise, but descriptions are not checked.
        for _ in 0..=waiting.len() {
            let Some(at) = next else { break };
            if at == owner {
                return Attempt::Deadlock;
            }
            next = waiting.get(&at).copied();
        }
    }
    waiting.insert(owner, blocker);
    Attempt::Blocked
}
