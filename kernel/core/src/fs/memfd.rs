//! memfds: files of a tmpfs that is mounted nowhere (memfd_create(2)).

use alloc::sync::Arc;

use abi::file::MountFlags;
use abi::file::fcntl::{
    F_SEAL_EXEC, F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE,
};
use abi::mman::MemfdFlags;
use abi::{Errno, OpenFlags};
use core::any::Any;
use machine::sync::Once;

use super::caller::Caller;
use super::dentry::{Dentry, Name};
use super::file::OpenFile;
use super::inode::{FileType, Inode, NewInode, NewKind};
use super::mount::Mount;
use super::path::Path;
use super::tmpfs::{self, Node, Options};
use crate::error::{Error, Result};

/// The longest name, without NUL.
pub const NAME_MAX: usize = 249;
/// Every seal there is.
const ALL_SEALS: u32 =
    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC;

fn mount() -> Result<&'static Arc<Mount>> {
    static MOUNT: Once<Arc<Mount>> = Once::new();
    MOUNT.try_call_once(|| {
        let options = Options { size: Some(0), inodes: Some(0), ..Options::default() };
        let superblock = tmpfs::new_instance(&tmpfs::TMPFS, &options)?;
        let root = superblock.root().clone();
        Ok::<_, Error>(Mount::new(superblock, root, b"tmpfs", MountFlags::empty()))
    })
}

/// A new memfd, open for reading and writing.
///
/// # Errors
/// `ENOMEM`.
pub fn create(name: &[u8], flags: MemfdFlags, caller: &dyn Caller) -> Result<Arc<OpenFile>> {
    machine::frame::check_reserve()?;
    let mount = mount()?;
    let cred = caller.cred();
    let no_exec = flags.contains(MemfdFlags::MFD_NOEXEC_SEAL);
    let mode = FileType::Regular.bits() | if no_exec { 0o666 } else { 0o777 };
    let new = NewInode { kind: NewKind::Regular, mode, uid: cred.fsuid, gid: cred.fsgid };
    let inode = mount.root().inode().make(&new)?;
    inode.meta().set_nlink(0);
    let mut full = b"memfd:".to_vec();
    full.extend_from_slice(name);
    let dentry = Dentry::new_unlinked(mount.root().clone(), Name::from(full), inode.clone());
    let path = Path { mount: mount.clone(), dentry };
    let any: Arc<dyn Any + Send + Sync> = inode;
    let node = any.downcast::<Node>().map_err(|_| Errno::EINVAL)?;
    if let Some(regular) = node.regular() {
        let seals = match (no_exec, flags.contains(MemfdFlags::MFD_ALLOW_SEALING)) {
            (true, _) => F_SEAL_EXEC,
            (false, true) => 0,
            (false, false) => F_SEAL_SEAL,
        };
        regular.update_seals(|_| Ok(seals))?;
    }
    node.meta().add_writer()?;
    let flags = OpenFlags::O_RDWR | OpenFlags::O_LARGEFILE;
    Ok(OpenFile::new(path, node, flags, cred.clone(), true))
}

fn regular(file: &OpenFile) -> Result<&tmpfs::Regular> {
    Ok(file.ops_as::<Node>().and_then(Node::regular).ok_or(Errno::EINVAL)?)
}

/// The seals of a file (`F_GET_SEALS`).
///
/// # Errors
/// `EINVAL` when it cannot have any.
pub fn seals(file: &OpenFile) -> Result<u32> {
    Ok(regular(file)?.seals())
}

/// Adds seals (`F_ADD_SEALS`).
///
/// # Errors
/// `EPERM` when the file is not open for writing or sealed against seals; `EINVAL`; `EBUSY` when
/// writing cannot be sealed because the file is mapped for it.
pub fn add_seals(file: &OpenFile, seals: u32) -> Result<()> {
    if !file.access().write {
        return Err(Errno::EPERM.into());
    }
    if seals & !ALL_SEALS != 0 {
        return Err(Errno::EINVAL.into());
    }
    let executable = file.inode().meta().mode() & 0o111 != 0;
    regular(file)?.update_seals(|old| {
        if old & F_SEAL_SEAL != 0 {
            return Err(Errno::EPERM);
        }
        let mut new = old | seals;
        if seals & F_SEAL_EXEC != 0 && executable {
            // What may be executed is then not to change either.
            new |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
        }
        Ok(new)
    })
}
