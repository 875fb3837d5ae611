//! The attributes that the VFS keeps for every inode: type and mode, owner, link count, times, who
//! writes and who executes it, file locks.
//!
//! Locks: the times (`INODE`). Mode, owner and link count are atomics, since a path walk reads them
//! for every component, and a torn pair (new mode, old owner) is what two separate calls give on
//! Linux as well.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use abi::Errno;
use abi::stat::DeviceNumber;
use abi::stat::mode::S_IFMT;
use machine::sync::{Once, SpinLock};

use super::clock::{self, FileTime};
use super::file_lock::FileLocks;
use super::inode::{FileType, PERMISSION_BITS};
use crate::locks;

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
