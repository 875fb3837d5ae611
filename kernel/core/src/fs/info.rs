//! Root, working directory and umask of a process (`CLONE_FS`).
//!
//! Locks: the two paths (`FS_INFO`); the umask is an atomic.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use machine::sync::RwSpinLock;

use super::path::Path;
use crate::locks;

/// What `CLONE_FS` shares.
pub struct FsInfo {
    paths: RwSpinLock<Paths>,
    umask: AtomicU32,
}

#[derive(Clone)]
struct Paths {
    root: Path,
    cwd: Path,
}

impl FsInfo {
    /// A process that lives in `root`, with the usual umask.
    pub fn new(root: Path) -> Arc<Self> {
        let cwd = root.clone();
        Arc::new(Self {
            paths: RwSpinLock::new(locks::FS_INFO, Paths { root, cwd }),
            umask: AtomicU32::new(0o022),
        })
    }

    /// A copy, for fork without `CLONE_FS`.
    pub fn duplicate(&self) -> Arc<Self> {
        let paths = self.paths.read().clone();
        Arc::new(Self {
            paths: RwSpinLock::new(locks::FS_INFO, paths),
            umask: AtomicU32::new(self.umask()),
        })
    }

    /// The root.
    pub fn root(&self) -> Path {
        self.paths.read().root.clone()
    }

    /// The working directory.
    pub fn cwd(&self) -> Path {
        self.paths.read().cwd.clone()
    }

    /// Root and working directory, read together.
    pub fn root_and_cwd(&self) -> (Path, Path) {
        let paths = self.paths.read().clone();
        (paths.root, paths.cwd)
    }

    /// Changes the root.
    pub fn set_root(&self, root: Path) {
        let old = core::mem::replace(&mut self.paths.write().root, root);
        drop(old);
    }

    /// Changes the working directory.
    pub fn set_cwd(&self, cwd: Path) {
        let old = core::mem::replace(&mut self.paths.write().cwd, cwd);
        drop(old);
    }

    /// The file mode creation mask.
    pub fn umask(&self) -> u32 {
        self.umask.load(Ordering::Relaxed)
    }

    /// Sets the file mode creation mask; returns the old one.
    pub fn set_umask(&self, mask: u32) -> u32 {
        self.umask.swap(mask & 0o777, Ordering::Relaxed)
    }
}
