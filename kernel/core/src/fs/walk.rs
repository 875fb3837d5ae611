//! Path walking: from text to a [`Path`] (path_resolution(7)).
//!
//! A [`Walker`] goes up to the last component and stops there, because what happens to it differs:
//! a lookup takes it, open(2) may create it, unlink(2) takes it away. Whoever finds a symbolic link
//! there and wants to follow it calls [`Walker::enter`] and walks on. Links are not recursion: the
//! text left over waits on a list.
//!
//! The order of checks is Linux's: search permission of a directory before its entries, a missing
//! entry before what comes after it, `ENAMETOOLONG` only once the directory may be searched.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use abi::Errno;
use abi::file::{MountFlags, NAME_MAX, ResolveFlags};

use super::caller::Caller;
use super::dentry::{Dentry, Name};
use super::info::FsInfo;
use super::inode::{Directory, Link};
use super::mount;
use super::path::Path;
use super::permission::{self, May};
use crate::cred::Cred;
use crate::error::{Error, Result};

/// Symbolic links that one walk follows at most.
const LINKS_MAX: u32 = 40;

/// Who walks: root and working directory, and whose permissions count.
#[derive(Clone, Copy)]
pub struct WalkCx<'a> {
    /// Root and working directory.
    pub fs: &'a FsInfo,
    /// The credentials for permission checks; access(2) uses others than the caller's own.
    pub cred: &'a Cred,
    /// The calling thread, for links such as `/proc/self`.
    pub caller: &'a dyn Caller,
}

impl<'a> WalkCx<'a> {
    /// The usual: everything is the caller's.
    pub fn of(caller: &'a dyn Caller) -> Self {
        Self { fs: caller.fs(), cred: caller.cred(), caller }
    }

    /// Looks up `path` from the working directory, following links.
    ///
    /// # Errors
    /// Those of path_resolution(7).
    pub fn lookup(&self, path: &[u8]) -> Result<Path> {
        Walker::new(self, &Start::Cwd, path, ResolveFlags::empty())?.lookup(Follow::Yes)
    }
}

/// Where a relative path starts.
#[derive(Clone)]
pub enum Start {
    /// The working directory.
    Cwd,
    /// The place of a descriptor.
    At(Path),
}

/// Whether a link at the end of the path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// It is.
    Yes,
    /// The link itself is meant, unless a slash follows it.
    No,
}

/// The last component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    /// Nothing: the path was `/`, or a link led straight here.
    Here,
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// A name; see [`Walker::name`].
    Name,
}

/// A piece of path text.
enum Text<'a> {
    Given(&'a [u8]),
    Link(Arc<[u8]>),
}

impl Text<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Given(bytes) => bytes,
            Self::Link(bytes) => bytes,
        }
    }
}

/// A walk under way.
pub struct Walker<'a> {
    cx: &'a WalkCx<'a>,
    at: Path,
    /// What `..` does not go above; found out when it matters.
    root: Option<Path>,
    resolve: ResolveFlags,
    text: Text<'a>,
    next: usize,
    /// What is left of the texts that links interrupted, innermost last; each has a component.
    rest: Vec<(Text<'a>, usize)>,
    links: u32,
    last: Range<usize>,
    trailing_slash: bool,
}

#[inline]
fn skip_slashes(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at) == Some(&b'/') {
        at += 1;
    }
    at
}

impl<'a> Walker<'a> {
    /// Starts a walk.
    ///
    /// # Errors
    /// `ENOENT` for an empty path; `ENOTDIR` when a relative path starts at something that is no
    /// directory; `EXDEV` for an absolute path that must stay beneath its start.
    #[inline]
    pub fn new(
        cx: &'a WalkCx<'a>,
        start: &Start,
        path: &'a [u8],
        resolve: ResolveFlags,
    ) -> Result<Self> {
        let Some(&first) = path.first() else {
            return Err(Errno::ENOENT.into());
        };
        let scoped = resolve.intersects(ResolveFlags::BENEATH | ResolveFlags::IN_ROOT);
        if scoped && first == b'/' && resolve.contains(ResolveFlags::BENEATH) {
            return Err(Errno::EXDEV.into());
        }
        let at = match start {
            _ if first == b'/' && !scoped => cx.fs.root(),
            Start::Cwd => cx.fs.cwd(),
            Start::At(path) => path.clone(),
        };
        let root = scoped.then(|| at.clone());
        if !at.inode().meta().is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        Ok(Self {
            cx,
            at,
            root,
            resolve,
            text: Text::Given(path),
            next: 0,
            rest: Vec::new(),
            links: 0,
            last: 0..0,
            trailing_slash: false,
        })
    }

    /// What `..` does not go above.
    fn root(&mut self) -> &Path {
        self.root.get_or_insert_with(|| self.cx.fs.root())
    }

    /// Who walks.
    pub fn cx(&self) -> &'a WalkCx<'a> {
        self.cx
    }

    /// Where the walk is: before the last component, its directory.
    #[inline]
    pub fn at(&self) -> &Path {
        &self.at
    }

    /// The last component's name, after [`Last::Name`].
    #[inline]
    pub fn name(&self) -> &[u8] {
        &self.text.bytes()[self.last.clone()]
    }

    /// Whether a slash follows the last component: it must be a directory.
    #[inline]
    pub fn trailing_slash(&self) -> bool {
        self.trailing_slash
    }

    /// Walks up to the last component. The directory that it is in may be searched.
    ///
    /// # Errors
    /// `EACCES`, `ELOOP`, `ENAMETOOLONG`, `ENOENT`, `ENOTDIR` and `EXDEV` as in openat2(2).
    pub fn to_last(&mut self) -> Result<Last> {
        loop {
            let bytes = self.text.bytes();
            let start = skip_slashes(bytes, self.next);
            if start == bytes.len() {
                match self.rest.pop() {
                    Some((text, next)) => {
                        (self.text, self.next) = (text, next);
                        continue;
                    }
                    None => return Ok(Last::Here),
                }
            }
            let len = bytes[start..].iter().position(|&byte| byte == b'/');
            let end = len.map_or(bytes.len(), |len| start + len);
            let after = skip_slashes(bytes, end);
            let is_last = after == bytes.len() && self.rest.is_empty();
            let dots = match &bytes[start..end] {
                b"." => Last::Dot,
                b".." => Last::DotDot,
                _ => Last::Name,
            };
            self.last = start..end;
            self.next = end;
            self.search_permission()?;
            if is_last {
                self.trailing_slash |= end != bytes.len();
                return Ok(dots);
            }
            match dots {
                Last::DotDot => self.up()?,
                Last::Name => self.step()?,
                Last::Dot | Last::Here => {}
            }
        }
    }

    /// Checks that the directory we are in may be searched.
    #[inline]
    fn search_permission(&self) -> Result<()> {
        let meta = self.at.inode().meta();
        if !meta.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        Ok(permission::check(meta, self.cx.cred, May::EXEC)?)
    }

    /// Goes into the component that is not the last.
    fn step(&mut self) -> Result<()> {
        let Some(child) = self.child()? else {
            return Err(Errno::ENOENT.into());
        };
        let meta = child.inode().meta();
        if meta.is_symlink() {
            return self.enter(child);
        }
        if !meta.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        self.go(child)
    }

    /// The entry that the last component names; `None` when there is none.
    ///
    /// # Errors
    /// `ENAMETOOLONG`; what a computed directory says.
    #[inline]
    pub fn child(&self) -> Result<Option<Arc<Dentry>>> {
        child(self.cx, &self.at.dentry, self.name())
    }

    /// Goes to `child` of where we are, and through what is mounted on it.
    ///
    /// # Errors
    /// `EXDEV` when mount points must not be crossed.
    #[inline]
    pub fn go(&mut self, child: Arc<Dentry>) -> Result<()> {
        let mounted = child.is_mountpoint();
        self.at.dentry = child;
        if mounted {
            let before = self.at.mount.clone();
            mount::cross(&mut self.at);
            self.check_mount(&before)?;
        }
        Ok(())
    }

    fn check_mount(&self, before: &Arc<mount::Mount>) -> Result<()> {
        let crossed = !Arc::ptr_eq(before, &self.at.mount);
        if crossed && self.resolve.contains(ResolveFlags::NO_XDEV) {
            return Err(Errno::EXDEV.into());
        }
        Ok(())
    }

    /// Goes one directory up, but not above the root.
    ///
    /// # Errors
    /// `EXDEV` when the walk must stay beneath its start, or in its mount.
    pub fn up(&mut self) -> Result<()> {
        let before = self.at.mount.clone();
        loop {
            let root = self.root().clone();
            if self.at.same(&root) {
                if self.resolve.contains(ResolveFlags::BENEATH) {
                    return Err(Errno::EXDEV.into());
                }
                break;
            }
            if !Arc::ptr_eq(&self.at.dentry, self.at.mount.root()) {
                if let Some(parent) = self.at.dentry.parent() {
                    self.at.dentry = parent;
                }
                break;
            }
            match self.at.mount.place() {
                Some(above) => self.at = above,
                None => break,
            }
        }
        mount::cross(&mut self.at);
        self.check_mount(&before)
    }

    /// Follows the symbolic link `link`, which is an entry of where we are.
    ///
    /// # Errors
    /// `ELOOP` after too many links, or when links are not wanted; `ENOENT` for an empty link.
    pub fn enter(&mut self, link: Arc<Dentry>) -> Result<()> {
        self.links += 1;
        let options = self.at.mount.options();
        if self.links > LINKS_MAX
            || options.contains(MountFlags::NOSYMFOLLOW)
            || self.resolve.contains(ResolveFlags::NO_SYMLINKS)
        {
            return Err(Errno::ELOOP.into());
        }
        let target = link.inode().link(self.cx)?;
        let left = skip_slashes(self.text.bytes(), self.next);
        let has_more = left < self.text.bytes().len();
        let text = match target {
            Link::Text(text) => text,
            Link::Magic(path) => return self.jump(path, has_more.then_some(left)),
        };
        let Some(&first) = text.first() else {
            return Err(Errno::ENOENT.into());
        };
        let outer = core::mem::replace(&mut self.text, Text::Link(text));
        if has_more {
            self.rest.push((outer, left));
        }
        self.next = 0;
        if first == b'/' {
            if self.resolve.contains(ResolveFlags::BENEATH) {
                return Err(Errno::EXDEV.into());
            }
            let root = self.root().clone();
            let before = core::mem::replace(&mut self.at, root);
            self.check_mount(&before.mount)?;
        }
        Ok(())
    }

    /// Follows a link that leads straight to an object.
    fn jump(&mut self, to: Path, left: Option<usize>) -> Result<()> {
        if self.resolve.contains(ResolveFlags::NO_MAGICLINKS) {
            return Err(Errno::ELOOP.into());
        }
        if self.resolve.intersects(ResolveFlags::BENEATH | ResolveFlags::IN_ROOT) {
            return Err(Errno::EXDEV.into());
        }
        let before = core::mem::replace(&mut self.at, to);
        self.check_mount(&before.mount)?;
        self.next = left.unwrap_or(self.text.bytes().len());
        Ok(())
    }

    /// Walks to the end.
    ///
    /// # Errors
    /// As [`Walker::to_last`].
    #[inline]
    pub fn lookup(mut self, follow: Follow) -> Result<Path> {
        self.finish(follow)?;
        Ok(self.at)
    }

    /// Walks to the end; [`Walker::at`] is the object then.
    ///
    /// # Errors
    /// As [`Walker::to_last`].
    pub fn finish(&mut self, follow: Follow) -> Result<()> {
        loop {
            match self.to_last()? {
                Last::Here | Last::Dot => break,
                Last::DotDot => {
                    self.up()?;
                    break;
                }
                Last::Name => {
                    let Some(child) = self.child()? else {
                        return Err(Errno::ENOENT.into());
                    };
                    let follows = follow == Follow::Yes || self.trailing_slash;
                    if child.inode().meta().is_symlink() && follows {
                        self.enter(child)?;
                        continue;
                    }
                    self.go(child)?;
                    break;
                }
            }
        }
        if self.trailing_slash && !self.at.inode().meta().is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        Ok(())
    }

    /// Gives up the walk and keeps where it is.
    pub fn into_path(self) -> Path {
        self.at
    }
}

/// The entry `name` of directory `dir`; `None` when there is none.
///
/// # Errors
/// `ENAMETOOLONG`; what a computed directory says.
#[inline]
pub fn child(cx: &WalkCx<'_>, dir: &Arc<Dentry>, name: &[u8]) -> Result<Option<Arc<Dentry>>> {
    if name.len() > NAME_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    match dir.children() {
        Some(children) => Ok(children.lock().get(name).cloned()),
        None => computed_child(cx, dir, name),
    }
}

fn computed_child(cx: &WalkCx<'_>, dir: &Arc<Dentry>, name: &[u8]) -> Result<Option<Arc<Dentry>>> {
    debug_assert_eq!(dir.inode().directory(), Directory::Computed);
    match dir.inode().lookup(name, cx) {
        Ok(inode) => Ok(Some(Dentry::new_child(dir.clone(), Name::from(name), inode))),
        Err(Error::Errno(Errno::ENOENT)) => Ok(None),
        Err(error) => Err(error),
    }
}
