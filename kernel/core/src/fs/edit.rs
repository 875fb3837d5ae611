//! Changing directories: making, linking and removing names.
//!
//! Each change is prepared without locks (walk, permissions, the new inode) and then done under the
//! directory's lock after a second look: whether the name is still free, the victim still there,
//! the directory not removed. Whoever needs two directories at once first takes the rename lock.
//!
//! Locks: `RENAME`, then `DIRECTORY` (parent before child), then dentry places and inodes.

use alloc::sync::Arc;

use abi::Errno;
use abi::file::NAME_MAX;
use machine::sync::SpinLock;

use super::dentry::{Dentry, Name};
use super::inode::{Directory, FileType, Inode, NewInode, NewKind};
use super::path::Path;
use super::permission::{self, CAP_DAC_READ_SEARCH};
use super::walk::{Last, WalkCx, Walker};
use crate::error::Result;
use crate::locks;

/// Serialises what looks at more than one directory: renames and the removal of directories.
pub(super) static RENAME: SpinLock<()> = SpinLock::new(locks::RENAME, ());

/// The most names that one inode may have.
const LINK_MAX: u32 = 1 << 30;

/// Walks to where a new entry is to be and checks that it is free.
///
/// # Errors
/// `EEXIST`; `ENOENT` for a name with a slash behind it that is not to be a directory; `EROFS`;
/// `EACCES`.
fn new_entry(walker: &mut Walker<'_>, kind: FileType) -> Result<()> {
    if walker.to_last()? != Last::Name {
        return Err(Errno::EEXIST.into());
    }
    if walker.child()?.is_some() {
        return Err(Errno::EEXIST.into());
    }
    if walker.trailing_slash() && kind != FileType::Directory {
        return Err(Errno::ENOENT.into());
    }
    let dir = walker.at();
    if dir.inode().directory() == Directory::Computed {
        return Err(Errno::ENOENT.into());
    }
    dir.mount.writable()?;
    Ok(permission::may_create(&**dir.inode(), walker.cx().cred)?)
}

/// The checks of [`create`] alone.
///
/// # Errors
/// As [`create`].
pub fn check_create(mut walker: Walker<'_>, kind: FileType) -> Result<()> {
    new_entry(&mut walker, kind)
}

/// Makes the entry that the last component of `walker` names; `mode` has its umask applied.
///
/// # Errors
/// As mkdir(2), mknod(2) and symlink(2).
pub fn create(mut walker: Walker<'_>, kind: NewKind<'_>, mode: u32) -> Result<Arc<Dentry>> {
    new_entry(&mut walker, kind.file_type())?;
    make(walker.cx(), walker.at(), walker.name(), kind, mode)
}

/// Makes an inode and names it `name` in `dir`. Permissions were checked.
///
/// # Errors
/// `EEXIST`; `ENOENT` when the directory was removed; what the file system says.
pub fn make(
    cx: &WalkCx<'_>,
    dir: &Path,
    name: &[u8],
    kind: NewKind<'_>,
    mode: u32,
) -> Result<Arc<Dentry>> {
    machine::frame::check_reserve()?;
    let parent = dir.inode();
    let file_type = kind.file_type();
    let (uid, gid, mode) =
        permission::new_entry(parent.meta(), cx.cred, mode & 0o7777 | file_type.bits());
    let inode = parent.make(&NewInode { kind, mode, uid, gid })?;
    insert(&dir.dentry, name, inode)
}

/// Names `inode` `name` in the cached directory `dir`.
///
/// # Errors
/// `EEXIST`; `ENOENT` when the directory was removed; `ENAMETOOLONG`.
pub fn insert(dir: &Arc<Dentry>, name: &[u8], inode: Arc<dyn Inode>) -> Result<Arc<Dentry>> {
    if name.len() > NAME_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    let Some(children) = dir.children() else {
        return Err(Errno::EPERM.into());
    };
    let is_dir = inode.meta().is_dir();
    let name = Name::from(name);
    let dentry = Dentry::new_child(dir.clone(), name.clone(), inode);
    {
        let mut entries = children.lock();
        if entries.is_dead() {
            drop(entries);
            return Err(Errno::ENOENT.into());
        }
        if entries.get(&name).is_some() {
            drop(entries);
            return Err(Errno::EEXIST.into());
        }
        entries.insert(name, dentry.clone());
        if is_dir {
            dir.inode().meta().add_link();
        }
    }
    dir.inode().meta().touch_modified();
    Ok(dentry)
}

/// Gives the object at `old` a further name (link(2)).
///
/// # Errors
/// Those of linkat(2).
pub fn link(old: &Path, mut walker: Walker<'_>) -> Result<()> {
    let cred = walker.cx().cred;
    new_entry(&mut walker, FileType::Regular)?;
    let dir = walker.at();
    if !Arc::ptr_eq(&old.mount, &dir.mount) {
        return Err(Errno::EXDEV.into());
    }
    let inode = old.inode();
    let meta = inode.meta();
    if meta.is_dir() || inode.anonymous_name().is_some() {
        return Err(Errno::EPERM.into());
    }
    if old.mount.superblock().dev() != meta.dev() {
        return Err(Errno::EXDEV.into());
    }
    if meta.nlink() >= LINK_MAX {
        return Err(Errno::EMLINK.into());
    }
    let was_nameless = meta.nlink() == 0;
    if was_nameless
        && !(meta.is_linkable() || cred.capable(CAP_DAC_READ_SEARCH) && meta.is_linkable())
    {
        return Err(Errno::ENOENT.into());
    }
    machine::frame::check_reserve()?;
    // Counted before it is visible, so that an unlink of the new name cannot count below zero.
    meta.add_link();
    match insert(&dir.dentry, walker.name(), inode.clone()) {
        Ok(_) => {
            meta.set_linkable(false);
            meta.touch_changed();
            Ok(())
        }
        Err(error) => {
            meta.drop_link();
            Err(error)
        }
    }
}

/// Removes a name that is not a directory's (unlink(2)).
///
/// # Errors
/// Those of unlink(2).
pub fn unlink(mut walker: Walker<'_>) -> Result<()> {
    if walker.to_last()? != Last::Name {
        return Err(Errno::EISDIR.into());
    }
    walker.at().mount.writable()?;
    let Some(victim) = walker.child()? else {
        return Err(Errno::ENOENT.into());
    };
    if walker.trailing_slash() {
        let is_dir = victim.inode().meta().is_dir();
        return Err(if is_dir { Errno::EISDIR } else { Errno::ENOTDIR }.into());
    }
    let dir = walker.at();
    let cred = walker.cx().cred;
    permission::may_delete(&**dir.inode(), &**victim.inode(), cred, false)?;
    if victim.is_mountpoint() {
        return Err(Errno::EBUSY.into());
    }
    let Some(children) = dir.dentry.children() else {
        return Err(Errno::EPERM.into());
    };
    let taken = {
        let mut entries = children.lock();
        take(&mut entries, walker.name(), &victim)?
    };
    drop(taken);
    forget_name(&victim);
    dir.inode().meta().touch_modified();
    Ok(())
}

/// Takes the entry `name` out if it still is `victim`.
fn take(
    entries: &mut super::dentry::Children,
    name: &[u8],
    victim: &Arc<Dentry>,
) -> Result<Option<Arc<Dentry>>, Errno> {
    match entries.get(name) {
        Some(found) if Arc::ptr_eq(found, victim) => Ok(entries.remove(name)),
        _ => Err(Errno::ENOENT),
    }
}

/// The inode of `victim` has one name less.
fn forget_name(victim: &Arc<Dentry>) {
    let meta = victim.inode().meta();
    victim.set_unlinked(true);
    meta.drop_link();
    if meta.is_dir() {
        meta.set_nlink(0);
    }
    meta.touch_changed();
}

/// Removes an empty directory (rmdir(2)).
///
/// # Errors
/// Those of rmdir(2).
pub fn rmdir(mut walker: Walker<'_>) -> Result<()> {
    match walker.to_last()? {
        Last::Name => {}
        Last::DotDot => return Err(Errno::ENOTEMPTY.into()),
        Last::Dot => return Err(Errno::EINVAL.into()),
        Last::Here => return Err(Errno::EBUSY.into()),
    }
    walker.at().mount.writable()?;
    let Some(victim) = walker.child()? else {
        return Err(Errno::ENOENT.into());
    };
    let dir = walker.at();
    let cred = walker.cx().cred;
    permission::may_delete(&**dir.inode(), &**victim.inode(), cred, true)?;
    if victim.is_mountpoint() {
        return Err(Errno::EBUSY.into());
    }
    let (Some(children), Some(inner)) = (dir.dentry.children(), victim.children()) else {
        return Err(Errno::EPERM.into());
    };
    let taken = {
        let _rename = RENAME.lock();
        let mut entries = children.lock();
        let mut inner = inner.lock_second();
        if !inner.is_empty() {
            return Err(Errno::ENOTEMPTY.into());
        }
        let taken = take(&mut entries, walker.name(), &victim)?;
        inner.kill();
        dir.inode().meta().drop_link();
        taken
    };
    drop(taken);
    forget_name(&victim);
    dir.inode().meta().touch_modified();
    Ok(())
}
