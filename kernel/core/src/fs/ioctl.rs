//! The part of ioctl(2) that moves plain numbers.

use machine::addr::UserAddr;

use super::caller::Caller;
use crate::error::Result;
use crate::mm::user;

/// Writes an `int` to the address in `arg`. Numbers too big for it are cut off at its maximum.
///
/// # Errors
/// `EFAULT`.
pub fn put_int(caller: &dyn Caller, arg: u64, value: usize) -> Result<usize> {
    let value = i32::try_from(value).unwrap_or(i32::MAX);
    user::copy_out(caller.space(), UserAddr::new(arg), &value.to_ne_bytes())?;
    Ok(0)
}

/// Reads an `int` from the address in `arg`.
///
/// # Errors
/// `EFAULT`.
pub fn get_int(caller: &dyn Caller, arg: u64) -> Result<i32> {
    let mut bytes = [0; 4];
    user::copy_in(caller.space(), &mut bytes, UserAddr::new(arg))?;
    Ok(i32::from_ne_bytes(bytes))
}
