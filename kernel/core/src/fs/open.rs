//! Opening files: open(2), openat2(2), `O_TMPFILE`, `O_PATH`.
//!
//! The order of checks follows Linux: the walk, then `O_EXCL`, then the type, then permissions, then
//! the mount, and only then is anything truncated.

use alloc::sync::Arc;

use abi::file::{MountFlags, ResolveFlags};
use abi::{Errno, OpenFlags};

use super::caller::Caller;
use super::dentry::{Dentry, Name};
use super::file::{FileOps, OpenFile};
use super::inode::{Directory, FileType, NewInode, NewKind, S_IFMT};
use super::path::Path;
use super::permission::{self, May};
use super::walk::{Follow, Last, Start, WalkCx, Walker};
use super::{device, dir_file, edit, fifo};
use crate::error::{Error, Result};

/// What is to be opened, already validated.
#[derive(Clone, Copy, Debug)]
pub struct OpenRequest {
    /// The flags.
    pub flags: OpenFlags,
    /// The permissions of a new file, before the umask.
    pub mode: u32,
    /// How the path may resolve.
    pub resolve: ResolveFlags,
    /// Also check for execution, as execve(2) opens its program.
    pub exec: bool,
}

impl OpenRequest {
    /// Opens an existing file without conditions.
    pub fn existing(flags: OpenFlags) -> Self {
        Self { flags, mode: 0, resolve: ResolveFlags::empty(), exec: false }
    }

    /// Checks flags and mode as Linux does before it looks at the path.
    ///
    /// # Errors
    /// `EINVAL` for combinations that make no sense.
    pub fn validate(mut self) -> Result<Self> {
        let flags = self.flags;
        if flags.contains(OpenFlags::O_DIRECTORY | OpenFlags::O_CREAT) {
            return Err(Errno::EINVAL.into());
        }
        if flags.intersects(OpenFlags::__O_TMPFILE)
            && (!flags.contains(OpenFlags::O_DIRECTORY) || !flags.is_writable())
        {
            return Err(Errno::EINVAL.into());
        }
        if flags.contains(OpenFlags::O_PATH) {
            self.flags = flags & OpenFlags::WITH_PATH;
        }
        Ok(self)
    }

    fn may(&self) -> May {
        let mut may = May::empty();
        let mode = self.flags.bits() & 3;
        may.set(May::READ, mode == 0 || mode >= 2);
        may.set(May::WRITE, mode != 0 || self.flags.contains(OpenFlags::O_TRUNC));
        may.set(May::EXEC, self.exec);
        if self.exec {
            // execve(2) needs the right to execute, not to read.
            may.remove(May::READ);
        }
        may
    }
}

/// What an inode's own open gets to know.
pub struct OpenCx<'a> {
    /// Who opens.
    pub caller: &'a dyn Caller,
    /// Where.
    pub path: &'a Path,
    /// How.
    pub flags: OpenFlags,
}

/// Opens `path`, relative to `start`.
///
/// # Errors
/// Those of open(2).
pub fn open(
    cx: &WalkCx<'_>,
    start: &Start,
    path: &[u8],
    request: &OpenRequest,
) -> Result<Arc<OpenFile>> {
    let flags = request.flags;
    let mut walker = Walker::new(cx, start, path, request.resolve)?;
    if flags.contains(OpenFlags::O_TMPFILE) {
        walker.finish(Follow::Yes)?;
        return temporary(cx, &walker.into_path(), request);
    }
    if flags.contains(OpenFlags::O_CREAT) {
        return open_or_create(walker, request);
    }
    let follow = if flags.contains(OpenFlags::O_NOFOLLOW) { Follow::No } else { Follow::Yes };
    walker.finish(follow)?;
    open_path(cx, walker.into_path(), request, New::No)
}

/// Whether the file was made by this very call: then its permissions do not matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum New {
    Yes,
    No,
}

fn open_or_create(mut walker: Walker<'_>, request: &OpenRequest) -> Result<Arc<OpenFile>> {
    let cx = walker.cx();
    let exclusive = request.flags.contains(OpenFlags::O_EXCL);
    loop {
        match walker.to_last()? {
            Last::Name => {}
            Last::DotDot => {
                walker.up()?;
                break;
            }
            Last::Here | Last::Dot => break,
        }
        if walker.trailing_slash() {
            return Err(Errno::EISDIR.into());
        }
        let Some(found) = walker.child()? else {
            match create(&walker, request.mode) {
                Ok(path) => return open_path(cx, path, request, New::Yes),
                // Somebody else made it meanwhile: then it is there to be opened.
                Err(Error::Errno(Errno::EEXIST)) if !exclusive => {
                    let Some(found) = walker.child()? else {
                        continue;
                    };
                    walker.go(found)?;
                    break;
                }
                Err(error) => return Err(error),
            }
        };
        if exclusive {
            return Err(Errno::EEXIST.into());
        }
        if found.inode().meta().is_symlink() {
            if request.flags.contains(OpenFlags::O_NOFOLLOW) {
                return Err(Errno::ELOOP.into());
            }
            walker.enter(found)?;
            continue;
        }
        walker.go(found)?;
        break;
    }
    if exclusive {
        return Err(Errno::EEXIST.into());
    }
    if walker.at().inode().meta().is_dir() {
        return Err(Errno::EISDIR.into());
    }
    open_path(cx, walker.into_path(), request, New::No)
}

/// Makes the regular file that the last component names.
fn create(walker: &Walker<'_>, mode: u32) -> Result<Path> {
    let cx = walker.cx();
    let dir = walker.at();
    if dir.inode().directory() == Directory::Computed {
        return Err(Errno::ENOENT.into());
    }
    dir.mount.writable()?;
    permission::may_create(&**dir.inode(), cx.cred)?;
    let mode = mode & 0o7777 & !cx.fs.umask();
    let dentry = edit::make(cx, dir, walker.name(), NewKind::Regular, mode)?;
    Ok(Path { mount: dir.mount.clone(), dentry })
}

/// Makes a file without a name in `dir`.
fn temporary(cx: &WalkCx<'_>, dir: &Path, request: &OpenRequest) -> Result<Arc<OpenFile>> {
    let parent = dir.inode();
    if !parent.meta().is_dir() {
        return Err(Errno::ENOTDIR.into());
    }
    dir.mount.writable()?;
    permission::may_create(&**parent, cx.cred)?;
    if parent.directory() != Directory::Cached {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let mode = FileType::Regular.bits() | request.mode & 0o7777 & !cx.fs.umask();
    let (uid, gid, mode) = permission::new_entry(parent.meta(), cx.cred, mode);
    let inode = parent.make(&NewInode { kind: NewKind::Regular, mode, uid, gid })?;
    inode.meta().set_nlink(0);
    let linkable = !request.flags.contains(OpenFlags::O_EXCL);
    inode.meta().set_linkable(linkable);
    let name = alloc::format!("#{}", inode.meta().ino());
    let dentry = Dentry::new_unlinked(dir.dentry.clone(), Name::from(name.as_bytes()), inode);
    let mut request = *request;
    // Both bits were for the directory; the file itself is an ordinary one.
    request.flags -= OpenFlags::O_DIRECTORY;
    open_path(cx, Path { mount: dir.mount.clone(), dentry }, &request, New::Yes)
}

/// Opens what is at `path`; the walk and creation are done.
///
/// # Errors
/// Those of open(2) after path resolution.
pub fn reopen(cx: &WalkCx<'_>, path: Path, request: &OpenRequest) -> Result<Arc<OpenFile>> {
    open_path(cx, path, request, New::No)
}

fn open_path(
    cx: &WalkCx<'_>,
    path: Path,
    request: &OpenRequest,
    new: New,
) -> Result<Arc<OpenFile>> {
    let flags = request.flags;
    let inode = path.inode();
    let meta = inode.meta();
    let kind = meta.mode() & S_IFMT;
    if flags.contains(OpenFlags::O_DIRECTORY)
        && !flags.intersects(OpenFlags::__O_TMPFILE)
        && kind != FileType::Directory.bits()
    {
        return Err(Errno::ENOTDIR.into());
    }
    let cred = cx.caller.cred().clone();
    if flags.contains(OpenFlags::O_PATH) {
        return Ok(OpenFile::new(path, Arc::new(PathOnly), flags, cred, false));
    }
    let may = if new == New::Yes { May::empty() } else { request.may() };
    check_type(&path, kind, request, may)?;
    permission::check(meta, cx.cred, may)?;
    if flags.contains(OpenFlags::O_NOATIME) && !permission::is_owner(meta, cx.cred) {
        return Err(Errno::EPERM.into());
    }
    let is_regular = kind == FileType::Regular.bits();
    if (is_regular || kind == FileType::Directory.bits()) && may.contains(May::WRITE) {
        path.mount.writable()?;
    }
    let counted = is_regular && flags.is_writable();
    if counted {
        meta.add_writer()?;
    }
    let opened = operations(cx, &path, kind, flags).and_then(|ops| {
        ops.check_flags(flags)?;
        Ok(ops)
    });
    let ops = match opened {
        Ok(ops) => ops,
        Err(error) => {
            if counted {
                meta.drop_writer();
            }
            return Err(error);
        }
    };
    let file = OpenFile::new(path, ops, flags, cred, counted);
    file.ops().opened(&file);
    if is_regular && flags.contains(OpenFlags::O_TRUNC) && new == New::No {
        super::attr::truncate(file.inode(), 0, cx.cred)?;
    }
    Ok(file)
}

/// What the type of file forbids, before its permissions are looked at.
fn check_type(path: &Path, kind: u32, request: &OpenRequest, may: May) -> Result<()> {
    let options = path.mount.options();
    match FileType::from_mode(kind) {
        Some(FileType::Symlink) => Err(Errno::ELOOP.into()),
        Some(FileType::Directory) if may.contains(May::WRITE) => Err(Errno::EISDIR.into()),
        Some(FileType::Directory) if request.exec => Err(Errno::EACCES.into()),
        Some(FileType::Block | FileType::Char) if options.contains(MountFlags::NODEV) => {
            Err(Errno::EACCES.into())
        }
        Some(FileType::Regular) => {
            if request.exec && options.contains(MountFlags::NOEXEC) {
                return Err(Errno::EACCES.into());
            }
            Ok(())
        }
        _ if request.exec => Err(Errno::EACCES.into()),
        _ => Ok(()),
    }
}

/// The operations for a file of this type.
fn operations(
    cx: &WalkCx<'_>,
    path: &Path,
    kind: u32,
    flags: OpenFlags,
) -> Result<Arc<dyn FileOps>> {
    let inode = path.inode();
    let open_cx = OpenCx { caller: cx.caller, path, flags };
    match FileType::from_mode(kind) {
        Some(FileType::Directory) if inode.directory() == Directory::Cached => Ok(dir_file::ops()),
        Some(FileType::Char) => device::open_char(inode.meta().rdev(), &open_cx),
        Some(FileType::Block | FileType::Socket) => Err(Errno::ENXIO.into()),
        Some(FileType::Fifo) => match inode.fifo() {
            Some(slot) => fifo::open(slot, &open_cx),
            None => inode.clone().open(&open_cx),
        },
        _ => inode.clone().open(&open_cx),
    }
}

/// An `O_PATH` description: no operation ever reaches it.
struct PathOnly;

impl FileOps for PathOnly {}
