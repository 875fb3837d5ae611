//! Mounts: which file system is seen where.
//!
//! A [`SuperBlock`] is one instance of a file system, a [`Mount`] shows a part of it at one place.
//! There is one mount namespace. The table maps (mount, dentry) to what is mounted there and owns
//! the mounts; every [`Path`] in use holds its mount as well, which is how umount2(2) knows that
//! one is busy.
//!
//! Locks: the table (`MOUNTS`), then a mount's place (`DENTRY`). A walk looks at the table only at
//! dentries that are known to be mount points.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::Errno;
use abi::file::MountFlags;
use abi::stat::DeviceNumber;
use machine::sync::{RwSpinLock, SpinLock};

use super::dentry::Dentry;
use super::inode::{Directory, Inode, Metadata};
use super::path::Path;
use super::registry::FileSystem;
use crate::error::Result;
use crate::locks;

/// What statfs(2) reports of a file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct FsStat {
    /// Magic number.
    pub magic: u64,
    /// Bytes per block.
    pub block_size: u64,
    /// All blocks.
    pub blocks: u64,
    /// Free blocks.
    pub free: u64,
    /// All inodes.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
}

/// What one instance of a file system can do besides its inodes.
pub trait SuperOps: Send + Sync {
    /// Space and inodes.
    fn stat(&self) -> FsStat;

    /// Its own options as `/proc/mounts` shows them, each with a comma before it: `,size=1024k`.
    fn options(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes new options on a remount.
    ///
    /// # Errors
    /// `EINVAL` for an option that it does not know.
    fn reconfigure(&self, data: &[u8]) -> Result<()> {
        let _ = data;
        Ok(())
    }
}

/// One instance of a file system. When the last mount and path let go, its tree goes.
pub struct SuperBlock {
    kind: &'static FileSystem,
    dev: DeviceNumber,
    root: Arc<Dentry>,
    ops: Arc<dyn SuperOps>,
    read_only: AtomicU32,
}

impl SuperBlock {
    /// An instance with this root.
    pub fn new(
        kind: &'static FileSystem,
        root: Arc<dyn Inode>,
        ops: Arc<dyn SuperOps>,
    ) -> Arc<Self> {
        let dev = root.meta().dev();
        Arc::new(Self {
            kind,
            dev,
            root: Dentry::new_root(root),
            ops,
            read_only: AtomicU32::new(0),
        })
    }

    /// The type of file system.
    pub fn kind(&self) -> &'static FileSystem {
        self.kind
    }

    /// Its device number.
    pub fn dev(&self) -> DeviceNumber {
        self.dev
    }

    /// Its root.
    pub fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    /// Its operations.
    pub fn ops(&self) -> &dyn SuperOps {
        &*self.ops
    }
}

impl Drop for SuperBlock {
    fn drop(&mut self) {
        Dentry::tear_down(&self.root);
    }
}

/// The mount options that live in a mount and not in its file system.
pub const MOUNT_OPTIONS: MountFlags = MountFlags::RDONLY
    .union(MountFlags::NOSUID)
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC)
    .union(MountFlags::NOSYMFOLLOW)
    .union(MountFlags::NOATIME)
    .union(MountFlags::NODIRATIME)
    .union(MountFlags::RELATIME);

/// A part of a file system, shown somewhere.
pub struct Mount {
    id: u64,
    superblock: Arc<SuperBlock>,
    root: Arc<Dentry>,
    source: Vec<u8>,
    options: AtomicU32,
    place: SpinLock<Option<Path>>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The device numbers of file systems without a device: major 0, as Linux gives them out.
pub fn anonymous_dev() -> DeviceNumber {
    static NEXT: AtomicU32 = AtomicU32::new(2);
    DeviceNumber::new(0, NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Mount {
    /// A mount of the subtree `root`, not attached yet.
    pub fn new(
        superblock: Arc<SuperBlock>,
        root: Arc<Dentry>,
        source: &[u8],
        options: MountFlags,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            superblock,
            root,
            source: source.to_vec(),
            options: AtomicU32::new((options & MOUNT_OPTIONS).bits() as u32),
            place: SpinLock::new(locks::DENTRY, None),
        })
    }

    /// Its number in `/proc/self/mountinfo`.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its file system.
    pub fn superblock(&self) -> &Arc<SuperBlock> {
        &self.superblock
    }

    /// The top of what it shows.
    #[inline]
    pub fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    /// The device or word that was mounted.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The options.
    #[inline]
    pub fn options(&self) -> MountFlags {
        MountFlags::from_bits_truncate(self.options.load(Ordering::Relaxed).into())
    }

    /// Replaces the options.
    pub fn set_options(&self, options: MountFlags) {
        self.options.store((options & MOUNT_OPTIONS).bits() as u32, Ordering::Relaxed);
    }

    /// Where it is mounted; `None` for the root and for what is detached.
    pub fn place(&self) -> Option<Path> {
        self.place.lock().clone()
    }

    /// The root of what it shows, as a path.
    pub fn root_path(self: &Arc<Self>) -> Path {
        Path { mount: self.clone(), dentry: self.root.clone() }
    }

    /// Checks that files seen through it may be changed.
    ///
    /// # Errors
    /// `EROFS` when it, or its whole file system, is mounted read-only.
    #[inline]
    pub fn writable(&self) -> Result<(), Errno> {
        let read_only = self.options.load(Ordering::Relaxed) & MountFlags::RDONLY.bits() as u32
            | self.superblock.read_only.load(Ordering::Relaxed);
        if read_only != 0 { Err(Errno::EROFS) } else { Ok(()) }
    }

    /// An object seen through it was read: its access time moves, unless the mount says no.
    #[inline]
    pub fn touch_accessed(&self, meta: &Metadata) {
        let options = self.options();
        let quiet = options.contains(MountFlags::NOATIME)
            || (options.contains(MountFlags::NODIRATIME) && meta.is_dir());
        if !quiet {
            meta.touch_accessed();
        }
    }

    /// Makes the whole file system read-only or writable again.
    pub fn set_superblock_read_only(&self, read_only: bool) {
        self.superblock.read_only.store(read_only.into(), Ordering::Relaxed);
    }
}

/// What is mounted where. The key is the mount's id and the dentry's address; the value's `place`
/// keeps both alive.
struct Table {
    mounts: BTreeMap<(u64, usize), Arc<Mount>>,
    root: Option<Arc<Mount>>,
}

static TABLE: RwSpinLock<Table> =
    RwSpinLock::new(locks::MOUNTS, Table { mounts: BTreeMap::new(), root: None });

fn key(path: &Path) -> (u64, usize) {
    (path.mount.id, Arc::as_ptr(&path.dentry).addr())
}

/// Makes `mount` the root of the namespace.
pub fn set_root(mount: Arc<Mount>) {
    let old = TABLE.write().root.replace(mount);
    drop(old);
}

/// The root of the namespace.
pub fn root() -> Option<Path> {
    TABLE.read().root.as_ref().map(Mount::root_path)
}

/// What is mounted right on `path`.
pub fn mounted_on(path: &Path) -> Option<Arc<Mount>> {
    TABLE.read().mounts.get(&key(path)).cloned()
}

/// Goes up through everything that is mounted on `path`, to what a walk sees there.
#[inline]
pub fn cross(path: &mut Path) {
    while path.dentry.is_mountpoint() {
        match mounted_on(path) {
            Some(mount) => *path = mount.root_path(),
            None => return,
        }
    }
}

/// Mounts `mount` on `at`.
///
/// # Errors
/// `ENOTDIR` when one is a directory and the other is not; `ENOENT` when `at` is gone or is not
/// lasting; `EBUSY` when the same file system is already there.
pub fn attach(mount: &Arc<Mount>, at: &Path) -> Result<()> {
    if at.inode().meta().is_dir() != mount.root.inode().meta().is_dir() {
        return Err(Errno::ENOTDIR.into());
    }
    // A computed dentry lives for one walk; nobody would come across the mount again.
    let lasting = at.dentry.parent().is_none_or(|parent| parent.children().is_some());
    if at.dentry.is_unlinked() || !lasting {
        return Err(Errno::ENOENT.into());
    }
    let same_here = Arc::ptr_eq(&at.mount.superblock, &mount.superblock)
        && Arc::ptr_eq(&at.dentry, &mount.root)
        && Arc::ptr_eq(&at.dentry, &at.mount.root);
    if same_here {
        return Err(Errno::EBUSY.into());
    }
    let mut table = TABLE.write();
    if table.mounts.contains_key(&key(at)) {
        // Somebody was faster between the caller's walk and now.
        return Err(Errno::EBUSY.into());
    }
    *mount.place.lock() = Some(at.clone());
    at.dentry.add_mount();
    table.mounts.insert(key(at), mount.clone());
    Ok(())
}

/// How [`detach`] treats a mount in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detach {
    /// `EBUSY`.
    IfIdle,
    /// Out of the tree now, gone when the last user lets go (`MNT_DETACH`).
    Lazy,
}

/// Takes the mount whose root is `path` out of the tree, with all that is mounted below it when
/// lazy.
///
/// # Errors
/// `EINVAL` when `path` is not the root of a mount, or is the root of the namespace; `EBUSY`.
pub fn detach(path: Path, how: Detach) -> Result<()> {
    let Path { mount, dentry } = path;
    if !Arc::ptr_eq(&mount.root, &dentry) {
        return Err(Errno::EINVAL.into());
    }
    drop(dentry);
    let mut taken = Vec::new();
    {
        let mut table = TABLE.write();
        let Some(place) = mount.place() else {
            return Err(Errno::EINVAL.into());
        };
        // Ours and the table's: any more is a path in use, or a mount on top.
        if how == Detach::IfIdle && Arc::strong_count(&mount) > 2 {
            drop(table);
            return Err(Errno::EBUSY.into());
        }
        take_out(&mut table, &place, &mut taken);
    }
    drop(taken);
    Ok(())
}

/// Moves the mount on `place` and everything below it from the table to `taken`.
fn take_out(table: &mut Table, place: &Path, taken: &mut Vec<(Arc<Mount>, Option<Path>)>) {
    let Some(mount) = table.mounts.remove(&key(place)) else {
        return;
    };
    place.dentry.drop_mount();
    let above = mount.place.lock().take();
    let id = mount.id;
    taken.push((mount, above));
    let mut next = taken.len() - 1;
    let mut ids = Vec::from([id]);
    while let Some(id) = ids.pop() {
        let keys: Vec<_> =
            table.mounts.range((id, 0)..=(id, usize::MAX)).map(|(k, _)| *k).collect();
        for key in keys {
            let Some(mount) = table.mounts.remove(&key) else {
                continue;
            };
            let above = mount.place.lock().take();
            if let Some(above) = &above {
                above.dentry.drop_mount();
            }
            ids.push(mount.id);
            taken.push((mount, above));
            next += 1;
        }
    }
    debug_assert_eq!(next, taken.len() - 1);
}

/// Moves the mount whose root is `from` to `to` (`MS_MOVE`).
///
/// # Errors
/// `EINVAL` when `from` is not the root of a mount or is the root of the namespace; `ELOOP` when
/// `to` lies inside it; the rest as [`attach`].
pub fn relocate(from: &Path, to: &Path) -> Result<()> {
    if !Arc::ptr_eq(&from.mount.root, &from.dentry) {
        return Err(Errno::EINVAL.into());
    }
    let mut above = Some(to.clone());
    while let Some(path) = above {
        if Arc::ptr_eq(&path.mount, &from.mount) {
            return Err(Errno::ELOOP.into());
        }
        above = path.mount.place();
    }
    if to.inode().meta().is_dir() != from.inode().meta().is_dir() {
        return Err(Errno::ENOTDIR.into());
    }
    let old = {
        let mut table = TABLE.write();
        let Some(old) = from.mount.place() else {
            return Err(Errno::EINVAL.into());
        };
        if table.mounts.contains_key(&key(to)) {
            drop(table);
            return Err(Errno::EBUSY.into());
        }
        let Some(mount) = table.mounts.remove(&key(&old)) else {
            drop(table);
            return Err(Errno::EINVAL.into());
        };
        old.dentry.drop_mount();
        to.dentry.add_mount();
        let replaced = mount.place.lock().replace(to.clone());
        table.mounts.insert(key(to), mount);
        (old, replaced)
    };
    drop(old);
    Ok(())
}

/// Makes the mount at `new` take the place of the one at `root`, which moves to `put_old`
/// (pivot_root(2), after its checks).
///
/// # Errors
/// `EINVAL` when one of them is not attached, or something is mounted on `put_old`.
pub fn pivot(new: &Path, put_old: &Path, root: &Path) -> Result<()> {
    let mut released = Vec::new();
    {
        let mut table = TABLE.write();
        let Some(new_place) = new.mount.place() else {
            return Err(Errno::EINVAL.into());
        };
        let root_place = root.mount.place();
        let is_top = table.root.as_ref().is_some_and(|top| Arc::ptr_eq(top, &root.mount));
        let taken = table.mounts.contains_key(&key(put_old));
        if taken || root_place.is_none() != is_top || !table.mounts.contains_key(&key(&new_place)) {
            drop(table);
            return Err(Errno::EINVAL.into());
        }
        released.push(table.mounts.remove(&key(&new_place)));
        new_place.dentry.drop_mount();
        let old_of_new = core::mem::replace(&mut *new.mount.place.lock(), root_place.clone());
        match &root_place {
            // The root was a chroot's: the new mount takes its place there.
            Some(place) => {
                released.push(table.mounts.insert(key(place), new.mount.clone()));
            }
            None => released.push(table.root.replace(new.mount.clone())),
        }
        put_old.dentry.add_mount();
        let old_of_root = root.mount.place.lock().replace(put_old.clone());
        released.push(table.mounts.insert(key(put_old), root.mount.clone()));
        drop(table);
        drop((old_of_new, old_of_root, new_place, root_place));
    }
    drop(released);
    Ok(())
}

/// Mounts what is at `source` on `target` as well; with `recursive` also what is mounted below.
///
/// # Errors
/// As [`attach`].
pub fn bind(source: &Path, target: &Path, recursive: bool) -> Result<()> {
    let below = if recursive { mounts_below(source) } else { Vec::new() };
    let copy_of = |mount: &Mount, root: &Arc<Dentry>| {
        Mount::new(mount.superblock.clone(), root.clone(), &mount.source, mount.options())
    };
    let top = copy_of(&source.mount, &source.dentry);
    attach(&top, target)?;
    // Parents come before their children in the list.
    let mut copies = Vec::from([(source.mount.clone(), top)]);
    for mount in below {
        let Some(place) = mount.place() else { continue };
        let parent = copies.iter().find(|(original, _)| Arc::ptr_eq(original, &place.mount));
        let Some(parent) = parent.map(|(_, copy)| copy.clone()) else {
            continue;
        };
        let copy = copy_of(&mount, &mount.root);
        attach(&copy, &Path { mount: parent, dentry: place.dentry })?;
        copies.push((mount, copy));
    }
    Ok(())
}

/// What is mounted below `top`, parents first.
fn mounts_below(top: &Path) -> Vec<Arc<Mount>> {
    let inside = |mount: &Arc<Mount>| mount.place().is_some_and(|place| place.is_below(top));
    all().into_iter().filter(inside).collect()
}

/// Every mount in the order in which they were made, as `/proc/mounts` lists them.
pub fn all() -> Vec<Arc<Mount>> {
    let table = TABLE.read();
    let mut all: Vec<_> = table.root.iter().chain(table.mounts.values()).cloned().collect();
    drop(table);
    all.sort_by_key(|mount| mount.id);
    all
}

/// Whether the objects of `path` are names in a cached directory, so that they can be mount points,
/// renamed and linked.
pub fn is_cached(path: &Path) -> bool {
    path.inode().directory() == Directory::Cached
}
