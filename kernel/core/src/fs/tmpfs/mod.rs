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

/// What `mount -t tmpfs` makes.
pub static TMPFS: FileSystem = FileSystem { name: "tmpfs", mount: mount_tmpfs };

/// One instance: its limits and what is used of them. A limit of 0 is none.
pub struct Tmpfs {
    dev: DeviceNumber,
    numbers: InodeNumbers,
    max_pages: AtomicU64,
    max_inodes: AtomicU64,
    pages: AtomicU64,
    inodes: AtomicU64,
}

fn mount_tmpfs(request: &MountRequest<'_>) -> Result<Arc<SuperBlock>> {
    let options = Options::parse(request.data)?;
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
            max_pages: AtomicU64::new(default_limit()),
            max_inodes: AtomicU64::new(default_limit()),
            pages: AtomicU64::new(0),
            inodes: AtomicU64::new(0),
        };
        fs.apply(options);
        Arc::new(fs)
    }

    fn apply(&self, options: &Options) {
        if let Some(bytes) = options.size {
            self.max_pages.store(bytes.div_ceil(PAGE_SIZE as u64), Ordering::Relaxed);
        }
        if let Some(inodes) = options.inodes {
            self.max_inodes.store(inodes, Ordering::Relaxed);
        }
    }

    /// Makes an inode.
    ///
    /// # Errors
    /// `ENOSPC` at the limit.
    pub fn make(self: &Arc<Self>, new: &NewInode<'_>) -> Result<Arc<Node>> {
        charge(&self.inodes, &self.max_inodes, 1)?;
        Ok(Node::new(self, new))
    }

    /// Takes pages from the limit.
    ///
    /// # Errors
    /// `ENOSPC` when there are not as many left.
    fn charge_pages(&self, count: u64) -> Result<(), Errno> {
        charge(&self.pages, &self.max_pages, count)
    }

    fn release_pages(&self, count: u64) {
        self.pages.fetch_sub(count, Ordering::Relaxed);
    }

    fn release_inode(&self) {
        self.inodes.fetch_sub(1, Ordering::Relaxed);
    }
}

fn charge(used: &AtomicU64, limit: &AtomicU64, count: u64) -> Result<(), Errno> {
    let limit = match limit.load(Ordering::Relaxed) {
        0 => u64::MAX,
        limit => limit,
    };
    used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
        used.checked_add(count).filter(|&used| used <= limit)
    })
    .map(|_| ())
    .map_err(|_| Errno::ENOSPC)
}

impl SuperOps for Tmpfs {
    fn stat(&self) -> FsStat {
        let left = |used: &AtomicU64, limit: &AtomicU64| {
            let limit = limit.load(Ordering::Relaxed);
            (limit, limit.saturating_sub(used.load(Ordering::Relaxed)))
        };
        let (blocks, free) = left(&self.pages, &self.max_pages);
        let (files, files_free) = left(&self.inodes, &self.max_inodes);
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
        let pages = self.max_pages.load(Ordering::Relaxed);
        if pages != 0 && pages != default_limit() {
            text.extend_from_slice(alloc::format!(",size={}k", pages * 4).as_bytes());
        }
        let inodes = self.max_inodes.load(Ordering::Relaxed);
        if inodes != 0 && inodes != default_limit() {
            text.extend_from_slice(alloc::format!(",nr_inodes={inodes}").as_bytes());
        }
        text
    }

    fn reconfigure(&self, data: &[u8]) -> Result<()> {
        let options = Options::parse(data)?;
        let too_small = |limit: Option<u64>, used: &AtomicU64| {
            limit.is_some_and(|limit| limit != 0 && limit < used.load(Ordering::Relaxed))
        };
        let pages = options.size.map(|bytes| bytes.div_ceil(PAGE_SIZE as u64));
        if too_small(pages, &self.pages) || too_small(options.inodes, &self.inodes) {
            return Err(Errno::EINVAL.into());
        }
        self.apply(&options);
        Ok(())
    }
}
