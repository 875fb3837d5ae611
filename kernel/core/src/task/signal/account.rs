//! How many queued signals a user has: RLIMIT_SIGPENDING counts over all processes of a real user
//! id, not per process (getrlimit(2)).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use machine::sync::SpinLock;

use crate::cred::Uid;
use crate::locks;

/// One count for each user that has queued signals, sorted by user id.
static USERS: SpinLock<Vec<(Uid, Arc<AtomicU64>)>> = SpinLock::new(locks::SIGNAL_USERS, Vec::new());

/// One queued signal, as long as this lives.
#[derive(Debug)]
pub struct Charge(Arc<AtomicU64>);

impl Charge {
    /// Counts one more signal for `uid`; `None` when that would exceed `limit` or memory is out.
    pub fn new(uid: Uid, limit: u64) -> Option<Self> {
        let count = counter(uid)?;
        let charge = Self(count);
        if charge.0.fetch_add(1, Ordering::Relaxed) < limit { Some(charge) } else { None }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many signals `uid` has queued: `SigQ` of /proc/PID/status.
pub fn queued_by(uid: Uid) -> u64 {
    let users = USERS.lock();
    match users.binary_search_by_key(&uid, |&(user, _)| user) {
        Ok(index) => users[index].1.load(Ordering::Relaxed),
        Err(_) => 0,
    }
}

fn counter(uid: Uid) -> Option<Arc<AtomicU64>> {
    let mut users = USERS.lock();
    match users.binary_search_by_key(&uid, |&(user, _)| user) {
        Ok(index) => Some(users[index].1.clone()),
        Err(_) => {
            // A new user: forget those that have nothing queued, so that the list stays short.
            users.retain(|(_, count)| Arc::strong_count(count) > 1);
            users.try_reserve(1).ok()?;
            let count = Arc::new(AtomicU64::new(0));
            let index = users.partition_point(|&(user, _)| user < uid);
            users.insert(index, (uid, count.clone()));
            Some(count)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_per_user_and_given_back() {
        let one = Charge::new(70_001, 2).expect("first");
        let _two = Charge::new(70_001, 2).expect("second");
        assert!(Charge::new(70_001, 2).is_none());
        assert!(Charge::new(70_002, 1).is_some());
        assert_eq!(queued_by(70_001), 2);
        drop(one);
        assert!(Charge::new(70_001, 2).is_some());
        assert_eq!(queued_by(70_001), 1);
    }
}
