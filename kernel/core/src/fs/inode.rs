//! Inodes: the objects that names stand for.
//!
//! [`Metadata`] is what every inode has and the VFS itself keeps up: type and mode, owner, link
//! count, times, file locks. The [`Inode`] trait is what differs between file systems.
//!
//! Locks: the times (`INODE`); mode, owner and link count are atomics, since a path walk reads them
//! for every component and a torn pair (new mode, old owner) is what two separate calls give on
//! Linux as well.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use abi::Errno;
use abi::stat::DeviceNumber;
use machine::sync::SpinLock;
use spin::Once;

use super::clock::{self, FileTime};
use super::file::FileOps;
use super::file_lock::FileLocks;
use super::open::OpenCx;
use super::path::Path;
use super::walk::WalkCx;
use crate::error::Result;
use crate::locks;
use crate::mm::PageCache;

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

/// The times of an inode.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Last read.
    pub atime: FileTime,
    /// Last change of the contents.
    pub mtime: FileTime,
    /// Last change of contents or attributes.
    pub ctime: FileTime,
    /// Creation.
    pub btime: FileTime,
}

/// How a new inode begins.
#[derive(Clone, Copy, Debug)]
pub struct NewMetadata {
    /// The device of its file system.
    pub dev: DeviceNumber,
    /// Its number there.
    pub ino: u64,
    /// Type and permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// For device nodes: which device.
    pub rdev: DeviceNumber,
}

/// The attributes that the VFS keeps for every inode.
pub struct Metadata {
    dev: DeviceNumber,
    rdev: DeviceNumber,
    ino: u64,
    mode: AtomicU32,
    uid: AtomicU32,
    gid: AtomicU32,
    nlink: AtomicU32,
    /// Open descriptions that may write, as `ETXTBSY` needs it, and executors above them.
    writers: AtomicU64,
    times: SpinLock<Times>,
    /// Without a name, but linkat(2) may give it one (`O_TMPFILE`).
    linkable: AtomicBool,
    locks: Once<FileLocks>,
}

impl Metadata {
    /// Attributes of a new inode with one link, all times now.
    pub fn new(new: NewMetadata) -> Self {
        let now = clock::now();
        Self {
            dev: new.dev,
            ino: new.ino,
            rdev: new.rdev,
            mode: AtomicU32::new(new.mode),
            uid: AtomicU32::new(new.uid),
            gid: AtomicU32::new(new.gid),
            nlink: AtomicU32::new(if new.mode & S_IFMT == 0o040000 { 2 } else { 1 }),
            writers: AtomicU64::new(0),
            times: SpinLock::new(
                locks::INODE,
                Times { atime: now, mtime: now, ctime: now, btime: now },
            ),
            linkable: AtomicBool::new(false),
            locks: Once::new(),
        }
    }

    /// The device number of the file system.
    pub fn dev(&self) -> DeviceNumber {
        self.dev
    }

    /// The inode number.
    pub fn ino(&self) -> u64 {
        self.ino
    }

    /// Which device a device node stands for.
    pub fn rdev(&self) -> DeviceNumber {
        self.rdev
    }

    /// Type and permission bits.
    #[inline]
    pub fn mode(&self) -> u32 {
        self.mode.load(Ordering::Relaxed)
    }

    /// The type.
    #[inline]
    pub fn file_type(&self) -> FileType {
        FileType::from_mode(self.mode()).unwrap_or(FileType::Anonymous)
    }

    /// Whether this is a directory.
    #[inline]
    pub fn is_dir(&self) -> bool {
        self.mode() & S_IFMT == FileType::Directory as u32
    }

    /// Whether this is a symbolic link.
    #[inline]
    pub fn is_symlink(&self) -> bool {
        self.mode() & S_IFMT == FileType::Symlink as u32
    }

    /// Whether this is a regular file.
    #[inline]
    pub fn is_regular(&self) -> bool {
        self.mode() & S_IFMT == FileType::Regular as u32
    }

    /// The owner.
    #[inline]
    pub fn uid(&self) -> u32 {
        self.uid.load(Ordering::Relaxed)
    }

    /// The group.
    #[inline]
    pub fn gid(&self) -> u32 {
        self.gid.load(Ordering::Relaxed)
    }

    /// How many names it has.
    #[inline]
    pub fn nlink(&self) -> u32 {
        self.nlink.load(Ordering::Relaxed)
    }

    /// Replaces the permission bits; the type stays.
    pub fn set_permissions(&self, bits: u32) {
        let kind = self.mode() & S_IFMT;
        self.mode.store(kind | bits & PERMISSION_BITS, Ordering::Relaxed);
    }

    /// Replaces the owner.
    pub fn set_owner(&self, uid: u32, gid: u32) {
        self.uid.store(uid, Ordering::Relaxed);
        self.gid.store(gid, Ordering::Relaxed);
    }

    /// Counts one more name. The caller holds the lock of the directory it is in.
    pub fn add_link(&self) {
        self.nlink.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one name less. The caller holds the lock of the directory it was in.
    pub fn drop_link(&self) {
        self.nlink.fetch_sub(1, Ordering::Relaxed);
    }

    /// Sets the link count, for directories whose count does not follow their entries.
    pub fn set_nlink(&self, count: u32) {
        self.nlink.store(count, Ordering::Relaxed);
    }

    /// Whether it may get a first name although it has none.
    pub fn is_linkable(&self) -> bool {
        self.linkable.load(Ordering::Relaxed)
    }

    /// Says whether it may get a first name.
    pub fn set_linkable(&self, linkable: bool) {
        self.linkable.store(linkable, Ordering::Relaxed);
    }

    /// The times.
    pub fn times(&self) -> Times {
        *self.times.lock()
    }

    /// Changes the times.
    pub fn update_times(&self, change: impl FnOnce(&mut Times)) {
        change(&mut self.times.lock());
    }

    /// The contents have changed now.
    pub fn touch_modified(&self) {
        let now = clock::now();
        let mut times = self.times.lock();
        times.mtime = now;
        times.ctime = now;
    }

    /// The attributes have changed now.
    pub fn touch_changed(&self) {
        let now = clock::now();
        self.times.lock().ctime = now;
    }

    /// The contents were read: the access time moves as with the mount option `relatime`.
    pub fn touch_accessed(&self) {
        let now = clock::now();
        let mut times = self.times.lock();
        let old = times.atime;
        if old <= times.mtime || old <= times.ctime || now.sec - old.sec >= 24 * 3600 {
            times.atime = now;
        }
    }

    /// The file locks on this inode, made on first use.
    pub fn locks(&self) -> &FileLocks {
        self.locks.call_once(FileLocks::new)
    }

    /// The file locks, if there ever was one.
    #[inline]
    pub fn locks_if_any(&self) -> Option<&FileLocks> {
        self.locks.get()
    }

    /// Counts a writer.
    ///
    /// # Errors
    /// `ETXTBSY` while the file is executed.
    pub fn add_writer(&self) -> Result<(), Errno> {
        self.writers
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| (n < EXECUTED).then_some(n + 1))
            .map(|_| ())
            .map_err(|_| Errno::ETXTBSY)
    }

    /// Forgets a writer.
    pub fn drop_writer(&self) {
        self.writers.fetch_sub(1, Ordering::AcqRel);
    }

    /// Counts a process that executes this file and so denies writing to it.
    ///
    /// # Errors
    /// `ETXTBSY` while somebody may write to it.
    pub fn deny_write(&self) -> Result<(), Errno> {
        self.writers
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| {
                (n == 0 || n >= EXECUTED).then(|| n + EXECUTED)
            })
            .map(|_| ())
            .map_err(|_| Errno::ETXTBSY)
    }

    /// Undoes one [`Metadata::deny_write`].
    pub fn allow_write(&self) {
        self.writers.fetch_sub(EXECUTED, Ordering::AcqRel);
    }
}

/// One executor in the `writers` word: writers are counted below it, executors above.
const EXECUTED: u64 = 1 << 32;

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
            dev: meta.dev,
            ino: meta.ino,
            mode: meta.mode(),
            nlink: meta.nlink(),
            uid: meta.uid(),
            gid: meta.gid(),
            rdev: meta.rdev,
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
