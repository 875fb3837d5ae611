//! What a thread leaves behind: the robust list (set_robust_list(2)) and the word of
//! set_tid_address(2).
//!
//! All of it is user memory that may hold anything: the walk stops at the first thing that makes no
//! sense, and after a bounded number of entries.

use alloc::sync::Arc;

use abi::futex::{
    FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT, ROBUST_LIST_PI,
    RobustListHead,
};
use machine::addr::UserAddr;

use super::operations::wake_addr;
use crate::error::Result;
use crate::mm::{AddressSpace, user};
use crate::sched;
use crate::task::{CurrentThread, RobustList};

/// How many references to its address space a thread has by itself: its own, the one that others
/// look at, and its task's.
const OWN_REFERENCES: usize = 3;

/// The thread is about to leave its address space, by its end or by exec: releases the locks that
/// it holds, clears the word of set_tid_address(2) and wakes who waits there.
pub fn leave_thread(cx: &mut CurrentThread) {
    let list = cx.thread.robust_list();
    if !list.head.is_null() {
        cx.thread.set_robust_list(RobustList::default());
        // Whatever is wrong with the list, there is nobody to tell.
        let _ = release_all(&cx.space, list.head, cx.tid());
    }
    let addr = core::mem::take(&mut cx.clear_child_tid);
    // Without others in this memory, nobody can look at the word.
    if !addr.is_null() && Arc::strong_count(&cx.space) > OWN_REFERENCES {
        let _ = user::copy_out(&cx.space, addr, &0u32.to_ne_bytes());
        wake_addr(&cx.space, addr);
    }
}

/// An entry's address without its flag bit, and whether that was set.
fn untag(entry: u64) -> (UserAddr, bool) {
    (UserAddr::new(entry & !ROBUST_LIST_PI), entry & ROBUST_LIST_PI != 0)
}

/// Walks the list at `head` and releases every lock in it that `tid` owns.
fn release_all(space: &AddressSpace, head: UserAddr, tid: u32) -> Result<()> {
    let list: RobustListHead = user::read(space, head)?;
    let word_of = |entry: UserAddr| entry.wrapping_add(list.futex_offset.cast_unsigned());
    let (pending, pending_pi) = untag(list.list_op_pending);
    let (mut entry, mut pi) = untag(list.list);
    for _ in 0..ROBUST_LIST_LIMIT {
        if entry == head {
            break;
        }
        // Read before the lock is released: its next owner may free the entry.
        let next = user::read::<u64>(space, entry);
        if entry != pending {
            release(space, Held { word: word_of(entry), tid, pi, pending: false })?;
        }
        (entry, pi) = untag(next?);
        sched::preempt_if_needed();
    }
    if !pending.is_null() {
        release(space, Held { word: word_of(pending), tid, pi: pending_pi, pending: true })?;
    }
    Ok(())
}

/// A lock that a dying thread may hold.
struct Held {
    word: UserAddr,
    tid: u32,
    /// It has priority inheritance: its sleepers are not in this table.
    pi: bool,
    /// The thread was just taking or releasing it.
    pending: bool,
}

/// Marks the owner of a lock as dead, if it is `held.tid`, and wakes one who waits for it.
fn release(space: &AddressSpace, held: Held) -> Result<()> {
    if !held.word.as_u64().is_multiple_of(4) {
        return Err(abi::Errno::EINVAL.into());
    }
    let mut value = user::load_u32(space, held.word)?;
    loop {
        let owner = value & FUTEX_TID_MASK;
        if held.pending && !held.pi && owner == 0 {
            // It was released already, but the wake-up may not have happened any more.
            wake_addr(space, held.word);
            return Ok(());
        }
        if owner != held.tid {
            return Ok(());
        }
        let dead = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        let seen = user::cmpxchg_u32(space, held.word, value, dead)?;
        if seen == value {
            break;
        }
        value = seen;
    }
    if !held.pi && value & FUTEX_WAITERS != 0 {
        wake_addr(space, held.word);
    }
    Ok(())
}
