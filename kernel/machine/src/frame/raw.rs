//! Raw access to the bytes of frames.
//!
//! A shared frame may be written by user mode on another processor at any moment, so it is never
//! borrowed as a slice: it is only read and written by these copies, whose bytes may then be any
//! mixture of old and new.

#[cfg(target_os = "none")]
mod imp {
    use core::arch::asm;

    /// Copies `len` bytes.
    ///
    /// # Safety
    /// Both ranges are mapped, `to` may be written, and they do not overlap.
    pub(crate) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: (1) the caller vouches for the ranges; (2) the direction flag is clear in the
        // kernel; (3) string instructions are opaque to the compiler, so racing user stores are
        // no data race in its model.
        unsafe {
            asm!(
                "rep movsq",
                "mov ecx, {tail:e}",
                "rep movsb",
                tail = in(reg) len & 7,
                inout("rcx") len / 8 => _,
                inout("rsi") from => _,
                inout("rdi") to => _,
                options(nostack, preserves_flags),
            );
        }
    }

    /// Zeroes `len` bytes.
    ///
    /// # Safety
    /// The range is mapped and may be written.
    pub(crate) unsafe fn zero(to: *mut u8, len: usize) {
        // SAFETY: as in `copy`.
        unsafe {
            asm!(
                "rep stosq",
                "mov ecx, {tail:e}",
                "rep stosb",
                tail = in(reg) len & 7,
                inout("rcx") len / 8 => _,
                inout("rdi") to => _,
                in("rax") 0u64,
                options(nostack, preserves_flags),
            );
        }
    }
}

#[cfg(not(target_os = "none"))]
mod imp {
    /// Copies `len` bytes.
    ///
    /// # Safety
    /// Both ranges are mapped, `to` may be written, and they do not overlap.
    pub(crate) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller vouches for the ranges. Simulated user code that races with itself
        // is a data race on paper, so the tests under Miri do not do that.
        unsafe { core::ptr::copy_nonoverlapping(from, to, len) };
    }

    /// Zeroes `len` bytes.
    ///
    /// # Safety
    /// The range is mapped and may be written.
    pub(crate) unsafe fn zero(to: *mut u8, len: usize) {
        // SAFETY: the caller vouches for the range.
        unsafe { core::ptr::write_bytes(to, 0, len) };
    }
}

pub(crate) use imp::{copy, zero};
