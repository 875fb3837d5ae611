//! Addresses: claims about user memory, and sizes of pages.

use core::fmt;

/// Bytes in a small page.
pub const PAGE_SIZE: usize = 4096;
/// log2 of [`PAGE_SIZE`].
pub const PAGE_SHIFT: u32 = 12;
/// Bytes in a large page, one entry of a page directory.
pub const HUGE_SIZE: usize = 2 << 20;
/// The first address that user mode can not map: one page short of the canonical hole, as Linux's
/// `TASK_SIZE_MAX`. (A `syscall` in the very last page would return to a non-canonical address.)
pub const USER_END: UserAddr = UserAddr(0x0000_7fff_ffff_f000);

/// An address that a user program named.
///
/// It is only a claim: any 64-bit value may be in here, and nothing is checked until it is used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct UserAddr(u64);

impl UserAddr {
    /// The null pointer.
    pub const NULL: UserAddr = UserAddr(0);

    /// Wraps `addr` without any check.
    pub const fn new(addr: u64) -> Self {
        Self(addr)
    }

    /// The address as a number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Whether this is the null pointer.
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// The start of the page that holds this address.
    pub const fn page_floor(self) -> Self {
        Self(self.0 & !(PAGE_SIZE as u64 - 1))
    }

    /// The first page boundary at or above this address; `None` past the last page of the space.
    pub const fn page_ceil(self) -> Option<Self> {
        match self.0.checked_add(PAGE_SIZE as u64 - 1) {
            Some(end) => Some(Self(end).page_floor()),
            None => None,
        }
    }

    /// The distance from the start of the page.
    pub const fn page_offset(self) -> usize {
        (self.0 & (PAGE_SIZE as u64 - 1)) as usize
    }

    /// Whether this is a page boundary.
    pub const fn is_page_aligned(self) -> bool {
        self.page_offset() == 0
    }

    /// `self + bytes`, or `None` when that leaves the 64 bits.
    pub const fn checked_add(self, bytes: u64) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// `self + bytes`, wrapping at 64 bits: for addresses whose range was checked before.
    pub const fn wrapping_add(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// Whether `self .. self + len` lies below [`USER_END`] (Linux's `access_ok`).
    pub const fn range_ok(self, len: u64) -> bool {
        match self.0.checked_add(len) {
            Some(end) => end <= USER_END.0,
            None => false,
        }
    }
}

impl fmt::Debug for UserAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::LowerHex for UserAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

/// A range of physical memory, `start .. end` in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PhysRange {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}
