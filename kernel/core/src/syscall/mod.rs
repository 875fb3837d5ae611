//! System calls: decode the registers, make one domain call, encode the result.
//!
//! [`table`] is the list of all calls, one row each. The family modules hold the handlers, each of
//! the shape `fn name(cx: &mut CurrentThread, arg, ...) -> Result<usize>`; what they do with user
//! memory goes through `mm::user`, and what they decide lives in `fs`, `mm` and `task`.

pub mod args;
pub mod cred;
pub mod dir;
pub mod epoll;
pub mod eventfd;
pub mod exec;
pub mod fd;
pub mod file;
pub mod futex;
pub mod memory;
pub mod misc;
pub mod mount;
pub mod path;
pub mod pipe;
pub mod poll;
pub mod prctl;
pub mod process;
pub mod sched;
pub mod signal;
pub mod splice;
pub mod stat;
pub mod storage;
pub mod table;
pub mod time;
pub mod user_loop;
pub mod wait;
pub mod xattr;

use core::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::task::CurrentThread;
use abi::{Errno, Sysno};

/// Runs the system call that `cx`'s registers ask for and stores what it returns.
///
/// `rax` receives the result or `-errno`. An interrupted call leaves its `Restart` in `cx`, where
/// signal delivery decides between `EINTR` and running it again.
pub fn dispatch(cx: &mut CurrentThread) {
    // Linux's entry code takes the number as an `int`: the upper half does not count.
    let number = cx.user.regs.orig_rax & 0xffff_ffff;
    match table::call(cx, number) {
        Ok(value) => cx.user.regs.rax = value as u64,
        Err(Error::Errno(errno)) => cx.user.regs.rax = errno.to_reg(),
        Err(Error::Restart(restart)) => cx.set_restart(restart),
    }
}

/// Numbers already reported as absent, one bit each.
static REPORTED: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

/// The answer to a number without a handler: `ENOSYS`, and one log line for each number.
#[cold]
fn absent(number: u64) -> Result<usize> {
    let first = REPORTED.get((number / 64) as usize).is_some_and(|word| {
        let bit = 1 << (number % 64);
        word.fetch_or(bit, Ordering::Relaxed) & bit == 0
    });
    if first {
        let name = u32::try_from(number).ok().and_then(|n| Sysno::try_from(n).ok());
        log::info!(
            "system call {number} ({}) is absent: ENOSYS",
            name.map_or("unknown", Sysno::name)
        );
    }
    Err(Errno::ENOSYS.into())
}
