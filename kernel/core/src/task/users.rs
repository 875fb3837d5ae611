//! How many threads each real user has: RLIMIT_NPROC counts over all processes of a user.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use machine::sync::SpinLock;

use super::tree::IdHasher;
use crate::cred::Uid;
use crate::locks;

type Users = HashMap<Uid, Arc<AtomicU64>, IdHasher>;

static USERS: SpinLock<Users> = SpinLock::new(locks::USER_COUNTS, HashMap::with_hasher(IdHasher));

/// One thread in its user's count, until this is dropped.
#[derive(Debug)]
pub struct UserCharge(Arc<AtomicU64>);

impl UserCharge {
    /// Counts one more thread for `uid`.
    pub fn new(uid: Uid) -> Self {
        let count = {
            let mut users = USERS.lock();
            // Users come and go (su, container ids); forget those without threads once in a while.
            if users.len() == users.capacity() {
                users.retain(|_, count| Arc::strong_count(count) > 1);
            }
            users.entry(uid).or_default().clone()
        };
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }

    /// How many threads the user has, this one included.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for UserCharge {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_count_per_user_until_they_end() {
        let first = UserCharge::new(90_001);
        let second = UserCharge::new(90_001);
        let _other = UserCharge::new(90_002);
        assert_eq!(first.count(), 2);
        drop(second);
        assert_eq!(first.count(), 1);
    }
}
