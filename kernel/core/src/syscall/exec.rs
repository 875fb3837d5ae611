//! Executing programs: execve(2), execveat(2).

use alloc::vec::Vec;

use abi::file::PATH_MAX;
use abi::{AT_FDCWD, AtFlags, Errno};
use machine::addr::UserAddr;

use super::args::Fd;
use super::path;
use crate::error::Result;
use crate::fs::walk::Start;
use crate::task::CurrentThread;
use crate::task::exec::{Arguments, ExecRequest, Target, exec};

/// `execve(2)`. On success the registers are the new program's, and this is its `rax`.
pub fn execve(
    cx: &mut CurrentThread,
    path: UserAddr,
    argv: UserAddr,
    envp: UserAddr,
) -> Result<usize> {
    let path = path::read_path(cx, path)?.to_vec();
    if path.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    let arguments = Arguments::User { argv, envp };
    exec(cx, ExecRequest { target: Target::at_path(path), arguments })?;
    Ok(0)
}

/// What execveat(2) knows of its flags.
const SUPPORTED: AtFlags =
    AtFlags::AT_SYMLINK_NOFOLLOW.union(AtFlags::AT_EMPTY_PATH).union(AtFlags::AT_EXECVE_CHECK);

/// `execveat(2)`.
pub fn execveat(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    argv: UserAddr,
    envp: UserAddr,
    flags: u32,
) -> Result<usize> {
    let path = path::read_path(cx, path)?.to_vec();
    if path.is_empty() && flags & AtFlags::AT_EMPTY_PATH.bits() == 0 {
        return Err(Errno::ENOENT.into());
    }
    let flags = path::at_flags(flags, SUPPORTED)?;
    let target = target(cx, dirfd, path, flags)?;
    exec(cx, ExecRequest { target, arguments: Arguments::User { argv, envp } })?;
    Ok(0)
}

fn target(cx: &CurrentThread, dirfd: Fd, path: Vec<u8>, flags: AtFlags) -> Result<Target> {
    let no_follow = flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW);
    let check_only = flags.contains(AtFlags::AT_EXECVE_CHECK);
    if dirfd.0 == AT_FDCWD || path.first() == Some(&b'/') {
        return Ok(Target { no_follow, check_only, ..Target::at_path(path) });
    }
    let start = Start::At(cx.files.get(dirfd.0)?.path().clone());
    // What the program and a script's interpreter are told: a way through the descriptor.
    let mut filename = alloc::format!("/dev/fd/{}", dirfd.0).into_bytes();
    if !path.is_empty() {
        filename.try_reserve(PATH_MAX)?;
        filename.push(b'/');
        filename.extend_from_slice(&path);
    }
    let inaccessible = cx.files.cloexec(dirfd.0)?;
    Ok(Target { start, path, filename, no_follow, inaccessible, check_only })
}
