//! Extended attributes (xattr(7)): no file system here has them, which is an answer of its own.

use abi::{AT_FDCWD, AtFlags, Errno};
use machine::addr::UserAddr;

use super::args::Fd;
use super::path::{read_path, resolve};
use crate::error::Result;
use crate::fs::walk::Follow;
use crate::mm::user;
use crate::task::CurrentThread;

/// The longest name, with its NUL.
const NAME_MAX: usize = 256;

/// Checks the name of an attribute.
///
/// # Errors
/// `ERANGE` when it is empty or too long.
fn check_name(cx: &CurrentThread, name: UserAddr) -> Result<()> {
    match user::read_cstr(&cx.space, name, NAME_MAX) {
        Err(crate::error::Error::Errno(Errno::ENAMETOOLONG)) => Err(Errno::ERANGE.into()),
        Ok(name) if name.is_empty() => Err(Errno::ERANGE.into()),
        other => other.map(|_| ()),
    }
}

fn check_path(cx: &CurrentThread, path: UserAddr, follow: Follow) -> Result<()> {
    let path = read_path(cx, path)?;
    resolve(cx, Fd(AT_FDCWD), &path, AtFlags::empty(), follow).map(|_| ())
}

fn check_fd(cx: &CurrentThread, fd: Fd) -> Result<()> {
    Ok(cx.files.get_usable(fd.0).map(|_| ())?)
}

fn unsupported() -> Result<usize> {
    Err(Errno::EOPNOTSUPP.into())
}

/// setxattr(2).
pub fn setxattr(
    cx: &mut CurrentThread,
    path: UserAddr,
    name: UserAddr,
    _value: UserAddr,
    _size: usize,
    flags: u32,
) -> Result<usize> {
    check_set(cx, name, flags)?;
    check_path(cx, path, Follow::Yes)?;
    unsupported()
}

/// lsetxattr(2).
pub fn lsetxattr(
    cx: &mut CurrentThread,
    path: UserAddr,
    name: UserAddr,
    _value: UserAddr,
    _size: usize,
    flags: u32,
) -> Result<usize> {
    check_set(cx, name, flags)?;
    check_path(cx, path, Follow::No)?;
    unsupported()
}

/// fsetxattr(2).
pub fn fsetxattr(
    cx: &mut CurrentThread,
    fd: Fd,
    name: UserAddr,
    _value: UserAddr,
    _size: usize,
    flags: u32,
) -> Result<usize> {
    check_fd(cx, fd)?;
    check_set(cx, name, flags)?;
    unsupported()
}

/// `XATTR_CREATE` and `XATTR_REPLACE` are all the flags there are.
fn check_set(cx: &CurrentThread, name: UserAddr, flags: u32) -> Result<()> {
    if flags & !3 != 0 {
        return Err(Errno::EINVAL.into());
    }
    check_name(cx, name)
}

/// getxattr(2).
pub fn getxattr(
    cx: &mut CurrentThread,
    path: UserAddr,
    name: UserAddr,
    _value: UserAddr,
    _size: usize,
) -> Result<usize> {
    check_path(cx, path, Follow::Yes)?;
    check_name(cx, name)?;
    unsupported()
}

/// lgetxattr(2).
pub fn lgetxattr(
    cx: &mut CurrentThread,
    path: UserAddr,
    name: UserAddr,
    _value: UserAddr,
    _size: usize,
) -> Result<usize> {
    check_path(cx, path, Follow::No)?;
    check_name(cx, name)?;
    unsupported()
}

/// fgetxattr(2).
pub fn fgetxattr(
    cx: &mut CurrentThread,
    fd: Fd,
    name: UserAddr,
    _value: UserAddr,
    _size: usize,
) -> Result<usize> {
    check_fd(cx, fd)?;
    check_name(cx, name)?;
    unsupported()
}

/// listxattr(2): an empty list.
pub fn listxattr(
    cx: &mut CurrentThread,
    path: UserAddr,
    _list: UserAddr,
    _size: usize,
) -> Result<usize> {
    check_path(cx, path, Follow::Yes)?;
    Ok(0)
}

/// llistxattr(2).
pub fn llistxattr(
    cx: &mut CurrentThread,
    path: UserAddr,
    _list: UserAddr,
    _size: usize,
) -> Result<usize> {
    check_path(cx, path, Follow::No)?;
    Ok(0)
}

/// flistxattr(2).
pub fn flistxattr(cx: &mut CurrentThread, fd: Fd, _list: UserAddr, _size: usize) -> Result<usize> {
    check_fd(cx, fd)?;
    Ok(0)
}

/// removexattr(2).
pub fn removexattr(cx: &mut CurrentThread, path: UserAddr, name: UserAddr) -> Result<usize> {
    check_path(cx, path, Follow::Yes)?;
    check_name(cx, name)?;
    unsupported()
}

/// lremovexattr(2).
pub fn lremovexattr(cx: &mut CurrentThread, path: UserAddr, name: UserAddr) -> Result<usize> {
    check_path(cx, path, Follow::No)?;
    check_name(cx, name)?;
    unsupported()
}

/// fremovexattr(2).
pub fn fremovexattr(cx: &mut CurrentThread, fd: Fd, name: UserAddr) -> Result<usize> {
    check_fd(cx, fd)?;
    check_name(cx, name)?;
    unsupported()
}
