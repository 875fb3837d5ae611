//! User memory: the page tables of the loaded root, walked in software.

use core::sync::atomic::{AtomicU32, Ordering};

use super::memory::physical;
use super::tlb;
use crate::addr::{PAGE_SIZE, UserAddr};
use crate::frame::Frame;
use crate::paging::PageFlags;
use crate::user::{Fault, FetchOp, StrCopy};

/// Runs `f(pointer, done, bytes)` for each piece of `addr .. addr + len` up to the first page that
/// does not allow the access; returns the bytes that are left.
fn pieces(
    addr: UserAddr,
    len: usize,
    needed: PageFlags,
    mut f: impl FnMut(*mut u8, usize, usize),
) -> usize {
    let mut done = 0;
    while done < len {
        let Some(at) = addr.checked_add(done as u64) else {
            break;
        };
        let bytes = (PAGE_SIZE - at.page_offset()).min(len - done);
        let mut tlb = tlb::mine();
        if !at.range_ok(bytes as u64) {
            break;
        }
        let Some(mapping) = tlb.translate(at.page_floor().as_u64(), needed) else {
            break;
        };
        // SAFETY: the offset is inside of the page.
        let pointer =
            unsafe { physical().pointer(mapping.frame_number() as u32).add(at.page_offset()) };
        f(pointer, done, bytes);
        done += bytes;
    }
    len - done
}

/// Copies from user memory; returns how many bytes at the end were not copied.
pub fn copy_in(to: &mut [u8], from: UserAddr) -> usize {
    let base = to.as_mut_ptr();
    // SAFETY: (1) pieces stay inside of `to`; (2) the frame is mapped, and no part of `to`.
    pieces(from, to.len(), PageFlags::READ, |pointer, done, bytes| unsafe {
        core::ptr::copy_nonoverlapping(pointer, base.add(done), bytes);
    })
}

/// Copies to user memory; returns how many bytes at the end were not copied.
pub fn copy_out(to: UserAddr, from: &[u8]) -> usize {
    // SAFETY: as in `copy_in`.
    pieces(to, from.len(), WRITE, |pointer, done, bytes| unsafe {
        core::ptr::copy_nonoverlapping(from.as_ptr().add(done), pointer, bytes);
    })
}

/// Zeroes user memory; returns how many bytes at the end were not written.
pub fn zero(to: UserAddr, len: usize) -> usize {
    // SAFETY: the piece is inside of a mapped frame.
    pieces(to, len, WRITE, |pointer, _, bytes| unsafe { core::ptr::write_bytes(pointer, 0, bytes) })
}

/// Copies from user memory into a frame; returns how many bytes at the end were not copied.
pub fn copy_in_to_frame(frame: &Frame, offset: usize, from: UserAddr, len: usize) -> usize {
    assert!(offset.checked_add(len).is_some_and(|end| end <= frame.size()));
    // SAFETY: (1) both sides are inside of frames; (2) `copy` allows the same frame twice.
    pieces(from, len, PageFlags::READ, |pointer, done, bytes| unsafe {
        core::ptr::copy(pointer, frame.bytes().add(offset + done), bytes);
    })
}

/// Copies from a frame to user memory; returns how many bytes at the end were not copied.
pub fn copy_out_from_frame(to: UserAddr, frame: &Frame, offset: usize, len: usize) -> usize {
    assert!(offset.checked_add(len).is_some_and(|end| end <= frame.size()));
    // SAFETY: as in `copy_in_to_frame`.
    pieces(to, len, WRITE, |pointer, done, bytes| unsafe {
        core::ptr::copy(frame.bytes().add(offset + done), pointer, bytes);
    })
}

/// Copies a string from user memory, up to and without its NUL.
pub fn copy_in_str(to: &mut [u8], from: UserAddr) -> StrCopy {
    for (i, slot) in to.iter_mut().enumerate() {
        let mut byte = [0];
        if copy_in(&mut byte, from.wrapping_add(i as u64)) != 0 {
            return StrCopy { copied: i, terminated: false, faulted: true };
        }
        if byte[0] == 0 {
            return StrCopy { copied: i, terminated: true, faulted: false };
        }
        *slot = byte[0];
    }
    StrCopy { copied: to.len(), terminated: false, faulted: false }
}

const WRITE: PageFlags = PageFlags::READ.union(PageFlags::WRITE);

fn with_u32<R>(
    addr: UserAddr,
    needed: PageFlags,
    f: impl FnOnce(&AtomicU32) -> R,
) -> Result<R, Fault> {
    assert!(addr.as_u64().is_multiple_of(4), "the caller checks the alignment");
    let mut f = Some(f);
    let mut result = None;
    pieces(addr, 4, needed, |pointer, _, _| {
        // SAFETY: an aligned word inside of a mapped frame.
        let word = unsafe { AtomicU32::from_ptr(pointer.cast()) };
        result = f.take().map(|f| f(word));
    });
    result.ok_or(Fault)
}

/// Reads an aligned word at once.
pub fn load_u32(addr: UserAddr) -> Result<u32, Fault> {
    with_u32(addr, PageFlags::READ, |word| word.load(Ordering::SeqCst))
}

/// Writes an aligned word at once.
pub fn store_u32(addr: UserAddr, value: u32) -> Result<(), Fault> {
    with_u32(addr, WRITE, |word| word.store(value, Ordering::SeqCst))
}

/// Writes `new` to an aligned word if it holds `old`; returns what it held.
pub fn cmpxchg_u32(addr: UserAddr, old: u32, new: u32) -> Result<u32, Fault> {
    with_u32(addr, WRITE, |word| {
        word.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst)
            .unwrap_or_else(|now| now)
    })
}

/// Changes an aligned word at once; returns what it held.
pub fn fetch_op_u32(addr: UserAddr, op: FetchOp, value: u32) -> Result<u32, Fault> {
    with_u32(addr, WRITE, |word| match op {
        FetchOp::Set => word.swap(value, Ordering::SeqCst),
        FetchOp::Add => word.fetch_add(value, Ordering::SeqCst),
        FetchOp::Or => word.fetch_or(value, Ordering::SeqCst),
        FetchOp::AndNot => word.fetch_and(!value, Ordering::SeqCst),
        FetchOp::Xor => word.fetch_xor(value, Ordering::SeqCst),
    })
}

impl crate::user::UserContext {
    /// There is no user mode here.
    pub fn run(&mut self) -> crate::user::UserExit {
        unimplemented!("user programs do not run on the simulated machine")
    }
}

std::thread_local! {
    static BASES: core::cell::Cell<[u64; 2]> = const { core::cell::Cell::new([0; 2]) };
}

/// The base of FS that was set.
pub fn fs_base() -> u64 {
    BASES.get()[0]
}

/// The base of GS that was set.
pub fn gs_base() -> u64 {
    BASES.get()[1]
}

/// Notes a base of FS.
pub fn set_fs_base(base: u64) -> bool {
    BASES.set([base, BASES.get()[1]]);
    true
}

/// Notes a base of GS.
pub fn set_gs_base(base: u64) -> bool {
    BASES.set([BASES.get()[0], base]);
    true
}
