//! Page-table entries (Intel SDM volume 3, section 5.5.4) and what is kept in them.

use bitflags::bitflags;

use crate::addr::PAGE_SHIFT;
use crate::frame::{Number, physical};

bitflags! {
    /// What a mapped page allows and what happened to it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct PageFlags: u64 {
        /// User mode may read the page. Without it the entry only keeps the frame (`PROT_NONE`).
        const READ = 1 << 0;
        /// User mode may write, if it may read.
        const WRITE = 1 << 1;
        /// Set by the processor at any access.
        const ACCESSED = 1 << 5;
        /// Set by the processor at a write.
        const DIRTY = 1 << 6;
        /// The entry has no reference of its own to the frame: the page of zeroes.
        const SPECIAL = 1 << 9;
        /// Written since the flag was last cleared (/proc/PID/pagemap).
        const SOFT_DIRTY = 1 << 10;
        /// User mode may execute, if it may read. (The processor's bit says the opposite.)
        const EXEC = 1 << 63;
    }
}

/// In every entry: user mode may use it. Entries here are never of the kernel's half. It also
/// makes the entry of a page without any rights differ from an empty one.
pub(super) const USER: u64 = 1 << 2;
const FRAME: u64 = 0x000f_ffff_ffff_f000;
/// An entry that leads to the next table.
pub(super) const TABLE: u64 = PageFlags::READ.bits() | PageFlags::WRITE.bits() | USER;

/// The flags that the processor changes on its own.
pub(super) const HARDWARE: u64 = PageFlags::ACCESSED.bits() | PageFlags::DIRTY.bits();
/// The flags that give rights; removing one needs a flush.
const RIGHTS: u64 = PageFlags::READ.bits() | PageFlags::WRITE.bits() | PageFlags::EXEC.bits();

/// One mapped page as an entry had it when it was read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    raw: u64,
}

impl Mapping {
    pub(super) fn new(number: Number, flags: PageFlags) -> Self {
        let raw = u64::from(number) << PAGE_SHIFT | USER | (flags.bits() ^ PageFlags::EXEC.bits());
        Self { raw }
    }

    /// `None` for an empty entry.
    #[inline]
    pub(super) fn from_raw(raw: u64) -> Option<Self> {
        if raw == 0 { None } else { Some(Self { raw }) }
    }

    #[inline]
    pub(super) fn raw(self) -> u64 {
        self.raw
    }

    #[inline]
    pub(super) fn number(self) -> Number {
        ((self.raw & FRAME) >> PAGE_SHIFT) as Number
    }

    /// The number of the mapped frame.
    pub fn frame_number(self) -> u64 {
        u64::from(self.number())
    }

    /// Rights and history.
    #[inline]
    pub fn flags(self) -> PageFlags {
        PageFlags::from_bits_truncate(self.raw ^ PageFlags::EXEC.bits())
    }

    /// The same frame with other rights.
    #[inline]
    pub(super) fn with_flags(self, flags: PageFlags) -> Self {
        Self { raw: self.raw & FRAME | USER | (flags.bits() ^ PageFlags::EXEC.bits()) }
    }

    /// Whether the entry holds no reference: the page of zeroes.
    #[inline]
    pub fn is_special(self) -> bool {
        self.raw & PageFlags::SPECIAL.bits() != 0
    }

    /// Whether the page belongs to a file or to shared memory.
    #[inline]
    pub fn is_cached(self) -> bool {
        physical().info(self.number()).is_cached()
    }

    /// How many references there are to the frame.
    #[inline]
    pub fn ref_count(self) -> u32 {
        physical().info(self.number()).refs.load(core::sync::atomic::Ordering::Acquire)
    }

    /// Whether this entry holds the only reference to the frame. While the entry is locked, or the
    /// page table borrowed exclusively, that stays so.
    #[inline]
    pub fn is_unique(self) -> bool {
        !self.is_special() && self.ref_count() == 1
    }

    /// Whether going from `self` to `next` takes away a right that a processor may remember.
    #[inline]
    pub(super) fn loses(self, next: Mapping) -> bool {
        let (old, new) = (self.flags().bits(), next.flags().bits());
        old & PageFlags::READ.bits() != 0 && old & !new & RIGHTS != 0
    }
}

impl core::fmt::Debug for Mapping {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#x} {:?}", self.number(), self.flags())
    }
}

/// The number of the table that an upper entry leads to.
#[inline]
pub(super) fn table_number(raw: u64) -> Option<Number> {
    if raw == 0 { None } else { Some(((raw & FRAME) >> PAGE_SHIFT) as Number) }
}

/// An upper entry that leads to a table.
#[inline]
pub(super) fn to_table(number: Number) -> u64 {
    u64::from(number) << PAGE_SHIFT | TABLE
}
