//! tmpfs: files in memory. The root file system, `/dev`, `/tmp`, `/run` and memfds are made of it.
//!
//! Names live in the dentries (see `dentry`), contents in page caches; what is left for tmpfs is to
//! make inodes and to keep count of pages and inodes against the limits of the mount.
//!
//! Locks: none of its own; the counters are atomics.

mod node;
mod options;
mod regular;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::Errno;
use abi::stat::{DeviceNumber, magic};
use machine::addr::PAGE_SIZE;

pub use node::Node;
pub use options::Options;
pub use regular::Regular;

use super::inode::{FileType, InodeNumbers, NewInode, NewKind};
use super::mount::{self, FsStat, SuperBlock, SuperOps};
use super::registry::{FileSystem, MountRequest};
use crate::error::Result;
use crate::mm::PageQuota;

/// What `mount -t tmpfs` makes.
pub static TMPFS: FileSystem = FileSystem { name: "tmpfs", mount: mount_tmpfs };

/// The same without limits, as Linux's ramfs.
pub static RAMFS: FileSystem = FileSystem { name: "ramfs", mount: mount_ramfs };

/// The tmpfs that is the root; it cannot be mounted a second time.
pub static ROOTFS: FileSystem = FileSystem { name: "rootfs", mount: |_| Err(Errno::EINVAL.into()) };

/// One instance: its limits and what is used of them.
pub struct Tmpfs {
    dev: DeviceNumber,
    numbers: InodeNumbers,
    /// All pages of its files; `NO_LIMIT` for any number.
    pages: Arc<PageQuota>,
    max_inodes: AtomicU64,
    inodes: AtomicU64,
}

/// What `size=0` and `nr_inodes=0` mean.
const NO_LIMIT: u64 = u64::MAX;

/// An option's 0 is no limit.
fn limit(option: u64) -> u64 {
    if option == 0 { NO_LIMIT } else { option }
}

fn mount_tmpfs(request: &MountRequest<'_>) -> Result<Arc<SuperBlock>> {
    let options = Options::parse(request.data)?;
    new_instance(request.kind, &options)
}

fn mount_ramfs(request: &MountRequest<'_>) -> Result<Arc<SuperBlock>> {
    let given = Options::parse(request.data)?;
    let options =
        Options { size: Some(0), inodes: Some(0), mode: given.mode.or(Some(0o755)), ..given };
    new_instance(request.kind, &options)
}

/// A new instance with its root directory.
///
/// # Errors
/// `ENOMEM`.
pub fn new_instance(kind: &'static FileSystem, options: &Options) -> Result<Arc<SuperBlock>> {
    machine::frame::check_reserve()?;
    let fs = Tmpfs::new(options);
    let new = NewInode {
        kind: NewKind::Directory,
        mode: FileType::Directory.bits() | options.mode.unwrap_or(0o1777),
        uid: options.uid.unwrap_or(0),
        gid: options.gid.unwrap_or(0),
    };
    let root = fs.make(&new)?;
    Ok(SuperBlock::new(kind, root, fs))
}

/// Half of the memory, in pages: what a mount may use unless told otherwise.
fn default_limit() -> u64 {
    machine::frame::stats().total / 2
}

impl Tmpfs {
    /// An instance without anything in it.
    pub fn new(options: &Options) -> Arc<Self> {
        let fs = Self {
            dev: mount::anonymous_dev(),
            numbers: InodeNumbers::new(),
            pages: Arc::new(PageQuota::new(options.pages().map_or_else(default_limit, limit))),
            max_inodes: AtomicU64::new(options.inodes.map_or_else(default_limit, limit)),
            inodes: AtomicU64::new(0),
        };
        Arc::new(fs)
    }

    /// Makes an inode.
    ///
    /// # Errors
    /// `ENOSPC` at the limit.
    pub fn make(self: &Arc<Self>, new: &NewInode<'_>) -> Result<Arc<Node>> {
        self.charge_inode()?;
        Ok(Node::new(self, new))
    }

    fn charge_inode(&self) -> Result<(), Errno> {
        let limit = self.max_inodes.load(Ordering::Relaxed);
        let step = |used: u64| (used < limit).then_some(used + 1);
        match self.inodes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) {
            Ok(_) => Ok(()),
            Err(_) => Err(Errno::ENOSPC),
        }
    }

    fn release_inode(&self) {
        self.inodes.fetch_sub(1, Ordering::Relaxed);
    }
}

impl SuperOps for Tmpfs {
    fn stat(&self) -> FsStat {
        // Without a limit statfs(2) shows zeroes, as on Linux.
        let left = |limit: u64, used: u64| {
            if limit == NO_LIMIT { (0, 0) } else { (limit, limit.saturating_sub(used)) }
        };
        let (blocks, free) = left(self.pages.limit(), self.pages.used());
        let (files, files_free) =
            left(self.max_inodes.load(Ordering::Relaxed), self.inodes.load(Ordering::Relaxed));
        FsStat {
            magic: magic::TMPFS.unsigned_abs(),
            block_size: PAGE_SIZE as u64,
            blocks,
            free,
            files,
            files_free,
        }
    }

    fn options(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let pages = self.pages.limit();
        if pages != NO_LIMIT && pages != default_limit() {
            text.extend_from_slice(alloc::format!(",size={}k", pages * 4).as_bytes());
        }
        let inodes = self.max_inodes.load(Ordering::Relaxed);
        if inodes != NO_LIMIT && inodes != default_limit() {
            text.extend_from_slice(alloc::format!(",nr_inodes={inodes}").as_bytes());
        }
        text
    }

    fn reconfigure(&self, data: &[u8]) -> Result<()> {
        let options = Options::parse(data)?;
        if let Some(inodes) = options.inodes.map(limit) {
            if inodes < self.inodes.load(Ordering::Relaxed) {
                return Err(Errno::EINVAL.into());
            }
            self.max_inodes.store(inodes, Ordering::Relaxed);
        }
        if let Some(pages) = options.pages().map(limit)
            && !self.pages.set_limit(pages)
        {
            return Err(Errno::EINVAL.into());
        }
        Ok(())
    }
}
