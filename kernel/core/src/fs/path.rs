//! Paths: a place in the tree of mounts, and how to print it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::dentry::Dentry;
use super::info::FsInfo;
use super::inode::Inode;
use super::mount::Mount;

/// A dentry as seen through one mount.
#[derive(Clone)]
pub struct Path {
    /// The mount.
    pub mount: Arc<Mount>,
    /// The dentry in it.
    pub dentry: Arc<Dentry>,
}

/// What a printed path is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It lies below the root that was asked for.
    Inside,
    /// It does not: the walk up ended at another root.
    Outside,
}

impl Path {
    /// The object.
    #[inline]
    pub fn inode(&self) -> &Arc<dyn Inode> {
        self.dentry.inode()
    }

    /// Whether both are the same place.
    #[inline]
    pub fn same(&self, other: &Path) -> bool {
        Arc::ptr_eq(&self.dentry, &other.dentry) && Arc::ptr_eq(&self.mount, &other.mount)
    }

    /// Whether it is `top` or lies below it.
    pub fn is_below(&self, top: &Path) -> bool {
        self.absolute(top).1 == Reach::Inside
    }

    /// The path as a process with root `root` would write it, and whether it is below that root.
    pub fn absolute(&self, root: &Path) -> (Vec<u8>, Reach) {
        let mut names = Vec::new();
        let mut at = self.clone();
        let reach = loop {
            if at.same(root) {
                break Reach::Inside;
            }
            if Arc::ptr_eq(&at.dentry, at.mount.root()) {
                match at.mount.place() {
                    Some(above) => at = above,
                    None => break Reach::Outside,
                }
                continue;
            }
            let (parent, name) = at.dentry.place();
            let Some(parent) = parent else {
                break Reach::Outside;
            };
            names.push(name);
            at.dentry = parent;
        };
        let mut out = Vec::new();
        for name in names.iter().rev() {
            out.push(b'/');
            out.extend_from_slice(name);
        }
        if out.is_empty() {
            out.push(b'/');
        }
        (out, reach)
    }

    /// The path as `/proc/PID/fd`, `/proc/PID/exe` and `/proc/PID/maps` show it to a reader with
    /// the root of `fs`: `pipe:[7]` for objects without a place, ` (deleted)` for unlinked ones.
    pub fn display(&self, fs: &FsInfo) -> Vec<u8> {
        self.display_from(&fs.root())
    }

    /// As [`Path::display`], for a given root.
    pub fn display_from(&self, root: &Path) -> Vec<u8> {
        if let Some(name) = self.inode().anonymous_name() {
            return name;
        }
        let (mut out, _) = self.absolute(root);
        if self.dentry.is_unlinked() {
            out.extend_from_slice(b" (deleted)");
        }
        out
    }
}
