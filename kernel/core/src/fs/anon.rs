//! Objects without a place in the tree: pipes, eventfds, epoll instances.
//!
//! Each gets an inode and a dentry of its own on one of two mounts that are never attached, so that
//! stat(2), `/proc/PID/fd` and the rest work on them as on any file.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::file::MountFlags;
use abi::stat::{DeviceNumber, magic};
use abi::{Errno, OpenFlags};
use machine::sync::Lazy;

use super::caller::Caller;
use super::dentry::Dentry;
use super::file::{FileOps, OpenFile};
use super::inode::{Inode, InodeNumbers, Metadata, NewMetadata};
use super::mount::{self, FsStat, Mount, SuperBlock, SuperOps};
use super::path::Path;
use super::registry::FileSystem;
use crate::error::Result;

/// The file system of pipes.
static PIPEFS: FileSystem = FileSystem { name: "pipefs", mount: |_| Err(Errno::EINVAL.into()) };
/// The file system of everything else.
static ANON_INODEFS: FileSystem =
    FileSystem { name: "anon_inodefs", mount: |_| Err(Errno::EINVAL.into()) };

struct Statless(u64);

impl SuperOps for Statless {
    fn stat(&self) -> FsStat {
        FsStat { magic: self.0, block_size: 4096, ..FsStat::default() }
    }
}

/// An inode with a name for `/proc/PID/fd` and nothing else.
struct AnonInode {
    meta: Metadata,
    name: &'static str,
}

impl Inode for AnonInode {
    fn meta(&self) -> &Metadata {
        &self.meta
    }

    fn anonymous_name(&self) -> Option<Vec<u8>> {
        Some(alloc::format!("anon_inode:{}", self.name).into_bytes())
    }

    fn may_set_attributes(&self) -> Result<()> {
        Err(Errno::EPERM.into())
    }
}

struct World {
    mount: Arc<Mount>,
    dev: DeviceNumber,
}

fn world(kind: &'static FileSystem, magic: i64) -> World {
    let dev = mount::anonymous_dev();
    let new = NewMetadata {
        dev,
        ino: NUMBERS.next(),
        mode: 0o040555,
        uid: 0,
        gid: 0,
        rdev: DeviceNumber::default(),
    };
    let root = Arc::new(AnonInode { meta: Metadata::new(new), name: "" });
    let superblock = SuperBlock::new(kind, root, Arc::new(Statless(magic.unsigned_abs())));
    let root = superblock.root().clone();
    World { mount: Mount::new(superblock, root, kind.name.as_bytes(), MountFlags::empty()), dev }
}

static NUMBERS: InodeNumbers = InodeNumbers::new();
static PIPES: Lazy<World> = Lazy::new(|| world(&PIPEFS, magic::PIPEFS));
static OTHERS: Lazy<World> = Lazy::new(|| world(&ANON_INODEFS, magic::ANON_INODE));

/// The attributes of a new pipe that `caller` makes.
pub fn pipe_metadata(caller: &dyn Caller) -> Metadata {
    let cred = caller.cred();
    Metadata::new(NewMetadata {
        dev: PIPES.dev,
        ino: NUMBERS.next(),
        mode: 0o010600,
        uid: cred.fsuid,
        gid: cred.fsgid,
        rdev: DeviceNumber::default(),
    })
}

/// The place of a pipe with this inode.
pub fn pipe_path(inode: Arc<dyn Inode>) -> Path {
    Path { mount: PIPES.mount.clone(), dentry: Dentry::new_root(inode) }
}

/// An open file for `ops`, shown as `anon_inode:NAME`.
pub fn open(
    name: &'static str,
    ops: Arc<dyn FileOps>,
    flags: OpenFlags,
    caller: &dyn Caller,
) -> Arc<OpenFile> {
    let cred = caller.cred();
    let meta = Metadata::new(NewMetadata {
        dev: OTHERS.dev,
        ino: NUMBERS.next(),
        mode: 0o600,
        uid: cred.fsuid,
        gid: cred.fsgid,
        rdev: DeviceNumber::default(),
    });
    let dentry = Dentry::new_root(Arc::new(AnonInode { meta, name }));
    let path = Path { mount: OTHERS.mount.clone(), dentry };
    OpenFile::new(path, ops, flags, cred.clone(), false)
}
