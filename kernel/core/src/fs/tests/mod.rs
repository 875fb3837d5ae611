//! Tests of the whole: trees, walks, permissions, descriptors.

mod fd_table;
mod mounts;
mod oracle;
mod streams;
mod walk;

use alloc::sync::Arc;

use abi::file::{MountFlags, ResolveFlags};
use abi::{Errno, OpenFlags};

use super::file::OpenFile;
use super::inode::NewKind;
use super::kernel::KernelCaller;
use super::mount::Mount;
use super::open::{self, OpenRequest};
use super::path::Path;
use super::tmpfs::{self, Options};
use super::walk::{Follow, Start, WalkCx, Walker};
use super::{FsInfo, edit, rename};
use crate::cred::Cred;
use crate::error::{Error, Result};

/// A process with an empty tmpfs as its root.
struct World {
    caller: KernelCaller,
    fs: Arc<FsInfo>,
    cred: Cred,
}

fn tmpfs_mount() -> Arc<Mount> {
    let options = Options { mode: Some(0o755), size: Some(1 << 20), ..Options::default() };
    let superblock = tmpfs::new_instance(&tmpfs::TMPFS, &options).unwrap();
    let root = superblock.root().clone();
    Mount::new(superblock, root, b"test", MountFlags::empty())
}

impl World {
    fn new() -> Self {
        let fs = FsInfo::new(tmpfs_mount().root_path());
        fs.set_umask(0);
        Self { caller: KernelCaller::new(fs.clone()).unwrap(), fs, cred: Cred::root() }
    }

    /// An ordinary user in the same tree.
    fn user(&self, uid: u32) -> Self {
        let mut cred = Cred::root();
        (cred.fsuid, cred.euid, cred.fsgid) = (uid, uid, uid);
        cred.caps.effective = 0;
        Self { caller: KernelCaller::new(self.fs.clone()).unwrap(), fs: self.fs.clone(), cred }
    }

    fn cx(&self) -> WalkCx<'_> {
        WalkCx { fs: &self.fs, cred: &self.cred, caller: &self.caller }
    }

    fn with<R>(&self, path: &str, f: impl FnOnce(Walker<'_>) -> Result<R>) -> Result<R, i32> {
        let cx = self.cx();
        let walker = Walker::new(&cx, &Start::Cwd, path.as_bytes(), ResolveFlags::empty());
        walker.and_then(f).map_err(code)
    }

    fn find(&self, path: &str, follow: Follow) -> Result<Path, i32> {
        self.with(path, |walker| walker.lookup(follow))
    }

    fn mkdir(&self, path: &str) -> Result<(), i32> {
        self.with(path, |walker| edit::create(walker, NewKind::Directory, 0o777)).map(drop)
    }

    fn symlink(&self, text: &str, path: &str) -> Result<(), i32> {
        let kind = NewKind::Symlink(text.as_bytes());
        self.with(path, |walker| edit::create(walker, kind, 0o777)).map(drop)
    }

    fn rmdir(&self, path: &str) -> Result<(), i32> {
        self.with(path, edit::rmdir)
    }

    fn unlink(&self, path: &str) -> Result<(), i32> {
        self.with(path, edit::unlink)
    }

    fn link(&self, old: &str, new: &str) -> Result<(), i32> {
        let old = self.find(old, Follow::No)?;
        self.with(new, |walker| edit::link(&old, walker))
    }

    fn rename(&self, from: &str, to: &str, flags: u32) -> Result<(), i32> {
        let cx = self.cx();
        let start = Start::Cwd;
        let from =
            Walker::new(&cx, &start, from.as_bytes(), ResolveFlags::empty()).map_err(code)?;
        let to = Walker::new(&cx, &start, to.as_bytes(), ResolveFlags::empty()).map_err(code)?;
        rename::rename(from, to, flags).map_err(code)
    }

    fn open(&self, path: &str, flags: OpenFlags) -> Result<Arc<OpenFile>, i32> {
        self.open_how(path, flags, ResolveFlags::empty())
    }

    fn open_how(
        &self,
        path: &str,
        flags: OpenFlags,
        resolve: ResolveFlags,
    ) -> Result<Arc<OpenFile>, i32> {
        let request = OpenRequest { flags, mode: 0o644, resolve, exec: false };
        let request = request.validate().map_err(code)?;
        open::open(&self.cx(), &Start::Cwd, path.as_bytes(), &request).map_err(code)
    }

    fn create(&self, path: &str) -> Result<(), i32> {
        self.open(path, OpenFlags::O_CREAT | OpenFlags::O_WRONLY).map(drop)
    }
}

/// The number of an errno; a restart cannot happen here.
fn code(error: Error) -> i32 {
    match error {
        Error::Errno(errno) => errno.code(),
        Error::Restart(_) => panic!("nothing sleeps in these tests"),
    }
}

fn e<T>(errno: Errno) -> Result<T, i32> {
    Err(errno.code())
}
