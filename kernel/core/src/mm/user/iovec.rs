//! Scattered buffers: `struct iovec`.

use abi::Errno;
use alloc::vec::Vec;
use arrayvec::ArrayVec;
use machine::addr::UserAddr;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::AddressSpace;
use crate::error::Result;

/// The most bytes that one call moves (`MAX_RW_COUNT`): longer requests are cut.
pub const MAX_BYTES: usize = 0x7fff_f000;
/// The most buffers in one call (`UIO_MAXIOV`).
const MAX_VECS: usize = 1024;
/// As many need no allocation.
const INLINE: usize = 8;

/// One buffer as user space describes it.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct IoVec {
    /// Where it begins.
    pub base: u64,
    /// Its length.
    pub len: u64,
}

/// Buffers that were read from user space once and checked: each lies below the end of user
/// space, and together they are at most [`MAX_BYTES`].
pub struct IoVecs {
    vecs: Storage,
    total: usize,
}

enum Storage {
    Inline(ArrayVec<IoVec, INLINE>),
    Heap(Vec<IoVec>),
}

impl IoVecs {
    /// Reads `count` descriptions from `addr`.
    ///
    /// # Errors
    /// `EINVAL` for more than 1,024 or a negative length, `EFAULT`, `ENOMEM`.
    pub fn read(space: &AddressSpace, addr: UserAddr, count: usize) -> Result<Self> {
        if count > MAX_VECS {
            return Err(Errno::EINVAL.into());
        }
        let vecs = if count <= INLINE {
            let mut vecs = ArrayVec::from([IoVec::default(); INLINE]);
            vecs.truncate(count);
            super::copy_in(space, <[IoVec]>::as_mut_bytes(&mut vecs), addr)?;
            Storage::Inline(vecs)
        } else {
            Storage::Heap(super::read_array(space, addr, count)?)
        };
        let mut vecs = Self { vecs, total: 0 };
        vecs.check()?;
        Ok(vecs)
    }

    /// One buffer, as `read` and `write` have it.
    ///
    /// # Errors
    /// `EFAULT` when it does not lie in user space.
    pub fn single(addr: UserAddr, len: usize) -> Result<Self> {
        if !addr.range_ok(len as u64) {
            return Err(Errno::EFAULT.into());
        }
        let len = len.min(MAX_BYTES);
        let mut vecs = ArrayVec::new();
        vecs.push(IoVec { base: addr.as_u64(), len: len as u64 });
        Ok(Self { vecs: Storage::Inline(vecs), total: len })
    }

    /// Linux's order: all lengths first, then address by address, each cut to what is left.
    fn check(&mut self) -> Result<()> {
        let vecs = match &mut self.vecs {
            Storage::Inline(vecs) => vecs.as_mut_slice(),
            Storage::Heap(vecs) => vecs.as_mut_slice(),
        };
        let mut total = 0;
        for vec in vecs {
            if vec.len > i64::MAX as u64 {
                return Err(Errno::EINVAL.into());
            }
            if !UserAddr::new(vec.base).range_ok(vec.len) {
                return Err(Errno::EFAULT.into());
            }
            vec.len = vec.len.min((MAX_BYTES - total) as u64);
            total += vec.len as usize;
        }
        self.total = total;
        Ok(())
    }

    /// Bytes in all buffers.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The buffers.
    pub fn as_slice(&self) -> &[IoVec] {
        match &self.vecs {
            Storage::Inline(vecs) => vecs,
            Storage::Heap(vecs) => vecs,
        }
    }
}
