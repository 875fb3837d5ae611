//! eventfd(2).

use abi::{Errno, OpenFlags};

use super::file::{fd_limit, to_value};
use crate::error::Result;
use crate::fs::eventfd as events;
use crate::task::CurrentThread;

/// `EFD_SEMAPHORE`.
const EFD_SEMAPHORE: u32 = 1;

/// eventfd(2), the old form without flags.
pub fn eventfd(cx: &mut CurrentThread, count: u32) -> Result<usize> {
    eventfd2(cx, count, 0)
}

/// eventfd2(2).
pub fn eventfd2(cx: &mut CurrentThread, count: u32, flags: u32) -> Result<usize> {
    let semaphore = flags & EFD_SEMAPHORE != 0;
    let open = OpenFlags::from_bits_retain(flags & !EFD_SEMAPHORE);
    if !(OpenFlags::O_CLOEXEC | OpenFlags::O_NONBLOCK).contains(open) {
        return Err(Errno::EINVAL.into());
    }
    machine::frame::check_reserve()?;
    let reserved = cx.files.reserve(fd_limit(cx), open.contains(OpenFlags::O_CLOEXEC))?;
    Ok(to_value(reserved.install(events::create(count, semaphore, open, cx))))
}
