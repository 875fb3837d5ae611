//! devtmpfs: the tmpfs that knows which devices exist.
//!
//! There is one instance; every mount shows it. Drivers announce devices while the kernel starts
//! (or later), in any order.

use alloc::sync::Arc;

use abi::Errno;
use abi::stat::DeviceNumber;
use machine::sync::Once;

use super::dentry::Dentry;
use super::edit;
use super::inode::{FileType, NewInode, NewKind};
use super::mount::SuperBlock;
use super::registry::FileSystem;
use super::tmpfs::{self, Options};
use crate::error::Result;

/// What `mount -t devtmpfs` shows.
pub static DEVTMPFS: FileSystem =
    FileSystem { name: "devtmpfs", mount: |_| Ok(instance()?.clone()) };

fn instance() -> Result<&'static Arc<SuperBlock>> {
    static INSTANCE: Once<Arc<SuperBlock>> = Once::new();
    let options = Options { mode: Some(0o755), ..Options::default() };
    let instance = INSTANCE.try_call_once(|| {
        let superblock = tmpfs::new_instance(&DEVTMPFS, &options)?;
        populate(superblock.root())?;
        Ok::<_, crate::error::Error>(superblock)
    })?;
    Ok(instance)
}

/// What every `/dev` has besides devices.
fn populate(root: &Arc<Dentry>) -> Result<()> {
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("core", "/proc/kcore"),
    ] {
        add(root, name, NewKind::Symlink(target.as_bytes()), 0o777)?;
    }
    for (name, mode) in [("pts", 0o755), ("shm", 0o1777)] {
        add(root, name, NewKind::Directory, mode)?;
    }
    Ok(())
}

fn add(dir: &Arc<Dentry>, name: &str, kind: NewKind<'_>, mode: u32) -> Result<()> {
    let mode = kind.file_type().bits() | mode;
    let inode = dir.inode().make(&NewInode { kind, mode, uid: 0, gid: 0 })?;
    edit::insert(dir, name.as_bytes(), inode)?;
    Ok(())
}

/// Puts the character device `dev` into `/dev` as `name`.
pub fn announce(name: &str, dev: DeviceNumber, mode: u32) {
    let result = instance().and_then(|superblock| {
        add(superblock.root(), name, NewKind::Char(dev), mode & !FileType::Char.bits())
    });
    match result {
        Ok(()) | Err(crate::error::Error::Errno(Errno::EEXIST)) => {}
        Err(error) => log::warn!("devtmpfs: no node for {name}: {error:?}"),
    }
}
