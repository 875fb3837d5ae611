//! pipe(2) and pipe2(2).

use abi::{Errno, OpenFlags};
use machine::addr::UserAddr;

use super::file::fd_limit;
use crate::error::Result;
use crate::fs::pipe as pipes;
use crate::mm::user;
use crate::task::CurrentThread;

/// pipe(2).
pub fn pipe(cx: &mut CurrentThread, fds: UserAddr) -> Result<usize> {
    pipe2(cx, fds, 0)
}

/// pipe2(2).
pub fn pipe2(cx: &mut CurrentThread, fds: UserAddr, flags: u32) -> Result<usize> {
    const SUPPORTED: OpenFlags =
        OpenFlags::O_CLOEXEC.union(OpenFlags::O_NONBLOCK).union(OpenFlags::O_DIRECT);
    let flags = OpenFlags::from_bits_retain(flags);
    if !SUPPORTED.contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    let cloexec = flags.contains(OpenFlags::O_CLOEXEC);
    let (reader, writer) = pipes::create(flags, cx)?;
    let read_end = cx.files.reserve(fd_limit(cx), cloexec)?;
    let write_end = cx.files.reserve(fd_limit(cx), cloexec)?;
    // User space learns the numbers before others can use them, so a bad address leaves no trace.
    let numbers = [read_end.number(), write_end.number()];
    user::write(&cx.space, fds, &numbers)?;
    read_end.install(reader);
    write_end.install(writer);
    Ok(0)
}
