//! The inodes of /proc: directories and files that are computed from tables.
//!
//! An [`Entry`] says what a name means for a subject of type `S`: nothing for the files of the whole
//! system, a process or thread for those in its directory. Nothing is kept: each lookup makes an
//! inode, each read from the start makes the text anew.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::Errno;
use machine::sync::{Once, SpinLock};

use super::text::Text;
use crate::error::Result;
use crate::fs::caller::Caller;
use crate::fs::file::{DirSink, FileOps, Io, OpenFile, Seek, seek_in};
use crate::fs::inode::{Directory, FileType, Inode, Link, Metadata, NewMetadata};
use crate::fs::mount;
use crate::fs::open::OpenCx;
use crate::fs::walk::WalkCx;
use crate::fs::{Path, dir_file};
use crate::locks;
use crate::mm::user::{Sink, Source};
use abi::stat::DeviceNumber;

/// What an entry can belong to.
pub trait Subject: Clone + Send + Sync + 'static {
    /// Owner and group of its files.
    fn owner(&self) -> (u32, u32);
    /// A number that no other subject has; inode numbers are made of it.
    fn number(&self) -> u64;
}

impl Subject for () {
    fn owner(&self) -> (u32, u32) {
        (0, 0)
    }

    fn number(&self) -> u64 {
        0
    }
}

/// One name in a table.
pub struct Entry<S: 'static> {
    /// The name.
    pub name: &'static str,
    /// Permissions.
    pub mode: u32,
    /// What it is.
    pub kind: Kind<S>,
}

/// How text is made.
pub type Show<S> = fn(&S, &mut Text) -> Result<()>;
/// How text that was written is taken.
pub type Store<S> = fn(&S, &[u8], &dyn Caller) -> Result<()>;

/// What a name in a table stands for.
pub enum Kind<S: 'static> {
    /// A file to read.
    Text(Show<S>),
    /// A file to read and write.
    Setting(Show<S>, Store<S>),
    /// A file to read for those who may inspect the subject.
    Private(Show<S>, fn(&S, &dyn Caller) -> Result<()>),
    /// A file with operations of its own.
    Special(fn(&S, &OpenCx<'_>) -> Result<Arc<dyn FileOps>>),
    /// A symbolic link.
    Link(fn(&S, &WalkCx<'_>) -> Result<Link>),
    /// A directory.
    Dir(fn(&S) -> Box<dyn Dir>),
}

/// A directory whose entries are computed.
pub trait Dir: Send + Sync {
    /// The entry `name`.
    ///
    /// # Errors
    /// `ENOENT` when there is none.
    fn lookup(&self, name: &[u8], cx: &WalkCx<'_>) -> Result<Arc<dyn Inode>>;

    /// All entries, by ascending cookie, `.` and `..` left out.
    fn list(&self, caller: &dyn Caller) -> Vec<Item>;
}

/// One entry of a directory, for getdents64(2).
pub struct Item {
    /// Its place in the order; at least [`FIRST_COOKIE`].
    pub cookie: u64,
    /// Its inode number.
    pub ino: u64,
    /// Its type.
    pub kind: FileType,
    /// Its name.
    pub name: Vec<u8>,
}

/// The first position after `.` and `..`.
pub const FIRST_COOKIE: u64 = 2;

/// How many inode numbers each subject has.
const NUMBERS: u64 = 1 << 24;

/// The inode number of the `index`th object of a subject.
pub fn inode_number(subject: u64, index: u64) -> u64 {
    1 + subject * NUMBERS + index
}

/// The device number of /proc.
pub fn dev() -> DeviceNumber {
    static DEV: Once<DeviceNumber> = Once::new();
    *DEV.call_once(mount::anonymous_dev)
}

impl<S> Kind<S> {
    fn file_type(&self) -> FileType {
        match self {
            Self::Dir(_) => FileType::Directory,
            Self::Link(_) => FileType::Symlink,
            _ => FileType::Regular,
        }
    }
}

/// An inode made from a table.
pub struct ProcInode<S: Subject> {
    meta: Metadata,
    subject: S,
    entry: &'static Entry<S>,
}

/// The inode for `entry` of `subject`.
pub fn inode<S: Subject>(subject: &S, entry: &'static Entry<S>, index: u64) -> Arc<dyn Inode> {
    let (uid, gid) = subject.owner();
    let meta = Metadata::new(NewMetadata {
        dev: dev(),
        ino: inode_number(subject.number(), index),
        mode: entry.kind.file_type().bits() | entry.mode,
        uid,
        gid,
        rdev: DeviceNumber::default(),
    });
    Arc::new(ProcInode { meta, subject: subject.clone(), entry })
}

impl<S: Subject> Inode for ProcInode<S> {
    fn meta(&self) -> &Metadata {
        &self.meta
    }

    fn directory(&self) -> Directory {
        match self.entry.kind {
            Kind::Dir(_) => Directory::Computed,
            _ => Directory::No,
        }
    }

    fn lookup(&self, name: &[u8], cx: &WalkCx<'_>) -> Result<Arc<dyn Inode>> {
        match self.entry.kind {
            Kind::Dir(make) => make(&self.subject).lookup(name, cx),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    fn link(&self, cx: &WalkCx<'_>) -> Result<Link> {
        match self.entry.kind {
            Kind::Link(target) => target(&self.subject, cx),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn open(self: Arc<Self>, cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
        match self.entry.kind {
            Kind::Dir(make) => Ok(Arc::new(DirFile(make(&self.subject)))),
            Kind::Special(open) => open(&self.subject, cx),
            Kind::Private(_, check) => {
                check(&self.subject, cx.caller)?;
                Ok(TextFile::open(self))
            }
            _ => Ok(TextFile::open(self)),
        }
    }

    /// Truncating happens when a shell redirects into a setting; there is nothing to cut.
    fn set_size(&self, _: u64) -> Result<()> {
        Ok(())
    }

    fn may_set_attributes(&self) -> Result<()> {
        Err(Errno::EPERM.into())
    }
}

/// The most bytes that a setting takes in one write.
const STORE_MAX: usize = 4096;

/// An open file of text.
struct TextFile<S: Subject> {
    inode: Arc<ProcInode<S>>,
    /// What the last read from the start found, for the reads that go on.
    text: SpinLock<Option<Arc<[u8]>>>,
}

impl<S: Subject> TextFile<S> {
    fn open(inode: Arc<ProcInode<S>>) -> Arc<dyn FileOps> {
        Arc::new(Self { inode, text: SpinLock::new(locks::PIPE, None) })
    }

    fn text(&self, pos: u64) -> Result<Arc<[u8]>> {
        if pos > 0
            && let Some(text) = &*self.text.lock()
        {
            return Ok(text.clone());
        }
        let mut text = Text::default();
        match self.inode.entry.kind {
            Kind::Text(show) | Kind::Setting(show, _) | Kind::Private(show, _) => {
                show(&self.inode.subject, &mut text)?;
            }
            _ => return Err(Errno::EINVAL.into()),
        }
        let text: Arc<[u8]> = text.finish()?.into();
        let old = self.text.lock().replace(text.clone());
        drop(old);
        Ok(text)
    }
}

impl<S: Subject> FileOps for TextFile<S> {
    fn read(&self, _: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        let text = self.text(io.pos)?;
        let start = usize::try_from(io.pos).unwrap_or(usize::MAX).min(text.len());
        if start == text.len() || dst.remaining() == 0 {
            return Ok(0);
        }
        let count = dst.write(&text[start..])?;
        io.pos += count as u64;
        Ok(count)
    }

    fn write(&self, _: &OpenFile, src: &mut Source<'_>, io: &mut Io<'_>) -> Result<usize> {
        let Kind::Setting(_, store) = self.inode.entry.kind else {
            return Err(Errno::EIO.into());
        };
        let mut text = [0; STORE_MAX];
        let len = src.remaining();
        if len > STORE_MAX {
            return Err(Errno::EINVAL.into());
        }
        let count = src.read(&mut text[..len])?;
        store(&self.inode.subject, &text[..count], io.caller)?;
        io.pos += count as u64;
        Ok(count)
    }

    fn seekable(&self) -> bool {
        true
    }

    fn seek(&self, _: &OpenFile, now: u64, to: Seek) -> Result<u64> {
        match to {
            Seek::Set(_) | Seek::Current(_) => seek_in(0, now, to),
            // Nobody knows where the end is before the text is made.
            _ => Err(Errno::EINVAL.into()),
        }
    }
}

/// An open directory.
struct DirFile(Box<dyn Dir>);

impl FileOps for DirFile {
    fn read(&self, _: &OpenFile, _: &mut Sink<'_>, _: &mut Io<'_>) -> Result<usize> {
        Err(Errno::EISDIR.into())
    }

    fn seekable(&self) -> bool {
        true
    }

    fn seek(&self, _: &OpenFile, now: u64, to: Seek) -> Result<u64> {
        match to {
            Seek::Set(_) | Seek::Current(_) => seek_in(0, now, to),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn read_dir(
        &self,
        file: &OpenFile,
        pos: &mut u64,
        sink: &mut dyn DirSink,
        caller: &dyn Caller,
    ) -> Result<()> {
        if !dir_file::emit_dots(file.path(), pos, sink) {
            return Ok(());
        }
        for item in self.0.list(caller) {
            if item.cookie < *pos {
                continue;
            }
            if !sink.entry(item.ino, item.cookie + 1, item.kind, &item.name) {
                return Ok(());
            }
            *pos = item.cookie + 1;
        }
        Ok(())
    }
}

/// A directory with the entries of one table.
pub struct Table<S: Subject> {
    /// To whom they belong.
    pub subject: S,
    /// The entries.
    pub entries: &'static [Entry<S>],
    /// The inode index of the first.
    pub first: u64,
}

impl<S: Subject> Dir for Table<S> {
    fn lookup(&self, name: &[u8], _: &WalkCx<'_>) -> Result<Arc<dyn Inode>> {
        let found =
            (self.first..).zip(self.entries).find(|(_, entry)| entry.name.as_bytes() == name);
        let (index, entry) = found.ok_or(Errno::ENOENT)?;
        Ok(inode(&self.subject, entry, index))
    }

    fn list(&self, _: &dyn Caller) -> Vec<Item> {
        let number = self.subject.number();
        (0..)
            .zip(self.entries)
            .map(|(index, entry)| Item {
                cookie: FIRST_COOKIE + index,
                ino: inode_number(number, self.first + index),
                kind: entry.kind.file_type(),
                name: entry.name.as_bytes().to_vec(),
            })
            .collect()
    }
}

/// A link to a text, for [`Kind::Link`].
pub fn text_link(text: &[u8]) -> Result<Link> {
    Ok(Link::Text(text.into()))
}

/// A link to a place, whatever its name is, for [`Kind::Link`].
pub fn magic_link(path: Path) -> Result<Link> {
    Ok(Link::Magic(path))
}
