//! Futexes: sleeping until a word of user memory is said to have changed (futex(2)).
//!
//! [`key`] says when two addresses mean the same futex, [`table`] has the sleepers, [`wait`] and
//! [`operations`] are the calls, [`robust`] is what a dying thread leaves behind.
//!
//! The word is read under the lock of its bucket, so that a waker who changed it before it locked
//! the bucket is seen, or sees the sleeper:
//!
//! ```text
//! sleeper                                waker
//! -------                                -----
//! lock bucket                            word = new          (user mode)
//! word as expected? no: EAGAIN           lock bucket
//! into the bucket                        take sleepers out, wake them
//! unlock, sleep                          unlock
//! ```
//!
//! Reading the word does not fault pages in; when the page is not there, everything is undone, the
//! page fetched without locks, and the whole tried again.
//!
//! Locks: one per bucket (`FUTEX`); the second of two with `lock_second`, in the order of their
//! index.

pub mod key;
pub mod operations;
pub mod robust;
mod table;
#[cfg(test)]
mod tests;
pub mod wait;

pub use key::{Key, Sharing};
pub use operations::wake_addr;
pub use robust::leave_thread;
