//! The inodes of tmpfs.

use alloc::sync::Arc;

use abi::Errno;
use abi::stat::DeviceNumber;

use super::Tmpfs;
use super::regular::Regular;
use crate::error::Result;
use crate::fs::dentry::Name;
use crate::fs::fifo::FifoSlot;
use crate::fs::file::FileOps;
use crate::fs::inode::{Directory, Inode, Link, Metadata, NewInode, NewKind, NewMetadata};
use crate::fs::open::OpenCx;
use crate::fs::walk::WalkCx;
use crate::mm::PageCache;

/// An object of a tmpfs.
pub struct Node {
    pub(super) meta: Metadata,
    pub(super) fs: Arc<Tmpfs>,
    kind: Kind,
}

enum Kind {
    Directory,
    Regular(Regular),
    Symlink(Name),
    Fifo(FifoSlot),
    /// Devices and sockets: only attributes.
    Special,
}

impl Node {
    /// An inode that the instance has counted already.
    pub(super) fn new(fs: &Arc<Tmpfs>, new: &NewInode<'_>) -> Arc<Self> {
        let (kind, rdev) = match new.kind {
            NewKind::Directory => (Kind::Directory, DeviceNumber::default()),
            NewKind::Regular => (Kind::Regular(Regular::new(&fs.pages)), DeviceNumber::default()),
            NewKind::Symlink(text) => (Kind::Symlink(Name::from(text)), DeviceNumber::default()),
            NewKind::Fifo => (Kind::Fifo(FifoSlot::new()), DeviceNumber::default()),
            NewKind::Socket => (Kind::Special, DeviceNumber::default()),
            NewKind::Char(dev) | NewKind::Block(dev) => (Kind::Special, dev),
        };
        let meta = Metadata::new(NewMetadata {
            dev: fs.dev,
            ino: fs.numbers.next(),
            mode: new.mode,
            uid: new.uid,
            gid: new.gid,
            rdev,
        });
        Arc::new(Self { meta, fs: fs.clone(), kind })
    }

    /// The contents, if this is a regular file.
    pub fn regular(&self) -> Option<&Regular> {
        match &self.kind {
            Kind::Regular(regular) => Some(regular),
            _ => None,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.fs.release_inode();
    }
}

impl Inode for Node {
    fn meta(&self) -> &Metadata {
        &self.meta
    }

    fn directory(&self) -> Directory {
        match self.kind {
            Kind::Directory => Directory::Cached,
            _ => Directory::No,
        }
    }

    fn size(&self) -> u64 {
        match &self.kind {
            Kind::Regular(regular) => regular.cache().size(),
            Kind::Symlink(text) => text.len() as u64,
            _ => 0,
        }
    }

    fn blocks(&self) -> u64 {
        self.regular().map_or(0, |regular| regular.cache().pages() * 8)
    }

    fn make(&self, new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        Ok(self.fs.make(new)?)
    }

    fn link(&self, _cx: &WalkCx<'_>) -> Result<Link> {
        match &self.kind {
            Kind::Symlink(text) => Ok(Link::Text(text.clone())),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn open(self: Arc<Self>, _cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
        match self.kind {
            Kind::Regular(_) => Ok(self),
            _ => Err(Errno::ENXIO.into()),
        }
    }

    fn page_cache(&self) -> Option<&Arc<PageCache>> {
        self.regular().map(Regular::cache)
    }

    fn set_size(&self, size: u64) -> Result<()> {
        match &self.kind {
            Kind::Regular(regular) => regular.set_size(size),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn fifo(&self) -> Option<&FifoSlot> {
        match &self.kind {
            Kind::Fifo(slot) => Some(slot),
            _ => None,
        }
    }
}
