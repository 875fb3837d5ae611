//! Inodes: the objects that names stand for.
//!
//! [`Metadata`] is what every inode has and the VFS itself keeps up: type and mode, owner, link
//! count, times, file locks. The [`Inode`] trait is what differs between file systems.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::Errno;
use abi::stat::DeviceNumber;

use super::file::FileOps;
use super::open::OpenCx;
use super::path::Path;
use super::walk::WalkCx;
use crate::error::Result;
use crate::mm::PageCache;

pub use super::metadata::{Metadata, NewMetadata, Times};
pub use abi::stat::mode::{S_IFMT, S_ISGID, S_ISUID, S_ISVTX};

/// All the bits that chmod(2) can set.
pub const PERMISSION_BITS: u32 = 0o7777;

/// What kind of object an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FileType {
    /// A pipe with a name.
    Fifo = 0o010000,
    /// A character device.
    Char = 0o020000,
    /// A directory.
    Directory = 0o040000,
    /// A block device.
    Block = 0o060000,
    /// A regular file.
    Regular = 0o100000,
    /// A symbolic link.
    Symlink = 0o120000,
    /// A socket.
    Socket = 0o140000,
    /// No type at all: what Linux's anonymous inodes (eventfd, epoll) report.
    Anonymous = 0,
}

impl FileType {
    /// The type in `mode`, if it is one.
    pub fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & S_IFMT {
            0o010000 => Self::Fifo,
            0o020000 => Self::Char,
            0o040000 => Self::Directory,
            0o060000 => Self::Block,
            0o100000 => Self::Regular,
            0o120000 => Self::Symlink,
            0o140000 => Self::Socket,
            0 => Self::Anonymous,
            _ => return None,
        })
    }

    /// The `S_IF*` bits.
    pub const fn bits(self) -> u32 {
        self as u32
    }

    /// The `d_type` of getdents64(2).
    pub const fn dirent_type(self) -> u8 {
        (self as u32 >> 12) as u8
    }
}

/// What stat(2) and statx(2) report.
#[derive(Clone, Copy, Debug)]
pub struct StatInfo {
    /// Device of the file system.
    pub dev: DeviceNumber,
    /// Inode number.
    pub ino: u64,
    /// Type and permissions.
    pub mode: u32,
    /// Names.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device of a device node.
    pub rdev: DeviceNumber,
    /// Bytes.
    pub size: u64,
    /// Preferred block size.
    pub blksize: u32,
    /// Units of 512 bytes in use.
    pub blocks: u64,
    /// Times.
    pub times: Times,
}

/// How the entries of a directory are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directory {
    /// Not a directory.
    No,
    /// The dentries are the directory: names live in the VFS only (tmpfs, devtmpfs, sysfs).
    Cached,
    /// Entries are computed by [`Inode::lookup`] each time and never cached (procfs).
    Computed,
}

/// Where a symbolic link leads.
pub enum Link {
    /// A path to walk.
    Text(Arc<[u8]>),
    /// Straight to an object, whatever its name says (`/proc/PID/fd/N`, `/proc/PID/exe`).
    Magic(Path),
}

/// What a new entry is to be.
pub enum NewKind<'a> {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link with this text.
    Symlink(&'a [u8]),
    /// A FIFO.
    Fifo,
    /// A socket's name.
    Socket,
    /// A character device.
    Char(DeviceNumber),
    /// A block device.
    Block(DeviceNumber),
}

impl NewKind<'_> {
    /// Its type.
    pub fn file_type(&self) -> FileType {
        match self {
            Self::Regular => FileType::Regular,
            Self::Directory => FileType::Directory,
            Self::Symlink(_) => FileType::Symlink,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
            Self::Char(_) => FileType::Char,
            Self::Block(_) => FileType::Block,
        }
    }
}

/// An order to make a new inode; mode (with type), owner and group are final.
pub struct NewInode<'a> {
    /// What to make.
    pub kind: NewKind<'a>,
    /// Type and permissions, umask and setgid rules already applied.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// An object of a file system.
pub trait Inode: Any + Send + Sync {
    /// The attributes.
    fn meta(&self) -> &Metadata;

    /// Whether and how it has entries.
    fn directory(&self) -> Directory {
        Directory::No
    }

    /// Bytes, as stat(2) reports them.
    fn size(&self) -> u64 {
        0
    }

    /// 512-byte units in use.
    fn blocks(&self) -> u64 {
        0
    }

    /// For [`Directory::Computed`]: the entry `name`.
    ///
    /// # Errors
    /// `ENOENT` when there is none.
    fn lookup(&self, name: &[u8], cx: &WalkCx<'_>) -> Result<Arc<dyn Inode>> {
        let _ = (name, cx);
        Err(Errno::ENOENT.into())
    }

    /// For [`Directory::Cached`]: a new inode for an entry of this directory. The VFS names it.
    ///
    /// # Errors
    /// `ENOSPC` or `ENOMEM` when the file system is full; `EPERM` when it has no such objects.
    fn make(&self, new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        let _ = new;
        Err(Errno::EPERM.into())
    }

    /// For symbolic links: where it leads.
    ///
    /// # Errors
    /// `EINVAL` when this is no link; what the target's access check says for magic links.
    fn link(&self, cx: &WalkCx<'_>) -> Result<Link> {
        let _ = cx;
        Err(Errno::EINVAL.into())
    }

    /// For symbolic links: the text that readlink(2) shows.
    ///
    /// # Errors
    /// As [`Inode::link`].
    fn link_text(&self, cx: &WalkCx<'_>) -> Result<Vec<u8>> {
        match self.link(cx)? {
            Link::Text(text) => Ok(text.to_vec()),
            Link::Magic(path) => Ok(path.display(cx.fs)),
        }
    }

    /// The operations of a new open file description. Directories, FIFOs and devices that the VFS
    /// knows how to open by itself do not come here.
    ///
    /// # Errors
    /// Whatever open(2) is to say, `ENXIO` by default.
    fn open(self: Arc<Self>, cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
        let _ = cx;
        Err(Errno::ENXIO.into())
    }

    /// The pages of a regular file that can be mapped.
    fn page_cache(&self) -> Option<&Arc<PageCache>> {
        None
    }

    /// Changes the size.
    ///
    /// # Errors
    /// `EINVAL` when this has no size to change; `EFBIG`, `EPERM` (sealed), `ENOSPC`, `ENOMEM`.
    fn set_size(&self, size: u64) -> Result<()> {
        let _ = size;
        Err(Errno::EINVAL.into())
    }

    /// Whether chmod(2), chown(2) and utimensat(2) may change the attributes at all.
    ///
    /// # Errors
    /// `EPERM` when not.
    fn may_set_attributes(&self) -> Result<()> {
        Ok(())
    }

    /// The pipe behind a FIFO's name.
    fn fifo(&self) -> Option<&super::fifo::FifoSlot> {
        None
    }

    /// The name of an object without a place in the tree, as `/proc/PID/fd` shows it: `pipe:[7]`.
    fn anonymous_name(&self) -> Option<Vec<u8>> {
        None
    }

    /// What stat(2) reports.
    fn stat(&self) -> StatInfo {
        let meta = self.meta();
        StatInfo {
            dev: meta.dev(),
            ino: meta.ino(),
            mode: meta.mode(),
            nlink: meta.nlink(),
            uid: meta.uid(),
            gid: meta.gid(),
            rdev: meta.rdev(),
            size: self.size(),
            blksize: 4096,
            blocks: self.blocks(),
            times: meta.times(),
        }
    }
}

/// Gives out inode numbers for file systems that have none of their own.
pub struct InodeNumbers(AtomicU64);

impl InodeNumbers {
    /// Starts at 1; 0 is no inode.
    pub const fn new() -> Self {
        Self(AtomicU64::new(1))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl Default for InodeNumbers {
    fn default() -> Self {
        Self::new()
    }
}
