//! Dentries: the names of a file system and the tree they form.
//!
//! For [`Directory::Cached`] file systems the dentries *are* the directories: the parent holds its
//! children, a missing name is a missing entry, and there is nothing behind to ask. For
//! [`Directory::Computed`] ones (procfs) a dentry is made for each walk and belongs to no parent's
//! table; only its way up is real.
//!
//! Invariants: a child in `Children::by_name` names this directory as its parent; `by_cookie` has
//! the same entries in the order in which readdir shows them, and a cookie is never used twice, so
//! that a reader of the directory can go on after entries came and went. A `dead` directory has no
//! entries and gets no new ones.
//!
//! Locks: one directory's entries (`DIRECTORY`), then a dentry's place (`DENTRY`). Whoever needs
//! the entries of two directories holds the rename lock.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{BuildHasherDefault, Hasher};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use hashbrown::HashMap;
use machine::sync::SpinLock;

use super::inode::{Directory, Inode};
use crate::locks;

/// A name in a directory.
pub type Name = Arc<[u8]>;

/// A name's place in the tree, and what it names.
pub struct Dentry {
    inode: Arc<dyn Inode>,
    /// Only for cached directories.
    children: Option<Box<SpinLock<Children>>>,
    place: SpinLock<Place>,
    /// Removed from its directory while somebody still held it.
    unlinked: AtomicBool,
    /// How many mounts sit on this dentry; the walk looks at the mount table only if any do.
    mounts: AtomicU32,
}

struct Place {
    parent: Option<Arc<Dentry>>,
    name: Name,
}

/// The entries of a cached directory.
#[derive(Default)]
pub struct Children {
    by_name: HashMap<Name, Entry, BuildHasherDefault<NameHasher>>,
    by_cookie: BTreeMap<u64, (Name, Arc<Dentry>)>,
    last_cookie: u64,
    dead: bool,
}

struct Entry {
    cookie: u64,
    dentry: Arc<Dentry>,
}

/// The first cookie of a real entry: 0 and 1 are `.` and `..`.
pub const FIRST_COOKIE: u64 = 2;

impl Children {
    /// The entry `name`.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Dentry>> {
        self.by_name.get(name).map(|entry| &entry.dentry)
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whether the directory was removed.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Marks the directory as removed.
    pub fn kill(&mut self) {
        debug_assert!(self.is_empty());
        self.dead = true;
    }

    /// Adds an entry that was not there.
    pub fn insert(&mut self, name: Name, dentry: Arc<Dentry>) {
        debug_assert!(!self.dead);
        let cookie = self.last_cookie.max(FIRST_COOKIE - 1) + 1;
        self.last_cookie = cookie;
        self.by_cookie.insert(cookie, (name.clone(), dentry.clone()));
        let old = self.by_name.insert(name, Entry { cookie, dentry });
        debug_assert!(old.is_none());
    }

    /// Takes an entry out. Drop what it returns after the lock.
    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<Dentry>> {
        let entry = self.by_name.remove(name)?;
        self.by_cookie.remove(&entry.cookie);
        Some(entry.dentry)
    }

    /// The first entry whose cookie is at least `cookie`: its cookie, name and dentry.
    pub fn at(&self, cookie: u64) -> Option<(u64, &Name, &Arc<Dentry>)> {
        self.range(cookie).next()
    }

    /// The entries from `cookie` on, in order.
    pub fn range(&self, cookie: u64) -> impl Iterator<Item = (u64, &Name, &Arc<Dentry>)> {
        self.by_cookie.range(cookie..).map(|(cookie, (name, dentry))| (*cookie, name, dentry))
    }

    /// The cookie after the last entry.
    pub fn end(&self) -> u64 {
        self.last_cookie.max(FIRST_COOKIE - 1) + 1
    }
}

impl Dentry {
    /// The root of a file system, or an object that is in no directory at all.
    pub fn new_root(inode: Arc<dyn Inode>) -> Arc<Self> {
        Self::build(inode, None, Name::from(&b"/"[..]))
    }

    /// A child of `parent`; [`Children::insert`] is up to the caller.
    pub fn new_child(parent: Arc<Dentry>, name: Name, inode: Arc<dyn Inode>) -> Arc<Self> {
        Self::build(inode, Some(parent), name)
    }

    /// An object without a name, as `O_TMPFILE` makes it.
    pub fn new_unlinked(parent: Arc<Dentry>, name: Name, inode: Arc<dyn Inode>) -> Arc<Self> {
        let dentry = Self::build(inode, Some(parent), name);
        dentry.unlinked.store(true, Ordering::Release);
        dentry
    }

    fn build(inode: Arc<dyn Inode>, parent: Option<Arc<Dentry>>, name: Name) -> Arc<Self> {
        let children = (inode.directory() == Directory::Cached)
            .then(|| Box::new(SpinLock::new(locks::DIRECTORY, Children::default())));
        Arc::new(Self {
            inode,
            children,
            place: SpinLock::new(locks::DENTRY, Place { parent, name }),
            unlinked: AtomicBool::new(false),
            mounts: AtomicU32::new(0),
        })
    }

    /// What it names.
    #[inline]
    pub fn inode(&self) -> &Arc<dyn Inode> {
        &self.inode
    }

    /// The entries, if this is a cached directory.
    #[inline]
    pub fn children(&self) -> Option<&SpinLock<Children>> {
        self.children.as_deref()
    }

    /// The directory it is in; `None` for a root.
    pub fn parent(&self) -> Option<Arc<Dentry>> {
        self.place.lock().parent.clone()
    }

    /// Its name.
    pub fn name(&self) -> Name {
        self.place.lock().name.clone()
    }

    /// Its directory and name, read together.
    pub fn place(&self) -> (Option<Arc<Dentry>>, Name) {
        let place = self.place.lock();
        (place.parent.clone(), place.name.clone())
    }

    /// Moves it to another directory or name. The caller holds the rename lock and has moved the
    /// entries. Returns the old parent, to be dropped without locks.
    #[must_use]
    pub fn set_place(&self, parent: Arc<Dentry>, name: Name) -> Option<Arc<Dentry>> {
        let mut place = self.place.lock();
        place.name = name;
        place.parent.replace(parent)
    }

    /// Whether its name is gone.
    pub fn is_unlinked(&self) -> bool {
        self.unlinked.load(Ordering::Acquire)
    }

    /// Says whether its name is gone.
    pub fn set_unlinked(&self, unlinked: bool) {
        self.unlinked.store(unlinked, Ordering::Release);
    }

    /// Whether something is mounted on it, on any of the paths that lead here.
    #[inline]
    pub fn is_mountpoint(&self) -> bool {
        self.mounts.load(Ordering::Acquire) != 0
    }

    /// Counts a mount on it.
    pub fn add_mount(&self) {
        self.mounts.fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets a mount on it.
    pub fn drop_mount(&self) {
        self.mounts.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether `self` is `other` or one of the directories above it. The caller holds the rename
    /// lock, so that nothing moves meanwhile.
    pub fn is_ancestor_of(self: &Arc<Self>, other: &Arc<Dentry>) -> bool {
        let mut at = other.clone();
        loop {
            if Arc::ptr_eq(self, &at) {
                return true;
            }
            match at.parent() {
                Some(parent) => at = parent,
                None => return false,
            }
        }
    }

    /// Empties the tree below `root`, when its file system is gone for good: parents and children
    /// hold each other.
    pub fn tear_down(root: &Arc<Dentry>) {
        let mut todo: Vec<Arc<Dentry>> = Vec::from([root.clone()]);
        while let Some(dentry) = todo.pop() {
            let Some(children) = dentry.children() else {
                continue;
            };
            let taken = core::mem::take(&mut *children.lock());
            todo.extend(taken.by_cookie.into_values().map(|(_, child)| child));
        }
    }
}

impl Drop for Dentry {
    /// Lets go of the parents one after the other: a deep chain of removed directories must not
    /// recurse over the kernel stack.
    fn drop(&mut self) {
        let mut next = self.place.get_mut().parent.take();
        while let Some(parent) = next {
            next = match Arc::into_inner(parent) {
                Some(mut last) => last.place.get_mut().parent.take(),
                None => None,
            };
        }
    }
}

/// A fast hash for short names; directories are not a boundary of trust between users here.
#[derive(Default)]
pub struct NameHasher(u64);

impl Hasher for NameHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
        let mut word = 0u64;
        for &byte in chunks.remainder() {
            word = word << 8 | u64::from(byte);
        }
        self.write_u64(word);
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        // The table uses the top seven bits and the bottom ones.
        self.0 ^ self.0 >> 32
    }
}
