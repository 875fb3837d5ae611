//! Waking and moving sleepers: `FUTEX_WAKE`, `FUTEX_REQUEUE`, `FUTEX_WAKE_OP` and their kin.

use abi::Errno;
use abi::futex::WakeOp;
use machine::addr::UserAddr;
use machine::user as raw;

use super::key::{Key, Sharing};
use super::table::TABLE;
use crate::error::Result;
use crate::mm::fault::{Access, FaultOutcome};
use crate::mm::oom::{self, Relief};
use crate::mm::{AddressSpace, user};

/// The futex of a call.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// Where it is.
    pub addr: UserAddr,
    /// Who else may use it.
    pub sharing: Sharing,
}

/// `FUTEX_WAKE_BITSET`: wakes up to `count` sleepers whose bitset has a bit of `bitset`; how many.
///
/// # Errors
/// `EINVAL` for a bitset without bits or an address that is not aligned, `EFAULT`.
pub fn wake(space: &AddressSpace, word: Word, count: usize, bitset: u32) -> Result<usize> {
    if bitset == 0 {
        return Err(Errno::EINVAL.into());
    }
    let key = Key::new(space, word.addr, word.sharing)?;
    Ok(TABLE.wake(&key, count, bitset))
}

/// Wakes one sleeper on the word at `addr`, for the kernel's own use: a thread that ends.
pub fn wake_addr(space: &AddressSpace, addr: UserAddr) {
    // An address that is no good has no sleepers.
    let _ = wake(space, Word { addr, sharing: Sharing::Shared }, 1, u32::MAX);
}

/// Two futexes of one call.
#[derive(Clone, Copy, Debug)]
pub struct TwoWords {
    /// The futex whose sleepers are woken or moved.
    pub first: UserAddr,
    /// The other one.
    pub second: UserAddr,
    /// Who else may use them.
    pub sharing: Sharing,
}

/// How many sleepers of two futexes.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// To wake on the first.
    pub first: usize,
    /// To move to the second, or to wake there.
    pub second: usize,
}

/// `FUTEX_REQUEUE`, and `FUTEX_CMP_REQUEUE` when `expected` is given: wakes sleepers of the first
/// futex and moves others to the second. How many in all.
///
/// # Errors
/// `EAGAIN` when the first word is not as expected; `EINVAL`, `EFAULT`.
pub fn requeue(
    space: &AddressSpace,
    words: TwoWords,
    counts: Counts,
    expected: Option<u32>,
) -> Result<usize> {
    let from = Key::new(space, words.first, words.sharing)?;
    let to = Key::new(space, words.second, words.sharing)?;
    loop {
        let mut pair = TABLE.lock_pair(&from, &to);
        if let Some(expected) = expected {
            match raw::load_u32(words.first) {
                Ok(value) if value == expected => {}
                Ok(_) => return Err(Errno::EAGAIN.into()),
                Err(raw::Fault) => {
                    drop(pair);
                    user::load_u32(space, words.first)?;
                    continue;
                }
            }
        }
        let done = pair.requeue(&from, &to, counts);
        return Ok(done.woken + done.moved);
    }
}

/// `FUTEX_WAKE_OP`: changes the second word, wakes sleepers of the first futex, and of the second
/// if its old value is as `op` says.
///
/// # Errors
/// `ENOSYS` for an operation or comparison that does not exist; `EINVAL`, `EFAULT`.
pub fn wake_op(space: &AddressSpace, words: TwoWords, counts: Counts, op: WakeOp) -> Result<usize> {
    let first = Key::new(space, words.first, words.sharing)?;
    let second = Key::new(space, words.second, words.sharing)?;
    op.apply(0).ok_or(Errno::ENOSYS)?;
    loop {
        let mut pair = TABLE.lock_pair(&first, &second);
        let Ok(old) = change(words.second, op) else {
            drop(pair);
            make_writable(space, words.second)?;
            continue;
        };
        // Linux changes the word before it looks at the comparison.
        let matches = op.matches(old).ok_or(Errno::ENOSYS)?;
        let mut woken = pair.wake_first(&first, counts.first);
        if matches {
            woken += pair.wake_second(&second, counts.second);
        }
        return Ok(woken);
    }
}

/// Changes the word as `op` says, at once; returns the old value. Faults nothing in.
fn change(addr: UserAddr, op: WakeOp) -> Result<u32, raw::Fault> {
    let mut old = raw::load_u32(addr)?;
    loop {
        let new = op.apply(old).unwrap_or(old);
        let seen = raw::cmpxchg_u32(addr, old, new)?;
        if seen == old {
            return Ok(old);
        }
        old = seen;
    }
}

/// Fetches the page at `addr` for writing.
fn make_writable(space: &AddressSpace, addr: UserAddr) -> Result<()> {
    loop {
        match space.resolve(addr, Access::Write) {
            FaultOutcome::Resolved => return Ok(()),
            FaultOutcome::OutOfMemory if oom::relieve() == Relief::Retry => {}
            FaultOutcome::OutOfMemory | FaultOutcome::Signal(_) => {
                return Err(Errno::EFAULT.into());
            }
        }
    }
}
