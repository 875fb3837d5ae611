//! The types of file system that can be mounted, as `/proc/filesystems` lists them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::Errno;
use abi::file::MountFlags;
use machine::sync::RwSpinLock;

use super::mount::SuperBlock;
use crate::error::Result;
use crate::locks;

/// A type of file system.
pub struct FileSystem {
    /// Its name for mount(2).
    pub name: &'static str,
    /// Makes or finds the instance that a mount asks for.
    pub mount: fn(&MountRequest<'_>) -> Result<Arc<SuperBlock>>,
}

/// What mount(2) was given.
pub struct MountRequest<'a> {
    /// The type that is asked for.
    pub kind: &'static FileSystem,
    /// The device or word.
    pub source: &'a [u8],
    /// The flags.
    pub flags: MountFlags,
    /// The options of the file system, separated by commas.
    pub data: &'a [u8],
}

static KNOWN: RwSpinLock<Vec<&'static FileSystem>> = RwSpinLock::new(locks::MOUNTS, Vec::new());

/// Makes a type known. A second one of the same name is ignored.
pub fn register_filesystem(kind: &'static FileSystem) {
    let mut known = KNOWN.write();
    if !known.iter().any(|other| other.name == kind.name) {
        known.push(kind);
    }
}

/// The type called `name`.
///
/// # Errors
/// `ENODEV` when there is none.
pub fn find(name: &[u8]) -> Result<&'static FileSystem> {
    let found = KNOWN.read().iter().find(|kind| kind.name.as_bytes() == name).copied();
    Ok(found.ok_or(Errno::ENODEV)?)
}

/// All types, in the order of their registration.
pub fn all() -> Vec<&'static FileSystem> {
    KNOWN.read().clone()
}
