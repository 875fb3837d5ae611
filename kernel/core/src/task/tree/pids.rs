//! Giving out ids.
//!
//! Ids go up and wrap around at `pid_max`, so that a number comes back as late as possible; after
//! the first time around the first 300 are left to the long-lived (Linux's `RESERVED_PIDS`).

use abi::Errno;

use super::{Pid, Tree, write};

/// Ids below this are not given out again after a wrap-around.
const RESERVED_PIDS: Pid = 300;
/// The default of kernel.pid_max.
const DEFAULT_PID_MAX: Pid = 32768;
/// The most that kernel.pid_max can be.
pub const PID_MAX_LIMIT: Pid = 4 << 20;
/// The least that kernel.pid_max can be.
const PID_MAX_MIN: Pid = RESERVED_PIDS + 1;

/// Which id comes next.
pub(super) struct Allocator {
    last: Pid,
    max: Pid,
}

impl Allocator {
    pub(super) const fn new() -> Self {
        Self { last: 0, max: DEFAULT_PID_MAX }
    }

    pub(super) fn last(&self) -> Pid {
        self.last
    }

    /// The next id for which `taken` says no. Every id is asked about once at most.
    fn next(&mut self, mut taken: impl FnMut(Pid) -> bool) -> Option<Pid> {
        for _ in 0..self.max {
            let mut candidate = self.last + 1;
            if candidate >= self.max {
                candidate = RESERVED_PIDS;
            }
            self.last = candidate;
            if !taken(candidate) {
                return Some(candidate);
            }
        }
        None
    }
}

/// An id that is taken but in use for nothing yet. Dropping it gives it back.
#[derive(Debug)]
#[must_use]
pub struct PidReservation {
    pid: Pid,
    consumed: bool,
}

impl PidReservation {
    /// The id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// A reservation in a tree of the test's own.
    #[cfg(test)]
    pub(in crate::task) fn for_test(pid: Pid) -> Self {
        Self { pid, consumed: false }
    }

    /// The id is in use from now on; only for the tree.
    pub(super) fn consume(mut self) {
        self.consumed = true;
    }
}

impl Drop for PidReservation {
    fn drop(&mut self) {
        if !self.consumed {
            let mut tree = write();
            if let Some(id) = tree.ids.get_mut(&self.pid) {
                id.reserved = false;
            }
            tree.release_id(self.pid);
        }
    }
}

impl Tree {
    fn is_taken(&self, pid: Pid) -> bool {
        self.ids.contains_key(&pid)
    }

    fn reserve_id(&mut self, pid: Pid) -> Result<PidReservation, Errno> {
        self.ids.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        self.ids.entry(pid).or_default().reserved = true;
        Ok(PidReservation { pid, consumed: false })
    }
}

/// Takes the next free id.
///
/// # Errors
/// `EAGAIN` when all are taken, `ENOMEM`.
pub fn reserve() -> Result<PidReservation, Errno> {
    let mut tree = write();
    let tree = &mut *tree;
    let ids = &tree.ids;
    let pid = tree.allocator.next(|pid| ids.contains_key(&pid)).ok_or(Errno::EAGAIN)?;
    tree.reserve_id(pid)
}

/// Takes exactly this id (clone3(2), `set_tid`).
///
/// # Errors
/// `EINVAL` when it is out of range, `EEXIST` when it is taken, `ENOMEM`.
pub fn reserve_exact(pid: Pid) -> Result<PidReservation, Errno> {
    let mut tree = write();
    if pid == 0 || pid >= tree.allocator.max {
        return Err(Errno::EINVAL);
    }
    if tree.is_taken(pid) {
        return Err(Errno::EEXIST);
    }
    tree.reserve_id(pid)
}

/// kernel.pid_max: ids are below it.
pub fn pid_max() -> Pid {
    super::read().allocator.max
}

/// Sets kernel.pid_max.
///
/// # Errors
/// `EINVAL` when it is out of range.
pub fn set_pid_max(max: Pid) -> Result<(), Errno> {
    if !(PID_MAX_MIN..=PID_MAX_LIMIT).contains(&max) {
        return Err(Errno::EINVAL);
    }
    write().allocator.max = max;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_up_then_wrap_past_the_reserved_ones() {
        let mut allocator = Allocator { max: 310, ..Allocator::new() };
        for expected in 1..310 {
            assert_eq!(allocator.next(|_| false), Some(expected));
        }
        assert_eq!(allocator.next(|pid| pid == 300), Some(301));
        assert_eq!(allocator.next(|pid| pid < 309), Some(309));
    }

    #[test]
    fn when_all_are_taken_there_is_none() {
        let mut allocator = Allocator { max: 400, ..Allocator::new() };
        assert_eq!(allocator.next(|_| true), None);
        // A lowered limit below the last id is no trap either.
        allocator.last = 390;
        allocator.max = 301;
        assert_eq!(allocator.next(|pid| pid != 300), Some(300));
    }
}
