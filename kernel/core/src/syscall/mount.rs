//! mount(2), umount2(2), pivot_root(2).

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::file::{MS_MGC_MSK, MS_MGC_VAL, MountFlags, UmountFlags};
use abi::{AT_FDCWD, AtFlags, Errno};
use machine::addr::{PAGE_SIZE, UserAddr};

use super::args::Fd;
use super::path::{read_path, resolve};
use crate::error::{Error, Result};
use crate::fs::mount::{self, Detach, Mount};
use crate::fs::path::Path;
use crate::fs::permission::CAP_SYS_ADMIN;
use crate::fs::registry::{self, MountRequest};
use crate::fs::walk::Follow;
use crate::mm::user;
use crate::task::CurrentThread;

/// The flags that say how mounts propagate between namespaces.
const PROPAGATION: MountFlags = MountFlags::SHARED
    .union(MountFlags::PRIVATE)
    .union(MountFlags::SLAVE)
    .union(MountFlags::UNBINDABLE);

/// Flags that change nothing in a file system in memory: everything is synchronous as it is.
const WITHOUT_EFFECT: MountFlags = MountFlags::SYNCHRONOUS
    .union(MountFlags::DIRSYNC)
    .union(MountFlags::MANDLOCK)
    .union(MountFlags::LAZYTIME)
    .union(MountFlags::SILENT)
    .union(MountFlags::STRICTATIME)
    .union(MountFlags::I_VERSION);

fn may_mount(cx: &CurrentThread) -> Result<()> {
    if cx.cred().capable(CAP_SYS_ADMIN) { Ok(()) } else { Err(Errno::EPERM.into()) }
}

/// An optional string argument.
fn optional(cx: &CurrentThread, addr: UserAddr) -> Result<Option<Vec<u8>>> {
    if addr.is_null() { Ok(None) } else { Ok(Some(read_path(cx, addr)?.to_vec())) }
}

/// The options of the file system: text of up to a page. What is no text up to its end is cut.
fn data(cx: &CurrentThread, addr: UserAddr) -> Result<Vec<u8>> {
    if addr.is_null() {
        return Ok(Vec::new());
    }
    match user::read_cstr(&cx.space, addr, PAGE_SIZE) {
        Err(Error::Errno(Errno::ENAMETOOLONG)) => Err(Errno::EINVAL.into()),
        text => text,
    }
}

fn find(cx: &CurrentThread, path: &[u8]) -> Result<Path> {
    resolve(cx, Fd(AT_FDCWD), path, AtFlags::empty(), Follow::Yes)
}

/// mount(2).
pub fn mount(
    cx: &mut CurrentThread,
    source: UserAddr,
    target: UserAddr,
    kind: UserAddr,
    flags: u64,
    options: UserAddr,
) -> Result<usize> {
    let kind = optional(cx, kind)?;
    let source = optional(cx, source)?;
    let options = data(cx, options)?;
    let target = read_path(cx, target)?;
    let target = find(cx, &target)?;
    // The magic number of old programs.
    let flags = if flags & MS_MGC_MSK == MS_MGC_VAL { flags & !MS_MGC_MSK } else { flags };
    may_mount(cx)?;
    let flags = MountFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let own = flags & mount::MOUNT_OPTIONS;
    let action = flags - own - WITHOUT_EFFECT;
    if action.contains(MountFlags::REMOUNT) {
        remount(&target, flags, own, &options)?;
    } else if action.contains(MountFlags::BIND) {
        bind(cx, source.as_deref(), &target, action)?;
    } else if action.intersects(PROPAGATION) {
        // With one namespace there is nobody to propagate to, so only the arguments are checked.
        if (action & PROPAGATION).bits().count_ones() != 1 || !is_mount_root(&target) {
            return Err(Errno::EINVAL.into());
        }
    } else if action.contains(MountFlags::MOVE) {
        let source = source.ok_or(Errno::EINVAL)?;
        mount::relocate(&find(cx, &source)?, &target)?;
    } else {
        let kind = registry::find(&kind.ok_or(Errno::EINVAL)?)?;
        let source = source.unwrap_or_else(|| b"none".to_vec());
        let request = MountRequest { kind, source: &source, flags, data: &options };
        let superblock = (kind.mount)(&request)?;
        let root = superblock.root().clone();
        mount::attach(&Mount::new(superblock, root, &source, own), &target)?;
    }
    Ok(0)
}

fn is_mount_root(path: &Path) -> bool {
    Arc::ptr_eq(&path.dentry, path.mount.root())
}

/// Changes options: of the mount alone with `MS_BIND`, else of the file system as well.
fn remount(target: &Path, flags: MountFlags, own: MountFlags, options: &[u8]) -> Result<()> {
    if !is_mount_root(target) {
        return Err(Errno::EINVAL.into());
    }
    if !flags.contains(MountFlags::BIND) {
        target.mount.superblock().ops().reconfigure(options)?;
        target.mount.set_superblock_read_only(flags.contains(MountFlags::RDONLY));
    }
    target.mount.set_options(own);
    Ok(())
}

/// Shows a tree at a second place; with `MS_REC` what is mounted below it, too.
fn bind(
    cx: &CurrentThread,
    source: Option<&[u8]>,
    target: &Path,
    action: MountFlags,
) -> Result<()> {
    let source = find(cx, source.filter(|source| !source.is_empty()).ok_or(Errno::EINVAL)?)?;
    mount::bind(&source, target, action.contains(MountFlags::REC))
}

/// umount2(2).
pub fn umount2(cx: &mut CurrentThread, target: UserAddr, flags: u32) -> Result<usize> {
    let flags = UmountFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    // Expiry marks would need every walk to take note.
    if flags.contains(UmountFlags::EXPIRE) {
        return Err(Errno::EINVAL.into());
    }
    let path = read_path(cx, target)?;
    let follow = if flags.contains(UmountFlags::NOFOLLOW) { Follow::No } else { Follow::Yes };
    let path = resolve(cx, Fd(AT_FDCWD), &path, AtFlags::empty(), follow)?;
    may_mount(cx)?;
    let how = if flags.contains(UmountFlags::DETACH) { Detach::Lazy } else { Detach::IfIdle };
    mount::detach(path, how)?;
    Ok(0)
}

/// pivot_root(2).
pub fn pivot_root(cx: &mut CurrentThread, new: UserAddr, put_old: UserAddr) -> Result<usize> {
    may_mount(cx)?;
    let new = read_path(cx, new)?;
    let new = find(cx, &new)?;
    let put_old = read_path(cx, put_old)?;
    let put_old = find(cx, &put_old)?;
    if !new.inode().meta().is_dir() || !put_old.inode().meta().is_dir() {
        return Err(Errno::ENOTDIR.into());
    }
    let root = cx.fs.root();
    if Arc::ptr_eq(&new.mount, &root.mount) || Arc::ptr_eq(&put_old.mount, &root.mount) {
        return Err(Errno::EBUSY.into());
    }
    if !is_mount_root(&new) || !is_mount_root(&root) || !put_old.is_below(&new) {
        return Err(Errno::EINVAL.into());
    }
    mount::pivot(&new, &put_old, &root)?;
    if cx.fs.cwd().same(&root) {
        cx.fs.set_cwd(new.clone());
    }
    cx.fs.set_root(new);
    Ok(0)
}
