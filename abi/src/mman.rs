//! Memory mappings: `mmap(2)`, `mprotect(2)`, `mremap(2)`, `madvise(2)` and their kin.

use bitflags::bitflags;

bitflags! {
    /// What may be done with the pages: `mmap(2)`, `mprotect(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ProtFlags: u32 {
        /// Pages may be read.
        const PROT_READ = 0x1;
        /// Pages may be written.
        const PROT_WRITE = 0x2;
        /// Pages may be executed.
        const PROT_EXEC = 0x4;
        /// May be used for atomic operations; accepted and without effect on x86.
        const PROT_SEM = 0x8;
        /// `mprotect(2)`: reach down to the start of a mapping that grows down.
        const PROT_GROWSDOWN = 0x0100_0000;
        /// `mprotect(2)`: reach up to the end of a mapping that grows up.
        const PROT_GROWSUP = 0x0200_0000;
    }
}

impl ProtFlags {
    /// No access at all.
    pub const PROT_NONE: Self = Self::empty();
    /// Read, write and execute.
    pub const ACCESS: Self = Self::PROT_READ.union(Self::PROT_WRITE).union(Self::PROT_EXEC);
}

bitflags! {
    /// Kind and options of a mapping: `mmap(2)`.
    ///
    /// The four lowest bits are a number, the mapping's kind: see [`kind`](Self::kind).
    /// With `MAP_HUGETLB` the bits above 26 hold the logarithm of the page size.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MapFlags: u32 {
        /// Kind: changes are seen by all who map the object.
        const MAP_SHARED = 0x01;
        /// Kind: changes are this process's own.
        const MAP_PRIVATE = 0x02;
        /// Kind: as `MAP_SHARED`, but unknown flags give `EOPNOTSUPP`.
        const MAP_SHARED_VALIDATE = 0x03;
        /// Kind: private memory that the kernel may drop when it is short of it.
        const MAP_DROPPABLE = 0x08;
        /// Mask of the kind.
        const MAP_TYPE = 0x0f;
        /// Exactly at the address, replacing what is there.
        const MAP_FIXED = 0x10;
        /// Memory of no file.
        const MAP_ANONYMOUS = 0x20;
        /// In the lowest 2 GiB.
        const MAP_32BIT = 0x40;
        /// Not in the lowest 4 GiB.
        const MAP_ABOVE4G = 0x80;
        /// A stack: grows down on a fault just below.
        const MAP_GROWSDOWN = 0x0100;
        /// Ignored since Linux 2.6.
        const MAP_DENYWRITE = 0x0800;
        /// Ignored.
        const MAP_EXECUTABLE = 0x1000;
        /// Locked as by `mlock(2)`.
        const MAP_LOCKED = 0x2000;
        /// No reservation of swap space.
        const MAP_NORESERVE = 0x4000;
        /// Fault the pages in now.
        const MAP_POPULATE = 0x8000;
        /// With `MAP_POPULATE`: makes it do nothing.
        const MAP_NONBLOCK = 0x1_0000;
        /// A hint that this is a thread's stack.
        const MAP_STACK = 0x2_0000;
        /// Huge pages.
        const MAP_HUGETLB = 0x4_0000;
        /// For persistent memory, with `MAP_SHARED_VALIDATE` only.
        const MAP_SYNC = 0x8_0000;
        /// As `MAP_FIXED`, but `EEXIST` rather than replace.
        const MAP_FIXED_NOREPLACE = 0x10_0000;
        /// Pages need not be zeroed; without effect on machines with an MMU.
        const MAP_UNINITIALIZED = 0x400_0000;
    }
}

impl MapFlags {
    /// Compatibility flag without a bit.
    pub const MAP_FILE: Self = Self::empty();
    /// Where the logarithm of the huge page's size stands.
    pub const MAP_HUGE_SHIFT: u32 = 26;
    /// Its mask, after the shift.
    pub const MAP_HUGE_MASK: u32 = 0x3f;
    /// Flags that every kind knows (`LEGACY_MAP_MASK`): with `MAP_SHARED_VALIDATE` others give `EOPNOTSUPP`.
    pub const LEGACY: Self = Self::from_bits_retain(
        Self::MAP_SHARED.bits()
            | Self::MAP_PRIVATE.bits()
            | Self::MAP_FIXED.bits()
            | Self::MAP_ANONYMOUS.bits()
            | Self::MAP_DENYWRITE.bits()
            | Self::MAP_EXECUTABLE.bits()
            | Self::MAP_UNINITIALIZED.bits()
            | Self::MAP_GROWSDOWN.bits()
            | Self::MAP_LOCKED.bits()
            | Self::MAP_NORESERVE.bits()
            | Self::MAP_POPULATE.bits()
            | Self::MAP_NONBLOCK.bits()
            | Self::MAP_STACK.bits()
            | Self::MAP_HUGETLB.bits()
            | Self::MAP_32BIT.bits()
            | Self::MAP_ABOVE4G.bits()
            | (Self::MAP_HUGE_MASK << Self::MAP_HUGE_SHIFT),
    );

    /// The mapping's kind alone, to compare with `MAP_SHARED` and the like.
    #[must_use]
    pub const fn kind(self) -> Self {
        self.intersection(Self::MAP_TYPE)
    }
}

bitflags! {
    /// Options of `mremap(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MremapFlags: u32 {
        /// May move the mapping.
        const MREMAP_MAYMOVE = 1;
        /// Move to the given address.
        const MREMAP_FIXED = 2;
        /// Leave the old range mapped and empty.
        const MREMAP_DONTUNMAP = 4;
    }
}

bitflags! {
    /// Options of `msync(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MsyncFlags: u32 {
        /// Begin to write.
        const MS_ASYNC = 1;
        /// Make other mappings see the file's new contents.
        const MS_INVALIDATE = 2;
        /// Write and wait.
        const MS_SYNC = 4;
    }
}

bitflags! {
    /// Options of `mlockall(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MlockallFlags: u32 {
        /// What is mapped now.
        const MCL_CURRENT = 1;
        /// What will be mapped later.
        const MCL_FUTURE = 2;
        /// Lock pages when they are first touched.
        const MCL_ONFAULT = 4;
    }
}

bitflags! {
    /// Options of `mlock2(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MlockFlags: u32 {
        /// Lock pages when they are first touched.
        const MLOCK_ONFAULT = 1;
    }
}

bitflags! {
    /// Options of `memfd_create(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MemfdFlags: u32 {
        /// The descriptor is closed by `execve(2)`.
        const MFD_CLOEXEC = 0x01;
        /// Seals may be added.
        const MFD_ALLOW_SEALING = 0x02;
        /// Huge pages.
        const MFD_HUGETLB = 0x04;
        /// Not executable, and sealed so.
        const MFD_NOEXEC_SEAL = 0x08;
        /// Executable.
        const MFD_EXEC = 0x10;
    }
}

bitflags! {
    /// Rights of a protection key: `pkey_alloc(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct PkeyRights: u32 {
        /// No data access.
        const PKEY_DISABLE_ACCESS = 1;
        /// No writes.
        const PKEY_DISABLE_WRITE = 2;
    }
}

// What to do with a range: `madvise(2)`.
/// No special treatment.
pub const MADV_NORMAL: i32 = 0;
/// Expect random access.
pub const MADV_RANDOM: i32 = 1;
/// Expect sequential access.
pub const MADV_SEQUENTIAL: i32 = 2;
/// Will be needed soon.
pub const MADV_WILLNEED: i32 = 3;
/// Forget the contents: next access reads zeroes or the file.
pub const MADV_DONTNEED: i32 = 4;
/// The contents may be dropped when memory is short.
pub const MADV_FREE: i32 = 8;
/// Punch a hole into the object.
pub const MADV_REMOVE: i32 = 9;
/// Not inherited by `fork(2)`.
pub const MADV_DONTFORK: i32 = 10;
/// Undo `MADV_DONTFORK`.
pub const MADV_DOFORK: i32 = 11;
/// May be merged with equal pages.
pub const MADV_MERGEABLE: i32 = 12;
/// Undo `MADV_MERGEABLE`.
pub const MADV_UNMERGEABLE: i32 = 13;
/// Prefer huge pages.
pub const MADV_HUGEPAGE: i32 = 14;
/// Avoid huge pages.
pub const MADV_NOHUGEPAGE: i32 = 15;
/// Not in core dumps.
pub const MADV_DONTDUMP: i32 = 16;
/// Undo `MADV_DONTDUMP`.
pub const MADV_DODUMP: i32 = 17;
/// The child sees zeroes.
pub const MADV_WIPEONFORK: i32 = 18;
/// Undo `MADV_WIPEONFORK`.
pub const MADV_KEEPONFORK: i32 = 19;
/// Not needed soon.
pub const MADV_COLD: i32 = 20;
/// Reclaim now.
pub const MADV_PAGEOUT: i32 = 21;
/// Fault in, readable.
pub const MADV_POPULATE_READ: i32 = 22;
/// Fault in, writable.
pub const MADV_POPULATE_WRITE: i32 = 23;
/// `MADV_DONTNEED` that reaches locked pages too.
pub const MADV_DONTNEED_LOCKED: i32 = 24;
/// Make huge pages now.
pub const MADV_COLLAPSE: i32 = 25;
/// Act as if the page's memory failed.
pub const MADV_HWPOISON: i32 = 100;
/// Move the page elsewhere and retire its frame.
pub const MADV_SOFT_OFFLINE: i32 = 101;
/// Make the pages guard pages.
pub const MADV_GUARD_INSTALL: i32 = 102;
/// Undo `MADV_GUARD_INSTALL`.
pub const MADV_GUARD_REMOVE: i32 = 103;
