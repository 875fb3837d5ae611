//! What files look like from outside: stat(2), statx(2), statfs(2), getdents64(2).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct stat`, 144 bytes.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see stat(3type)")]
pub struct Stat {
    pub st_dev: u64,
    pub st_ino: u64,
    pub st_nlink: u64,
    pub st_mode: u32,
    pub st_uid: u32,
    pub st_gid: u32,
    pub pad0: u32,
    pub st_rdev: u64,
    pub st_size: i64,
    pub st_blksize: i64,
    pub st_blocks: i64,
    pub st_atime: i64,
    pub st_atime_nsec: u64,
    pub st_mtime: i64,
    pub st_mtime_nsec: u64,
    pub st_ctime: i64,
    pub st_ctime_nsec: u64,
    pub reserved: [u64; 3],
}

/// `struct statx_timestamp`, 16 bytes.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see statx(2)")]
pub struct StatxTimestamp {
    pub tv_sec: i64,
    pub tv_nsec: u32,
    pub reserved: i32,
}

/// `struct statx`, 256 bytes.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see statx(2)")]
pub struct Statx {
    pub stx_mask: u32,
    pub stx_blksize: u32,
    pub stx_attributes: u64,
    pub stx_nlink: u32,
    pub stx_uid: u32,
    pub stx_gid: u32,
    pub stx_mode: u16,
    pub pad1: u16,
    pub stx_ino: u64,
    pub stx_size: u64,
    pub stx_blocks: u64,
    pub stx_attributes_mask: u64,
    pub stx_atime: StatxTimestamp,
    pub stx_btime: StatxTimestamp,
    pub stx_ctime: StatxTimestamp,
    pub stx_mtime: StatxTimestamp,
    pub stx_rdev_major: u32,
    pub stx_rdev_minor: u32,
    pub stx_dev_major: u32,
    pub stx_dev_minor: u32,
    pub stx_mnt_id: u64,
    pub stx_dio_mem_align: u32,
    pub stx_dio_offset_align: u32,
    pub stx_subvol: u64,
    pub reserved: [u64; 11],
}

bitflags::bitflags! {
    /// `STATX_*`: what a caller of statx(2) asks for and is given.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct StatxMask: u32 {
        /// Type bits of `stx_mode`.
        const TYPE = 0x1;
        /// Permission bits of `stx_mode`.
        const MODE = 0x2;
        /// `stx_nlink`.
        const NLINK = 0x4;
        /// `stx_uid`.
        const UID = 0x8;
        /// `stx_gid`.
        const GID = 0x10;
        /// `stx_atime`.
        const ATIME = 0x20;
        /// `stx_mtime`.
        const MTIME = 0x40;
        /// `stx_ctime`.
        const CTIME = 0x80;
        /// `stx_ino`.
        const INO = 0x100;
        /// `stx_size`.
        const SIZE = 0x200;
        /// `stx_blocks`.
        const BLOCKS = 0x400;
        /// All that stat(2) gives.
        const BASIC_STATS = 0x7ff;
        /// `stx_btime`.
        const BTIME = 0x800;
        /// `stx_mnt_id`.
        const MNT_ID = 0x1000;
        /// Direct I/O alignment.
        const DIOALIGN = 0x2000;
        /// `stx_mnt_id` as the unique 64-bit id.
        const MNT_ID_UNIQUE = 0x4000;
        /// `stx_subvol`.
        const SUBVOL = 0x8000;
        /// Reserved for a longer structure: refused with `EINVAL`.
        const RESERVED = 0x8000_0000;
    }
}

/// `struct statfs`, 120 bytes.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see statfs(2)")]
pub struct Statfs {
    pub f_type: i64,
    pub f_bsize: i64,
    pub f_blocks: u64,
    pub f_bfree: u64,
    pub f_bavail: u64,
    pub f_files: u64,
    pub f_ffree: u64,
    pub f_fsid: [i32; 2],
    pub f_namelen: i64,
    pub f_frsize: i64,
    pub f_flags: i64,
    pub f_spare: [i64; 4],
}

/// `f_type` values (statfs(2)).
#[expect(missing_docs, reason = "Linux's names")]
pub mod magic {
    pub const TMPFS: i64 = 0x0102_1994;
    pub const RAMFS: i64 = 0x8584_58f6u32 as i64;
    pub const PROC: i64 = 0x9fa0;
    pub const SYSFS: i64 = 0x6265_6572;
    pub const DEVPTS: i64 = 0x1cd1;
    pub const PIPEFS: i64 = 0x5049_5045;
    pub const SOCKFS: i64 = 0x534f_434b;
    pub const ANON_INODE: i64 = 0x0904_1934;
}

/// The fixed part of `struct linux_dirent64`; the name and a NUL follow at byte 19.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, packed)]
#[expect(missing_docs, reason = "the fields are Linux's, see getdents64(2)")]
pub struct Dirent64 {
    pub d_ino: u64,
    pub d_off: i64,
    pub d_reclen: u16,
    pub d_type: u8,
}

/// The type bits of a mode (inode(7)).
#[expect(missing_docs, reason = "Linux's names")]
pub mod mode {
    pub const S_IFMT: u32 = 0o170000;
    pub const S_IFSOCK: u32 = 0o140000;
    pub const S_IFLNK: u32 = 0o120000;
    pub const S_IFREG: u32 = 0o100000;
    pub const S_IFBLK: u32 = 0o060000;
    pub const S_IFDIR: u32 = 0o040000;
    pub const S_IFCHR: u32 = 0o020000;
    pub const S_IFIFO: u32 = 0o010000;
    pub const S_ISUID: u32 = 0o4000;
    pub const S_ISGID: u32 = 0o2000;
    pub const S_ISVTX: u32 = 0o1000;
    pub const S_IALLUGO: u32 = 0o7777;
    pub const S_IRWXUGO: u32 = 0o777;
}

/// A file type as `d_type` has it; a mode's type bits shifted right by 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "Linux's names")]
pub enum FileType {
    Fifo = 1,
    CharDevice = 2,
    Directory = 4,
    BlockDevice = 6,
    Regular = 8,
    Symlink = 10,
    Socket = 12,
}

impl FileType {
    /// The type bits of `mode`; `None` when they name no type.
    pub const fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & mode::S_IFMT {
            mode::S_IFIFO => Self::Fifo,
            mode::S_IFCHR => Self::CharDevice,
            mode::S_IFDIR => Self::Directory,
            mode::S_IFBLK => Self::BlockDevice,
            mode::S_IFREG => Self::Regular,
            mode::S_IFLNK => Self::Symlink,
            mode::S_IFSOCK => Self::Socket,
            _ => return None,
        })
    }

    /// The type bits of a mode for this type.
    pub const fn mode_bits(self) -> u32 {
        (self as u32) << 12
    }

    /// The `DT_*` value.
    pub const fn d_type(self) -> u8 {
        self as u8
    }
}

/// A device number as the kernel holds it, split in major and minor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceNumber {
    /// Major number, 12 bits.
    pub major: u32,
    /// Minor number, 20 bits.
    pub minor: u32,
}

impl DeviceNumber {
    /// A device number from its parts.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// From the 32-bit form that mknod(2) takes.
    pub const fn from_user(dev: u32) -> Self {
        Self { major: (dev >> 8) & 0xfff, minor: (dev & 0xff) | ((dev >> 12) & 0xf_ff00) }
    }

    /// The form that stat(2) gives, equal to mknod's for what a device number can hold.
    pub const fn to_user(self) -> u64 {
        let (major, minor) = (self.major as u64, self.minor as u64);
        (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & !0xff) << 12)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};
    use linux_raw_sys::general as linux;

    #[test]
    fn layouts_match_linux() {
        assert_eq!(size_of::<Stat>(), size_of::<linux::stat>());
        assert_eq!(offset_of!(Stat, st_rdev), offset_of!(linux::stat, st_rdev));
        assert_eq!(offset_of!(Stat, st_ctime_nsec), offset_of!(linux::stat, st_ctime_nsec));
        assert_eq!(size_of::<Statx>(), size_of::<linux::statx>());
        assert_eq!(offset_of!(Statx, stx_mnt_id), offset_of!(linux::statx, stx_mnt_id));
        assert_eq!(offset_of!(Statx, stx_subvol), offset_of!(linux::statx, stx_subvol));
        assert_eq!(size_of::<Statfs>(), size_of::<linux::statfs64>());
        assert_eq!(offset_of!(Statfs, f_flags), offset_of!(linux::statfs64, f_flags));
        assert_eq!(size_of::<Dirent64>(), offset_of!(linux::linux_dirent64, d_name));
        assert_eq!(StatxMask::BASIC_STATS.bits(), linux::STATX_BASIC_STATS);
        assert_eq!(StatxMask::MNT_ID_UNIQUE.bits(), linux::STATX_MNT_ID_UNIQUE);
    }

    #[test]
    fn device_numbers_survive_both_ways() {
        for (major, minor) in [(1, 3), (4, 64), (240, 2), (0xfff, 0xf_ffff), (8, 0x1_2345)] {
            let dev = DeviceNumber::new(major, minor);
            assert_eq!(DeviceNumber::from_user(dev.to_user() as u32), dev);
        }
        assert_eq!(DeviceNumber::new(5, 1).to_user(), 0x501);
    }

    #[test]
    fn file_types_are_the_type_bits() {
        assert_eq!(FileType::from_mode(0o100644), Some(FileType::Regular));
        assert_eq!(FileType::Directory.mode_bits(), mode::S_IFDIR);
        assert_eq!(FileType::from_mode(0o644), None);
    }
}
