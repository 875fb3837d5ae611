//! Where bytes of a read go and bytes of a write come from: user buffers or the kernel's.

use abi::Errno;
use machine::addr::UserAddr;
use machine::frame::Frame;

use super::{AddressSpace, IoVec, IoVecs};
use crate::error::Result;

/// User buffers with a position in them.
struct Cursor<'a> {
    space: &'a AddressSpace,
    vecs: &'a [IoVec],
    /// Bytes done in the first of `vecs`.
    offset: usize,
    /// Bytes left in all.
    left: usize,
}

impl<'a> Cursor<'a> {
    fn new(space: &'a AddressSpace, vecs: &'a IoVecs) -> Self {
        Self { space, vecs: vecs.as_slice(), offset: 0, left: vecs.total() }
    }

    /// Calls `step(space, addr, done, len) -> copied` for the pieces of the next `len` bytes;
    /// returns the bytes moved.
    ///
    /// # Errors
    /// `EFAULT` when there is room but not one byte moved.
    fn advance(
        &mut self,
        len: usize,
        mut step: impl FnMut(&AddressSpace, UserAddr, usize, usize) -> usize,
    ) -> Result<usize> {
        let len = len.min(self.left);
        let mut done = 0;
        while done < len {
            let Some(vec) = self.vecs.first() else { break };
            let piece = (vec.len as usize - self.offset).min(len - done);
            if piece == 0 {
                self.vecs = &self.vecs[1..];
                self.offset = 0;
                continue;
            }
            let addr = UserAddr::new(vec.base).wrapping_add(self.offset as u64);
            let copied = step(self.space, addr, done, piece);
            self.offset += copied;
            self.left -= copied;
            done += copied;
            if copied < piece {
                break;
            }
        }
        if done == 0 && len != 0 { Err(Errno::EFAULT.into()) } else { Ok(done) }
    }
}

enum To<'a> {
    User(Cursor<'a>),
    Kernel(&'a mut [u8]),
}

/// Takes the bytes that a read produces, in order.
///
/// Each method stores as much as fits, says how much that was, and fails with `EFAULT` only when
/// there is room but nothing could be stored. Less than asked for means that the sink is full or
/// met a bad address: the read ends there.
pub struct Sink<'a> {
    to: To<'a>,
    copied: usize,
}

impl<'a> Sink<'a> {
    /// Into user buffers.
    pub fn user(space: &'a AddressSpace, vecs: &'a IoVecs) -> Self {
        Self { to: To::User(Cursor::new(space, vecs)), copied: 0 }
    }

    /// Into a buffer of the kernel's.
    pub fn kernel(to: &'a mut [u8]) -> Self {
        Self { to: To::Kernel(to), copied: 0 }
    }

    /// Bytes that still fit.
    #[inline]
    pub fn remaining(&self) -> usize {
        match &self.to {
            To::User(cursor) => cursor.left,
            To::Kernel(to) => to.len(),
        }
    }

    /// Bytes stored so far.
    pub fn copied(&self) -> usize {
        self.copied
    }

    /// Stores bytes.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write(&mut self, from: &[u8]) -> Result<usize> {
        let done = match &mut self.to {
            To::User(cursor) => cursor.advance(from.len(), |space, addr, done, len| {
                super::copy_out_partial(space, addr, &from[done..done + len])
            })?,
            To::Kernel(to) => {
                let room = take_front(to, from.len());
                room.copy_from_slice(&from[..room.len()]);
                room.len()
            }
        };
        self.copied += done;
        Ok(done)
    }

    /// Stores all of `from`.
    ///
    /// # Errors
    /// `EFAULT` when not all of it could be stored.
    pub fn write_all(&mut self, from: &[u8]) -> Result<()> {
        if self.write(from)? == from.len() { Ok(()) } else { Err(Errno::EFAULT.into()) }
    }

    /// Stores `len` bytes of a frame, from `offset` on.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write_frame(&mut self, frame: &Frame, offset: usize, len: usize) -> Result<usize> {
        let done = match &mut self.to {
            To::User(cursor) => cursor.advance(len, |space, addr, done, len| {
                super::frame_out(space, addr, frame, offset + done, len)
            })?,
            To::Kernel(to) => {
                let room = take_front(to, len);
                frame.read(offset, room);
                room.len()
            }
        };
        self.copied += done;
        Ok(done)
    }

    /// Stores `len` zeroes.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write_zeroes(&mut self, len: usize) -> Result<usize> {
        let done = match &mut self.to {
            To::User(cursor) => {
                cursor.advance(len, |space, addr, _, len| super::zero_partial(space, addr, len))?
            }
            To::Kernel(to) => {
                let room = take_front(to, len);
                room.fill(0);
                room.len()
            }
        };
        self.copied += done;
        Ok(done)
    }
}

/// Splits up to `len` bytes off the front of `to`.
fn take_front<'a>(to: &mut &'a mut [u8], len: usize) -> &'a mut [u8] {
    let len = len.min(to.len());
    let (front, rest) = core::mem::take(to).split_at_mut(len);
    *to = rest;
    front
}

enum From<'a> {
    User(Cursor<'a>),
    Kernel(&'a [u8]),
}

/// Gives the bytes that a write takes, in order. Its methods fail as those of [`Sink`].
pub struct Source<'a> {
    from: From<'a>,
    copied: usize,
}

impl<'a> Source<'a> {
    /// Out of user buffers.
    pub fn user(space: &'a AddressSpace, vecs: &'a IoVecs) -> Self {
        Self { from: From::User(Cursor::new(space, vecs)), copied: 0 }
    }

    /// Out of a buffer of the kernel's.
    pub fn kernel(from: &'a [u8]) -> Self {
        Self { from: From::Kernel(from), copied: 0 }
    }

    /// Bytes that are left.
    #[inline]
    pub fn remaining(&self) -> usize {
        match &self.from {
            From::User(cursor) => cursor.left,
            From::Kernel(from) => from.len(),
        }
    }

    /// Bytes taken so far.
    pub fn copied(&self) -> usize {
        self.copied
    }

    /// Forgets all but the next `len` bytes.
    pub fn limit(&mut self, len: usize) {
        match &mut self.from {
            From::User(cursor) => cursor.left = cursor.left.min(len),
            From::Kernel(from) => *from = &from[..len.min(from.len())],
        }
    }

    /// Fills all of `to`.
    ///
    /// # Errors
    /// `EFAULT` when not all of it could be filled.
    pub fn read_exact(&mut self, to: &mut [u8]) -> Result<()> {
        if self.read(to)? == to.len() { Ok(()) } else { Err(Errno::EFAULT.into()) }
    }

    /// Takes bytes.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read(&mut self, to: &mut [u8]) -> Result<usize> {
        let len = to.len();
        let done = match &mut self.from {
            From::User(cursor) => cursor.advance(len, |space, addr, done, len| {
                super::copy_in_partial(space, &mut to[done..done + len], addr)
            })?,
            From::Kernel(from) => {
                let (front, rest) = from.split_at(len.min(from.len()));
                to[..front.len()].copy_from_slice(front);
                *from = rest;
                front.len()
            }
        };
        self.copied += done;
        Ok(done)
    }

    /// Takes `len` bytes into a frame, to `offset` on.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read_frame(&mut self, frame: &Frame, offset: usize, len: usize) -> Result<usize> {
        let done = match &mut self.from {
            From::User(cursor) => cursor.advance(len, |space, addr, done, len| {
                super::frame_in(space, frame, offset + done, addr, len)
            })?,
            From::Kernel(from) => {
                let (front, rest) = from.split_at(len.min(from.len()));
                frame.write(offset, front);
                *from = rest;
                front.len()
            }
        };
        self.copied += done;
        Ok(done)
    }
}
