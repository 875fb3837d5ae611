//! Operations on open files: fcntl(2), flock(2), lseek(2), fallocate(2), mount(2), openat2(2).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct iovec`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Iovec {
    /// Start address.
    pub iov_base: u64,
    /// Length in bytes.
    pub iov_len: u64,
}

/// `IOV_MAX`: how many parts readv(2) and writev(2) take.
pub const IOV_MAX: usize = 1024;
/// The most that one read or write moves (`MAX_RW_COUNT`).
pub const MAX_RW_COUNT: usize = 0x7fff_f000;
/// `PATH_MAX`, the terminating NUL included.
pub const PATH_MAX: usize = 4096;
/// `NAME_MAX`.
pub const NAME_MAX: usize = 255;
/// `PIPE_BUF`.
pub const PIPE_BUF: usize = 4096;

/// fcntl(2) commands and values.
#[expect(missing_docs, reason = "Linux's names, see fcntl(2)")]
pub mod fcntl {
    pub const F_DUPFD: i32 = 0;
    pub const F_GETFD: i32 = 1;
    pub const F_SETFD: i32 = 2;
    pub const F_GETFL: i32 = 3;
    pub const F_SETFL: i32 = 4;
    pub const F_GETLK: i32 = 5;
    pub const F_SETLK: i32 = 6;
    pub const F_SETLKW: i32 = 7;
    pub const F_SETOWN: i32 = 8;
    pub const F_GETOWN: i32 = 9;
    pub const F_SETSIG: i32 = 10;
    pub const F_GETSIG: i32 = 11;
    pub const F_SETOWN_EX: i32 = 15;
    pub const F_GETOWN_EX: i32 = 16;
    pub const F_GETOWNER_UIDS: i32 = 17;
    pub const F_OFD_GETLK: i32 = 36;
    pub const F_OFD_SETLK: i32 = 37;
    pub const F_OFD_SETLKW: i32 = 38;
    pub const F_SETLEASE: i32 = 1024;
    pub const F_GETLEASE: i32 = 1025;
    pub const F_NOTIFY: i32 = 1026;
    pub const F_DUPFD_QUERY: i32 = 1027;
    pub const F_DUPFD_CLOEXEC: i32 = 1030;
    pub const F_SETPIPE_SZ: i32 = 1031;
    pub const F_GETPIPE_SZ: i32 = 1032;
    pub const F_ADD_SEALS: i32 = 1033;
    pub const F_GET_SEALS: i32 = 1034;
    pub const FD_CLOEXEC: u32 = 1;
    pub const F_RDLCK: i16 = 0;
    pub const F_WRLCK: i16 = 1;
    pub const F_UNLCK: i16 = 2;
    pub const F_SEAL_SEAL: u32 = 1;
    pub const F_SEAL_SHRINK: u32 = 2;
    pub const F_SEAL_GROW: u32 = 4;
    pub const F_SEAL_WRITE: u32 = 8;
    pub const F_SEAL_FUTURE_WRITE: u32 = 16;
    pub const F_SEAL_EXEC: u32 = 32;
}

/// `struct flock` of fcntl(2), 32 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see fcntl(2)")]
pub struct Flock {
    pub l_type: i16,
    pub l_whence: i16,
    pub pad0: u32,
    pub l_start: i64,
    pub l_len: i64,
    pub l_pid: i32,
    pub pad1: u32,
}

/// flock(2) operations.
#[expect(missing_docs, reason = "Linux's names, see flock(2)")]
pub mod flock {
    pub const LOCK_SH: u32 = 1;
    pub const LOCK_EX: u32 = 2;
    pub const LOCK_NB: u32 = 4;
    pub const LOCK_UN: u32 = 8;
}

/// lseek(2) origins.
#[expect(missing_docs, reason = "Linux's names, see lseek(2)")]
pub mod seek {
    pub const SEEK_SET: u32 = 0;
    pub const SEEK_CUR: u32 = 1;
    pub const SEEK_END: u32 = 2;
    pub const SEEK_DATA: u32 = 3;
    pub const SEEK_HOLE: u32 = 4;
}

bitflags::bitflags! {
    /// `FALLOC_FL_*` (fallocate(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FallocFlags: u32 {
        /// The size stays.
        const KEEP_SIZE = 0x1;
        /// The range becomes a hole.
        const PUNCH_HOLE = 0x2;
        /// The range is taken out and the rest moves down.
        const COLLAPSE_RANGE = 0x8;
        /// The range reads as zero.
        const ZERO_RANGE = 0x10;
        /// A hole is put in and the rest moves up.
        const INSERT_RANGE = 0x20;
        /// Shared extents are made private.
        const UNSHARE_RANGE = 0x40;
    }
}

bitflags::bitflags! {
    /// `MS_*` (mount(2)), which are also statfs(2)'s low `f_flags`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct MountFlags: u64 {
        /// Read-only.
        const RDONLY = 1;
        /// Set-user-ID bits have no effect.
        const NOSUID = 2;
        /// Device files cannot be opened.
        const NODEV = 4;
        /// Programs cannot be run.
        const NOEXEC = 8;
        /// Writes are synchronous.
        const SYNCHRONOUS = 16;
        /// Change the flags of a mount.
        const REMOUNT = 32;
        /// Mandatory locks; without effect since Linux 5.15.
        const MANDLOCK = 64;
        /// Directory updates are synchronous.
        const DIRSYNC = 128;
        /// Symbolic links are not followed.
        const NOSYMFOLLOW = 256;
        /// Access times are not kept.
        const NOATIME = 1024;
        /// Access times of directories are not kept.
        const NODIRATIME = 2048;
        /// Show a tree at a second place.
        const BIND = 4096;
        /// Move a mount.
        const MOVE = 8192;
        /// Apply to the whole tree.
        const REC = 16384;
        /// No messages.
        const SILENT = 32768;
        /// Propagation: none, and not bindable.
        const UNBINDABLE = 1 << 17;
        /// Propagation: none.
        const PRIVATE = 1 << 18;
        /// Propagation: receive.
        const SLAVE = 1 << 19;
        /// Propagation: both ways.
        const SHARED = 1 << 20;
        /// Access times are kept when older than the modification.
        const RELATIME = 1 << 21;
        /// `i_version` is kept.
        const I_VERSION = 1 << 23;
        /// Access times are always kept.
        const STRICTATIME = 1 << 24;
        /// Times are written lazily.
        const LAZYTIME = 1 << 25;
    }
}

/// The old magic in the upper half of mount(2)'s flags, ignored there.
pub const MS_MGC_VAL: u64 = 0xc0ed_0000;
/// Mask of [`MS_MGC_VAL`].
pub const MS_MGC_MSK: u64 = 0xffff_0000;

bitflags::bitflags! {
    /// umount2(2) flags.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct UmountFlags: u32 {
        /// Even when busy (network file systems).
        const FORCE = 1;
        /// Now from the tree, really when unused.
        const DETACH = 2;
        /// Mark, and unmount at the second call.
        const EXPIRE = 4;
        /// Do not follow a symbolic link.
        const NOFOLLOW = 8;
    }
}

bitflags::bitflags! {
    /// `RENAME_*` (renameat2(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RenameFlags: u32 {
        /// Fail when the target exists.
        const NOREPLACE = 1;
        /// Swap the two.
        const EXCHANGE = 2;
        /// Leave a whiteout behind (overlay file systems).
        const WHITEOUT = 4;
    }
}

bitflags::bitflags! {
    /// `RWF_*` (preadv2(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RwFlags: u32 {
        /// High priority.
        const HIPRI = 0x1;
        /// As `O_DSYNC`.
        const DSYNC = 0x2;
        /// As `O_SYNC`.
        const SYNC = 0x4;
        /// Do not wait.
        const NOWAIT = 0x8;
        /// As `O_APPEND`.
        const APPEND = 0x10;
        /// Not appending even so.
        const NOAPPEND = 0x20;
    }
}

bitflags::bitflags! {
    /// `SPLICE_F_*` (splice(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SpliceFlags: u32 {
        /// Move pages; a hint.
        const MOVE = 1;
        /// Do not block on the pipe.
        const NONBLOCK = 2;
        /// More will come; a hint.
        const MORE = 4;
        /// The pages are given away (vmsplice).
        const GIFT = 8;
    }
}

/// `struct open_how` (openat2(2)).
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OpenHow {
    /// `O_*`.
    pub flags: u64,
    /// Mode for a new file.
    pub mode: u64,
    /// `RESOLVE_*`.
    pub resolve: u64,
}

bitflags::bitflags! {
    /// `RESOLVE_*` (openat2(2)).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ResolveFlags: u64 {
        /// No mount points are crossed.
        const NO_XDEV = 0x1;
        /// No magic links are followed.
        const NO_MAGICLINKS = 0x2;
        /// No symbolic links are followed.
        const NO_SYMLINKS = 0x4;
        /// Never leaves the starting directory.
        const BENEATH = 0x8;
        /// The starting directory is the root.
        const IN_ROOT = 0x10;
        /// Only from the cache.
        const CACHED = 0x20;
    }
}

/// posix_fadvise(2) advice; the last known value.
pub const POSIX_FADV_NOREUSE: i32 = 5;

bitflags::bitflags! {
    /// close_range(2) flags.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CloseRangeFlags: u32 {
        /// Unshare the table first.
        const UNSHARE = 2;
        /// Set `FD_CLOEXEC` instead of closing.
        const CLOEXEC = 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};
    use linux_raw_sys::general as linux;

    macro_rules! same {
        ($module:ident: $($name:ident)*) => {
            $(assert_eq!(u64::from($module::$name as u32), u64::from(linux::$name), stringify!($name));)*
        };
    }

    #[test]
    fn layouts_match_linux() {
        assert_eq!(size_of::<Flock>(), size_of::<linux::flock>());
        assert_eq!(offset_of!(Flock, l_pid), offset_of!(linux::flock, l_pid));
        assert_eq!(size_of::<Iovec>(), size_of::<linux::iovec>());
        assert_eq!(size_of::<OpenHow>(), size_of::<linux::open_how>());
    }

    #[test]
    fn values_match_linux() {
        same!(fcntl: F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW F_SETOWN
            F_GETOWN F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW F_DUPFD_CLOEXEC F_SETPIPE_SZ F_GETPIPE_SZ
            F_ADD_SEALS F_GET_SEALS F_SEAL_FUTURE_WRITE F_SETLEASE F_DUPFD_QUERY);
        same!(flock: LOCK_SH LOCK_EX LOCK_NB LOCK_UN);
        same!(seek: SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE);
        assert_eq!(FallocFlags::ZERO_RANGE.bits(), linux::FALLOC_FL_ZERO_RANGE);
        assert_eq!(MountFlags::LAZYTIME.bits(), u64::from(linux::MS_LAZYTIME));
        assert_eq!(MountFlags::UNBINDABLE.bits(), u64::from(linux::MS_UNBINDABLE));
        assert_eq!(RenameFlags::WHITEOUT.bits(), linux::RENAME_WHITEOUT);
        assert_eq!(ResolveFlags::CACHED.bits(), u64::from(linux::RESOLVE_CACHED));
        assert_eq!(RwFlags::APPEND.bits(), linux::RWF_APPEND);
    }
}
