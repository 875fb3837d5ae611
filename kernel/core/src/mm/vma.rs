//! One mapping: a range of addresses, what may be done there, and what is behind it.
//!
//! The VMA is the promise; page-table entries only realise it, and may lag behind.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use abi::ProtFlags;
use bitflags::bitflags;
use machine::addr::{PAGE_SHIFT, PAGE_SIZE, UserAddr};

use super::page_cache::{PageCache, WriteToken};

bitflags! {
    /// Rights and properties of a mapping. The low eight bits are laid out as Linux's `vm_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct VmFlags: u32 {
        /// May be read.
        const READ = 1 << 0;
        /// May be written.
        const WRITE = 1 << 1;
        /// May be executed.
        const EXEC = 1 << 2;
        /// Writes are seen by all who map the object.
        const SHARED = 1 << 3;
        /// `mprotect` may allow reading.
        const MAY_READ = 1 << 4;
        /// `mprotect` may allow writing.
        const MAY_WRITE = 1 << 5;
        /// `mprotect` may allow execution.
        const MAY_EXEC = 1 << 6;
        /// Was asked to be shared, even if the file is not writable.
        const MAY_SHARE = 1 << 7;
        /// A stack: grows down on a fault below it.
        const GROWS_DOWN = 1 << 8;
        /// Pages stay in memory (`mlock`).
        const LOCKED = 1 << 9;
        /// Locked pages come in at their first use, not at once.
        const LOCK_ON_FAULT = 1 << 10;
        /// Expect sequential reads.
        const SEQUENTIAL = 1 << 11;
        /// Expect random reads.
        const RANDOM = 1 << 12;
        /// Not inherited by `fork`.
        const DONT_COPY = 1 << 13;
        /// `mremap` may not make it bigger.
        const DONT_EXPAND = 1 << 14;
        /// Counts against the commit limit.
        const ACCOUNT = 1 << 15;
        /// Was asked not to count against it.
        const NO_RESERVE = 1 << 16;
        /// The child sees zeroes.
        const WIPE_ON_FORK = 1 << 17;
        /// Not part of a core dump.
        const DONT_DUMP = 1 << 18;
        /// Large pages are welcome.
        const HUGE_PAGE = 1 << 19;
        /// Large pages are not welcome.
        const NO_HUGE_PAGE = 1 << 20;
        /// Equal pages may be merged.
        const MERGEABLE = 1 << 21;
    }
}

impl VmFlags {
    /// What an access may need.
    pub const ACCESS: Self = Self::READ.union(Self::WRITE).union(Self::EXEC);
    /// What `mprotect` may ever give.
    pub const MAY_ACCESS: Self = Self::MAY_READ.union(Self::MAY_WRITE).union(Self::MAY_EXEC);

    /// The rights in `prot`.
    pub fn from_prot(prot: ProtFlags) -> Self {
        let mut flags = Self::empty();
        flags.set(Self::READ, prot.contains(ProtFlags::PROT_READ));
        flags.set(Self::WRITE, prot.contains(ProtFlags::PROT_WRITE));
        flags.set(Self::EXEC, prot.contains(ProtFlags::PROT_EXEC));
        flags
    }

    /// Whether there is any right that these flags give but may not.
    pub fn exceeds_may(self) -> bool {
        let may = Self::from_bits_truncate((self & Self::MAY_ACCESS).bits() >> 4);
        !may.contains(self & Self::ACCESS)
    }

    /// Whether `mprotect` or fork keeps copies apart: a private mapping.
    pub fn is_private(self) -> bool {
        !self.contains(Self::SHARED)
    }
}

/// The file behind a mapping, as far as `mm` needs to know it.
pub trait MappedFile: Send + Sync {
    /// The path for `/proc/PID/maps`, with ` (deleted)` where that applies.
    fn path(&self) -> Vec<u8>;
    /// Device and inode number.
    fn dev_ino(&self) -> (u64, u64);
    /// The concrete type, for the layer that made it.
    fn as_any(&self) -> &dyn Any;
}

/// A mapped object: shared by the VMAs that came out of one `mmap` by splitting and fork.
pub struct FileMapping {
    /// Its pages.
    pub cache: Arc<PageCache>,
    /// Who it is.
    pub file: Arc<dyn MappedFile>,
    /// Held by mappings that may write to the object (`F_SEAL_WRITE` waits for their end).
    pub(super) _writer: Option<WriteToken>,
}

/// One mapping.
#[derive(Clone)]
pub struct Vma {
    /// First address.
    pub(super) start: u64,
    /// One past the last.
    pub(super) end: u64,
    pub(super) flags: VmFlags,
    /// The page of the object that is mapped at `start`. For anonymous memory, the page number of
    /// `start` when it was mapped, so that neighbours can be told from strangers after a move.
    pub(super) page: u64,
    /// `None` for private anonymous memory.
    pub(super) object: Option<Arc<FileMapping>>,
}

impl Vma {
    /// First address.
    pub fn start(&self) -> UserAddr {
        UserAddr::new(self.start)
    }

    /// One past the last address.
    pub fn end(&self) -> UserAddr {
        UserAddr::new(self.end)
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.end - self.start
    }

    /// Pages of 4 KiB.
    pub fn pages(&self) -> u64 {
        self.size() >> PAGE_SHIFT
    }

    /// Rights and properties.
    pub fn flags(&self) -> VmFlags {
        self.flags
    }

    /// The object, unless this is private anonymous memory.
    pub fn object(&self) -> Option<&Arc<FileMapping>> {
        self.object.as_ref()
    }

    /// The offset into the object in bytes; 0 for anonymous memory.
    pub fn offset(&self) -> u64 {
        if self.object.is_some() { self.page << PAGE_SHIFT } else { 0 }
    }

    /// The page of the object that is mapped at `addr`.
    pub(super) fn page_at(&self, addr: u64) -> u64 {
        self.page + ((addr - self.start) >> PAGE_SHIFT)
    }

    /// Whether every access is refused (`PROT_NONE`).
    pub(super) fn is_accessible(&self) -> bool {
        self.flags.intersects(VmFlags::ACCESS)
    }

    /// Cuts off the part from `addr` on.
    pub(super) fn split_off(&mut self, addr: u64) -> Vma {
        debug_assert!(self.start < addr && addr < self.end);
        let tail = Vma { start: addr, page: self.page_at(addr), ..self.clone() };
        self.end = addr;
        tail
    }

    /// Whether `next` continues this mapping, so that the two can be one.
    pub(super) fn joins(&self, next: &Vma) -> bool {
        self.end == next.start
            && self.flags == next.flags
            && self.page_at(self.end) == next.page
            && same_object(self.object.as_ref(), next.object.as_ref())
    }

    /// The lowest address that must stay free below this mapping: stacks keep a gap.
    pub(super) fn start_with_gap(&self) -> u64 {
        if self.flags.contains(VmFlags::GROWS_DOWN) {
            self.start.saturating_sub(STACK_GUARD_GAP)
        } else {
            self.start
        }
    }

    /// Whether writes to it are counted against the commit limit.
    pub(super) fn accountable(flags: VmFlags) -> bool {
        flags.contains(VmFlags::WRITE) && !flags.intersects(VmFlags::SHARED | VmFlags::NO_RESERVE)
    }
}

/// Two mappings of one open file description are of one object; as on Linux, two descriptions of
/// one file are not.
fn same_object(a: Option<&Arc<FileMapping>>, b: Option<&Arc<FileMapping>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            Arc::ptr_eq(a, b)
                || Arc::ptr_eq(&a.cache, &b.cache)
                    && core::ptr::addr_eq(Arc::as_ptr(&a.file), Arc::as_ptr(&b.file))
        }
        _ => false,
    }
}

/// The distance that a growing stack keeps from what is below it: 256 pages, as on Linux.
pub const STACK_GUARD_GAP: u64 = 256 * PAGE_SIZE as u64;
