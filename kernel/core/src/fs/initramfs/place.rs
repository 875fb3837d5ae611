//! Makes the entries of an archive in the tree.
//!
//! What stands in the way of an entry and has another type is removed. Entries that cannot be made
//! (no such directory, for instance) are skipped and counted, as Linux does. Modification times of
//! directories are set at the end, after everything was put into them.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::file::ResolveFlags;
use abi::stat::DeviceNumber;

use super::cpio::Entry;
use super::{Summary, UnpackError};
use crate::error::Result;
use crate::fs::attr::{self, NewTime};
use crate::fs::clock::FileTime;
use crate::fs::edit;
use crate::fs::info::FsInfo;
use crate::fs::inode::{FileType, NewKind};
use crate::fs::kernel::KernelCaller;
use crate::fs::path::Path;
use crate::fs::walk::{Follow, Start, WalkCx, Walker};
use crate::mm::user::Source;

/// Entries under construction.
pub struct Placer {
    caller: KernelCaller,
    /// The first name of each inode with several names in this archive.
    links: BTreeMap<(u32, (u32, u32), u32), Vec<u8>>,
    directory_times: Vec<(Path, FileTime)>,
    summary: Summary,
}

/// A regular file that gets its contents.
pub struct Target {
    path: Path,
    written: u64,
}

impl Placer {
    /// Makes entries below the root of `fs`.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(fs: &Arc<FsInfo>) -> Result<Self> {
        Ok(Self {
            caller: KernelCaller::new(fs.clone())?,
            links: BTreeMap::new(),
            directory_times: Vec::new(),
            summary: Summary::default(),
        })
    }

    /// The archive ends: inode numbers start anew.
    pub fn end_archive(&mut self) {
        self.links.clear();
    }

    /// Everything is unpacked.
    pub fn finish(self) -> Summary {
        for (path, time) in &self.directory_times {
            path.inode().meta().update_times(|times| {
                times.atime = *time;
                times.mtime = *time;
            });
        }
        self.summary
    }

    fn count(&mut self, result: Result<()>) {
        match result {
            Ok(()) => self.summary.entries += 1,
            Err(_) => self.summary.skipped += 1,
        }
    }

    /// Makes a symbolic link.
    pub fn symlink(&mut self, name: &[u8], entry: &Entry, text: &[u8]) {
        let result =
            self.make(name, NewKind::Symlink(text), 0o777).and_then(|path| dress(&path, entry));
        self.count(result);
    }

    /// Makes any other entry. Regular files that expect data are returned to be written.
    pub fn start(&mut self, name: &[u8], entry: &Entry) -> Result<Option<Target>, UnpackError> {
        let result = match FileType::from_mode(entry.mode) {
            Some(FileType::Regular) => match self.regular(name, entry) {
                Ok(path) => return Ok(Some(Target { path, written: 0 })),
                Err(error) => Err(error),
            },
            Some(FileType::Directory) => self.directory(name, entry),
            Some(_) => self.special(name, entry),
            None => return Err(UnpackError::BadHeader("file type")),
        };
        self.count(result);
        Ok(None)
    }

    /// Adds to the contents of a regular file.
    pub fn write(&mut self, target: &mut Target, bytes: &[u8]) -> Result<(), UnpackError> {
        let Some(cache) = target.path.inode().page_cache() else {
            return Ok(());
        };
        let done = cache.write(target.written, &mut Source::kernel(bytes));
        match done {
            Ok(done) if done == bytes.len() => {
                target.written += done as u64;
                self.summary.bytes += done as u64;
                Ok(())
            }
            _ => Err(UnpackError::NoSpace),
        }
    }

    /// The contents of a regular file are complete.
    pub fn complete(&mut self, target: Target, entry: &Entry) {
        let result = dress(&target.path, entry);
        self.count(result);
    }

    fn find(&self, name: &[u8]) -> Option<Path> {
        let cx = WalkCx::of(&self.caller);
        Walker::new(&cx, &Start::Cwd, name, ResolveFlags::empty()).ok()?.lookup(Follow::No).ok()
    }

    /// Removes what has this name, unless it is of type `keep`.
    fn clear(&self, name: &[u8], keep: FileType) -> Result<Option<Path>> {
        let Some(found) = self.find(name) else {
            return Ok(None);
        };
        if found.inode().meta().file_type() == keep {
            return Ok(Some(found));
        }
        let cx = WalkCx::of(&self.caller);
        let walker = Walker::new(&cx, &Start::Cwd, name, ResolveFlags::empty())?;
        if found.inode().meta().is_dir() {
            edit::rmdir(walker)?
        } else {
            edit::unlink(walker)?
        }
        Ok(None)
    }

    /// Makes a new entry; an old one goes.
    fn make(&self, name: &[u8], kind: NewKind<'_>, mode: u32) -> Result<Path> {
        if let Some(old) = self.clear(name, kind.file_type())?
            && !old.inode().meta().is_dir()
        {
            // `clear` left it because of its type, but its contents are not the new ones.
            let cx = WalkCx::of(&self.caller);
            edit::unlink(Walker::new(&cx, &Start::Cwd, name, ResolveFlags::empty())?)?;
        }
        let cx = WalkCx::of(&self.caller);
        let walker = Walker::new(&cx, &Start::Cwd, name, ResolveFlags::empty())?;
        let mount = walker.at().mount.clone();
        let dentry = edit::create(walker, kind, mode)?;
        Ok(Path { mount, dentry })
    }

    /// The regular file `name`, empty unless it is a further name of an earlier one.
    fn regular(&mut self, name: &[u8], entry: &Entry) -> Result<Path> {
        if self.link(name, entry)? {
            let path = self.find(name).ok_or(abi::Errno::ENOENT)?;
            if entry.size > 0 {
                path.inode().set_size(0)?;
            }
            return Ok(path);
        }
        self.make(name, NewKind::Regular, 0o600)
    }

    fn directory(&mut self, name: &[u8], entry: &Entry) -> Result<()> {
        let path = match self.clear(name, FileType::Directory)? {
            Some(path) => path,
            None => self.make(name, NewKind::Directory, 0o700)?,
        };
        dress(&path, entry)?;
        self.directory_times.push((path, time(entry)));
        Ok(())
    }

    fn special(&mut self, name: &[u8], entry: &Entry) -> Result<()> {
        if self.link(name, entry)? {
            return Ok(());
        }
        let rdev = DeviceNumber::new(entry.rdev.0, entry.rdev.1);
        let kind = match FileType::from_mode(entry.mode) {
            Some(FileType::Char) => NewKind::Char(rdev),
            Some(FileType::Block) => NewKind::Block(rdev),
            Some(FileType::Fifo) => NewKind::Fifo,
            _ => NewKind::Socket,
        };
        let path = self.make(name, kind, 0o600)?;
        dress(&path, entry)
    }

    /// If the inode has several names: remembers the first, or links `name` to it. Whether it was
    /// linked.
    fn link(&mut self, name: &[u8], entry: &Entry) -> Result<bool> {
        if entry.nlink < 2 {
            return Ok(false);
        }
        let key = (entry.ino, entry.dev, entry.mode & 0o170000);
        let Some(first) = self.links.get(&key) else {
            self.links.insert(key, name.to_vec());
            return Ok(false);
        };
        let old = self.find(first).ok_or(abi::Errno::ENOENT)?;
        if let Some(there) = self.find(name) {
            if Arc::ptr_eq(there.inode(), old.inode()) {
                return Ok(true);
            }
            self.clear(name, FileType::Anonymous)?;
        }
        let cx = WalkCx::of(&self.caller);
        edit::link(&old, Walker::new(&cx, &Start::Cwd, name, ResolveFlags::empty())?)?;
        Ok(true)
    }
}

fn time(entry: &Entry) -> FileTime {
    FileTime { sec: entry.mtime.into(), nsec: 0 }
}

/// Owner, permissions and times.
fn dress(path: &Path, entry: &Entry) -> Result<()> {
    let meta = path.inode().meta();
    meta.set_owner(entry.uid, entry.gid);
    if !meta.is_symlink() {
        meta.set_permissions(entry.mode);
    }
    let at = NewTime::At(time(entry));
    attr::set_times(path, at, at, &crate::cred::Cred::root())
}
