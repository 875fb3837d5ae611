//! futex(2) and the robust list.

use abi::Errno;
use abi::futex::{
    FUTEX_BITSET_MATCH_ANY, FUTEX_CMD_MASK, FUTEX_CMP_REQUEUE, FUTEX_LOCK_PI, FUTEX_LOCK_PI2,
    FUTEX_REQUEUE, FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_WAKE,
    FUTEX_WAKE_BITSET, FUTEX_WAKE_OP, FutexFlags, RobustListHead, WakeOp,
};
use abi::time::Timespec;
use machine::addr::UserAddr;

use crate::clock;
use crate::error::Result;
use crate::mm::user;
use crate::task::credentials::{self, CallerIds};
use crate::task::futex::Sharing;
use crate::task::futex::operations::{self, Counts, TwoWords, Word};
use crate::task::futex::wait::{self, WaitRequest};
use crate::task::timers::clocks::Clock;
use crate::task::{CurrentThread, RobustList, session, tree};

/// `futex(2)`. Priority inheritance is missing: `ENOSYS`, as on a Linux without it.
pub fn futex(
    cx: &mut CurrentThread,
    addr: UserAddr,
    op: u32,
    value: u32,
    timeout: u64,
    second: UserAddr,
    value3: u32,
) -> Result<usize> {
    let command = op & FUTEX_CMD_MASK;
    let flags = FutexFlags::from_bits_truncate(op);
    let realtime = flags.contains(FutexFlags::FUTEX_CLOCK_REALTIME);
    let deadline = deadline(cx, command, realtime, UserAddr::new(timeout))?;
    // The other calls know their clock, and this flag is not for them.
    if realtime && !matches!(command, FUTEX_WAIT_BITSET) {
        return Err(Errno::ENOSYS.into());
    }
    let sharing = match flags.contains(FutexFlags::FUTEX_PRIVATE_FLAG) {
        true => Sharing::Private,
        false => Sharing::Shared,
    };
    let word = Word { addr, sharing };
    let words = TwoWords { first: addr, second, sharing };
    // Where a second number is wanted, it is in the place of the timeout.
    let value2 = timeout as u32;
    let waits = |bitset| WaitRequest { addr, sharing, expected: value, bitset, deadline };
    let space = &cx.space;
    match command {
        FUTEX_WAIT => wait::wait(space, waits(FUTEX_BITSET_MATCH_ANY)),
        FUTEX_WAIT_BITSET => wait::wait(space, waits(value3)),
        FUTEX_WAKE => operations::wake(space, word, at_least_one(value), FUTEX_BITSET_MATCH_ANY),
        FUTEX_WAKE_BITSET => operations::wake(space, word, at_least_one(value), value3),
        FUTEX_REQUEUE => operations::requeue(space, words, counts(value, value2)?, None),
        FUTEX_CMP_REQUEUE => {
            operations::requeue(space, words, counts(value, value2)?, Some(value3))
        }
        FUTEX_WAKE_OP => {
            let counts = Counts { first: at_least_one(value), second: at_least_one(value2) };
            operations::wake_op(space, words, counts, WakeOp::decode(value3))
        }
        _ => Err(Errno::ENOSYS.into()),
    }
}

/// The monotonic time at which a wait is over; `None` for never.
fn deadline(cx: &CurrentThread, command: u32, realtime: bool, at: UserAddr) -> Result<Option<u64>> {
    let has_timeout = matches!(
        command,
        FUTEX_WAIT | FUTEX_WAIT_BITSET | FUTEX_LOCK_PI | FUTEX_LOCK_PI2 | FUTEX_WAIT_REQUEUE_PI
    );
    if !has_timeout || at.is_null() {
        return Ok(None);
    }
    let nanos = user::read::<Timespec>(&cx.space, at)?.to_nanos()?;
    Ok(Some(match command {
        FUTEX_WAIT => clock::monotonic().saturating_add(nanos),
        _ if realtime => Clock::Realtime { coarse: false }.to_monotonic(nanos),
        _ => nanos,
    }))
}

/// A number of sleepers to wake: an `int`; 0 and negative numbers wake one, as on Linux.
fn at_least_one(value: u32) -> usize {
    usize::try_from(value.cast_signed()).unwrap_or(1).max(1)
}

/// Numbers of sleepers for requeueing.
fn counts(first: u32, second: u32) -> Result<Counts, Errno> {
    let count = |value: u32| usize::try_from(value.cast_signed()).map_err(|_| Errno::EINVAL);
    Ok(Counts { first: count(first)?, second: count(second)? })
}

/// `set_robust_list(2)`.
pub fn set_robust_list(cx: &mut CurrentThread, head: UserAddr, len: usize) -> Result<usize> {
    if len != size_of::<RobustListHead>() {
        return Err(Errno::EINVAL.into());
    }
    cx.thread.set_robust_list(RobustList { head, len });
    Ok(0)
}

/// `get_robust_list(2)`.
pub fn get_robust_list(
    cx: &mut CurrentThread,
    pid: i32,
    head_at: UserAddr,
    len_at: UserAddr,
) -> Result<usize> {
    let target = match pid {
        0 => cx.thread.clone(),
        _ => session::to_pid(pid).and_then(tree::thread).ok_or(Errno::ESRCH)?,
    };
    if !credentials::may_inspect(cx, &target, CallerIds::Real) {
        return Err(Errno::EPERM.into());
    }
    user::write(&cx.space, len_at, &(size_of::<RobustListHead>() as u64))?;
    user::write(&cx.space, head_at, &target.robust_list().head.as_u64())?;
    Ok(0)
}
