//! User memory: the only ways for core to read and write it.
//!
//! An address from user space is a claim that is checked when it is used. The machine's copy
//! routines stop at a page that does not allow the access; the functions here then resolve the
//! fault exactly as one from user mode (lazy page, copy-on-write, growing stack) and go on. Only
//! when that says no, the call fails with `EFAULT`.
//!
//! All of these act on the address space that is active on this processor; it is passed so that
//! faults in it can be resolved. They may take long and must not be called with a lock held.

mod iovec;
mod stream;

use alloc::vec::Vec;
use core::marker::PhantomData;

use abi::Errno;
use machine::addr::{PAGE_SIZE, UserAddr};
use machine::frame::Frame;
use machine::user as raw;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::fault::{Access, FaultOutcome};
use super::{AddressSpace, oom};
use crate::error::Result;

pub use iovec::{IoVec, IoVecs, MAX_BYTES};
pub use machine::user::FetchOp;
pub use stream::{Sink, Source};

/// What to do after a copy stopped at `addr`: go on there, or give up.
fn resolved(space: &AddressSpace, addr: UserAddr, access: Access) -> bool {
    loop {
        match space.resolve(addr, access) {
            FaultOutcome::Resolved => return true,
            FaultOutcome::Signal(_) => return false,
            FaultOutcome::OutOfMemory if oom::relieve() == oom::Relief::Retry => {}
            FaultOutcome::OutOfMemory => return false,
        }
    }
}

/// Runs `step(addr, done) -> left` over `len` bytes until all is copied or a fault stays; returns
/// the bytes copied.
#[inline]
fn copy_resolving(
    space: &AddressSpace,
    addr: UserAddr,
    len: usize,
    access: Access,
    mut step: impl FnMut(UserAddr, usize) -> usize,
) -> usize {
    machine::sync::assert_may_sleep();
    if !addr.range_ok(len as u64) {
        return 0;
    }
    let mut done = 0;
    loop {
        done = len - step(addr.wrapping_add(done as u64), done);
        if done == len || !resolved(space, addr.wrapping_add(done as u64), access) {
            return done;
        }
    }
}

/// Reads user bytes; returns how many could be read.
#[inline]
pub fn copy_in_partial(space: &AddressSpace, to: &mut [u8], from: UserAddr) -> usize {
    let len = to.len();
    copy_resolving(space, from, len, Access::Read, |at, done| raw::copy_in(&mut to[done..], at))
}

/// Writes user bytes; returns how many could be written.
#[inline]
pub fn copy_out_partial(space: &AddressSpace, to: UserAddr, from: &[u8]) -> usize {
    copy_resolving(space, to, from.len(), Access::Write, |at, done| {
        raw::copy_out(at, &from[done..])
    })
}

/// Zeroes user bytes; returns how many could be written.
pub fn zero_partial(space: &AddressSpace, to: UserAddr, len: usize) -> usize {
    copy_resolving(space, to, len, Access::Write, |at, done| raw::zero(at, len - done))
}

fn frame_out(
    space: &AddressSpace,
    to: UserAddr,
    frame: &Frame,
    offset: usize,
    len: usize,
) -> usize {
    copy_resolving(space, to, len, Access::Write, |at, done| {
        raw::copy_out_from_frame(at, frame, offset + done, len - done)
    })
}

fn frame_in(
    space: &AddressSpace,
    frame: &Frame,
    offset: usize,
    from: UserAddr,
    len: usize,
) -> usize {
    copy_resolving(space, from, len, Access::Read, |at, done| {
        raw::copy_in_to_frame(frame, offset + done, at, len - done)
    })
}

/// Reads user bytes.
///
/// # Errors
/// `EFAULT` when not all of them can be read.
#[inline]
pub fn copy_in(space: &AddressSpace, to: &mut [u8], from: UserAddr) -> Result<()> {
    if copy_in_partial(space, to, from) == to.len() { Ok(()) } else { Err(Errno::EFAULT.into()) }
}

/// Writes user bytes.
///
/// # Errors
/// `EFAULT` when not all of them can be written.
#[inline]
pub fn copy_out(space: &AddressSpace, to: UserAddr, from: &[u8]) -> Result<()> {
    if copy_out_partial(space, to, from) == from.len() { Ok(()) } else { Err(Errno::EFAULT.into()) }
}

/// Zeroes user bytes.
///
/// # Errors
/// `EFAULT` when not all of them can be written.
pub fn zero(space: &AddressSpace, to: UserAddr, len: usize) -> Result<()> {
    if zero_partial(space, to, len) == len { Ok(()) } else { Err(Errno::EFAULT.into()) }
}

/// Reads a structure.
///
/// # Errors
/// `EFAULT`.
#[inline]
pub fn read<T: FromBytes + IntoBytes>(space: &AddressSpace, from: UserAddr) -> Result<T> {
    let mut value = T::new_zeroed();
    copy_in(space, value.as_mut_bytes(), from)?;
    Ok(value)
}

/// Writes a structure.
///
/// # Errors
/// `EFAULT`.
#[inline]
pub fn write<T: IntoBytes + Immutable>(
    space: &AddressSpace,
    to: UserAddr,
    value: &T,
) -> Result<()> {
    copy_out(space, to, value.as_bytes())
}

/// Reads `count` structures. The caller has bounded `count`.
///
/// # Errors
/// `EFAULT`, `ENOMEM`.
pub fn read_array<T>(space: &AddressSpace, from: UserAddr, count: usize) -> Result<Vec<T>>
where
    T: FromBytes + IntoBytes,
{
    let mut values = Vec::new();
    values.try_reserve_exact(count)?;
    values.resize_with(count, T::new_zeroed);
    copy_in(space, <[T]>::as_mut_bytes(&mut values), from)?;
    Ok(values)
}

/// Reads a string that is short and lies in memory that is there: the fast way for most paths. Its
/// length, or `None` when [`read_cstr`] has to do it.
#[inline]
pub fn read_short_cstr(to: &mut [u8], from: UserAddr) -> Option<usize> {
    machine::sync::assert_may_sleep();
    let room = to.len().min(PAGE_SIZE - from.page_offset());
    if !from.range_ok(room as u64) {
        return None;
    }
    let found = raw::copy_in_str(&mut to[..room], from);
    found.terminated.then_some(found.copied)
}

/// Reads a string of at most `max` bytes with its NUL, and returns it without.
///
/// # Errors
/// `ENAMETOOLONG` when there is no NUL in the first `max` bytes, `EFAULT`, `ENOMEM`.
pub fn read_cstr(space: &AddressSpace, from: UserAddr, max: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    append_cstr(space, &mut out, from, max)?;
    Ok(out)
}

/// Reads a string of at most `max` bytes with its NUL, and appends it without to `out`. When it
/// fails, part of the string may have been appended.
///
/// # Errors
/// As [`read_cstr`].
pub fn append_cstr(
    space: &AddressSpace,
    out: &mut Vec<u8>,
    from: UserAddr,
    max: usize,
) -> Result<()> {
    machine::sync::assert_may_sleep();
    let start = out.len();
    loop {
        let done = out.len() - start;
        let at = from.wrapping_add(done as u64);
        // Up to the end of the page: most strings end there.
        let room = (PAGE_SIZE - at.page_offset()).min(max - done).min(256);
        if room == 0 {
            return Err(Errno::ENAMETOOLONG.into());
        }
        if !at.range_ok(room as u64) {
            return Err(Errno::EFAULT.into());
        }
        out.try_reserve(room)?;
        let begin = out.len();
        out.resize(begin + room, 0);
        let found = raw::copy_in_str(&mut out[begin..], at);
        out.truncate(begin + found.copied);
        if found.terminated {
            return Ok(());
        }
        if found.faulted && !resolved(space, at.wrapping_add(found.copied as u64), Access::Read) {
            return Err(Errno::EFAULT.into());
        }
    }
}

fn word<R>(
    space: &AddressSpace,
    addr: UserAddr,
    access: Access,
    mut step: impl FnMut() -> Result<R, raw::Fault>,
) -> Result<R> {
    machine::sync::assert_may_sleep();
    if !addr.range_ok(4) {
        return Err(Errno::EFAULT.into());
    }
    loop {
        match step() {
            Ok(value) => return Ok(value),
            Err(raw::Fault) if resolved(space, addr, access) => {}
            Err(raw::Fault) => return Err(Errno::EFAULT.into()),
        }
    }
}

/// Reads an aligned word at once.
///
/// # Errors
/// `EFAULT`.
pub fn load_u32(space: &AddressSpace, addr: UserAddr) -> Result<u32> {
    word(space, addr, Access::Read, || raw::load_u32(addr))
}

/// Writes an aligned word at once.
///
/// # Errors
/// `EFAULT`.
pub fn store_u32(space: &AddressSpace, addr: UserAddr, value: u32) -> Result<()> {
    word(space, addr, Access::Write, || raw::store_u32(addr, value))
}

/// Writes `new` to an aligned word if it holds `old`; returns what it held.
///
/// # Errors
/// `EFAULT`.
pub fn cmpxchg_u32(space: &AddressSpace, addr: UserAddr, old: u32, new: u32) -> Result<u32> {
    word(space, addr, Access::Write, || raw::cmpxchg_u32(addr, old, new))
}

/// Changes an aligned word at once; returns what it held.
///
/// # Errors
/// `EFAULT`.
pub fn fetch_op_u32(space: &AddressSpace, addr: UserAddr, op: FetchOp, value: u32) -> Result<u32> {
    word(space, addr, Access::Write, || raw::fetch_op_u32(addr, op, value))
}

/// The claim that a `T` is at an address. It is checked when it is used.
pub struct UserPtr<T> {
    addr: UserAddr,
    _type: PhantomData<fn() -> T>,
}

impl<T> Clone for UserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtr<T> {}

impl<T> UserPtr<T> {
    /// A claim about `addr`.
    pub const fn new(addr: UserAddr) -> Self {
        Self { addr, _type: PhantomData }
    }

    /// The address.
    pub const fn addr(self) -> UserAddr {
        self.addr
    }

    /// Whether this is the null pointer.
    pub const fn is_null(self) -> bool {
        self.addr.is_null()
    }

    /// The claim about the `index`th `T` from here.
    #[must_use]
    pub const fn at(self, index: usize) -> Self {
        Self::new(self.addr.wrapping_add((index * size_of::<T>()) as u64))
    }
}

impl<T: FromBytes + IntoBytes> UserPtr<T> {
    /// Reads the value.
    ///
    /// # Errors
    /// `EFAULT`.
    #[inline]
    pub fn read(self, space: &AddressSpace) -> Result<T> {
        read(space, self.addr)
    }
}

impl<T: IntoBytes + Immutable> UserPtr<T> {
    /// Writes the value.
    ///
    /// # Errors
    /// `EFAULT`.
    #[inline]
    pub fn write(self, space: &AddressSpace, value: &T) -> Result<()> {
        write(space, self.addr, value)
    }

    /// Writes the value unless this is the null pointer: for optional results.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write_opt(self, space: &AddressSpace, value: &T) -> Result<()> {
        if self.is_null() { Ok(()) } else { self.write(space, value) }
    }
}

#[cfg(test)]
mod tests;
