//! sysfs, as much of it as programs look for: processors, the clock source, page sizes, and the
//! empty directories where others are mounted (sysfs(5)).
//!
//! There is one instance, built when it is first mounted; it never changes.

use alloc::string::String;
use alloc::sync::Arc;

use abi::Errno;
use abi::stat::{DeviceNumber, magic};
use machine::sync::Once;

use super::dentry::Dentry;
use super::file::{FileOps, Io, OpenFile};
use super::inode::{Directory, FileType, Inode, InodeNumbers, Metadata, NewMetadata};
use super::mount::{self, FsStat, SuperBlock, SuperOps};
use super::open::OpenCx;
use super::registry::FileSystem;
use super::{edit, fill};
use crate::error::{Error, Result};
use crate::mm::user::Sink;

/// What `mount -t sysfs` shows.
pub static SYSFS: FileSystem = FileSystem { name: "sysfs", mount: |_| Ok(instance()?.clone()) };

/// Where the text of a file comes from.
#[derive(Clone, Copy)]
enum Text {
    Fixed(&'static str),
    Computed(fn() -> String),
}

struct Node {
    meta: Metadata,
    /// `None` for directories.
    text: Option<Text>,
}

static NUMBERS: InodeNumbers = InodeNumbers::new();

/// The files; directories follow from their paths.
const FILES: [(&str, Text); 9] = [
    ("devices/system/clocksource/clocksource0/available_clocksource", Text::Fixed("tsc\n")),
    ("devices/system/clocksource/clocksource0/current_clocksource", Text::Fixed("tsc\n")),
    ("devices/system/cpu/online", Text::Computed(cpu_list)),
    ("devices/system/cpu/possible", Text::Computed(cpu_list)),
    ("devices/system/cpu/present", Text::Computed(cpu_list)),
    ("devices/system/cpu/offline", Text::Fixed("\n")),
    ("kernel/mm/transparent_hugepage/enabled", Text::Fixed("always madvise [never]\n")),
    ("kernel/mm/transparent_hugepage/hpage_pmd_size", Text::Fixed("2097152\n")),
    ("power/state", Text::Fixed("\n")),
];

/// Directories that are empty.
const DIRECTORIES: [&str; 9] = [
    "block",
    "bus",
    "class",
    "dev",
    "firmware",
    "fs/cgroup",
    "kernel/debug",
    "kernel/security",
    "module",
];

fn cpu_list() -> String {
    match machine::cpu::count() {
        0 | 1 => String::from("0\n"),
        count => alloc::format!("0-{}\n", count - 1),
    }
}

struct Ops;

impl SuperOps for Ops {
    fn stat(&self) -> FsStat {
        FsStat { magic: magic::SYSFS.unsigned_abs(), block_size: 4096, ..FsStat::default() }
    }
}

fn instance() -> Result<&'static Arc<SuperBlock>> {
    static INSTANCE: Once<Arc<SuperBlock>> = Once::new();
    INSTANCE.try_call_once(|| {
        let dev = mount::anonymous_dev();
        let superblock = SuperBlock::new(&SYSFS, Node::new(dev, None), Arc::new(Ops));
        let root = superblock.root();
        for (path, text) in FILES {
            place(root, path, Some(text))?;
        }
        for path in DIRECTORIES {
            place(root, path, None)?;
        }
        for cpu in 0..machine::cpu::count() {
            place(root, &alloc::format!("devices/system/cpu/cpu{cpu}"), None)?;
        }
        Ok::<_, Error>(superblock)
    })
}

/// Makes the entry at `path` and the directories above it.
fn place(root: &Arc<Dentry>, path: &str, text: Option<Text>) -> Result<()> {
    let dev = root.inode().meta().dev();
    let mut at = root.clone();
    let mut names = path.split('/').peekable();
    while let Some(name) = names.next() {
        let known =
            at.children().and_then(|children| children.lock().get(name.as_bytes()).cloned());
        let text = if names.peek().is_none() { text } else { None };
        at = match known {
            Some(known) => known,
            None => edit::insert(&at, name.as_bytes(), Node::new(dev, text))?,
        };
    }
    Ok(())
}

impl Node {
    fn new(dev: DeviceNumber, text: Option<Text>) -> Arc<Self> {
        let mode = match text {
            Some(_) => FileType::Regular.bits() | 0o444,
            None => FileType::Directory.bits() | 0o755,
        };
        let ino = NUMBERS.next();
        let rdev = DeviceNumber::default();
        let meta = Metadata::new(NewMetadata { dev, ino, mode, uid: 0, gid: 0, rdev });
        Arc::new(Self { meta, text })
    }
}

impl Inode for Node {
    fn meta(&self) -> &Metadata {
        &self.meta
    }

    fn directory(&self) -> Directory {
        if self.text.is_none() { Directory::Cached } else { Directory::No }
    }

    fn size(&self) -> u64 {
        // As on Linux every file claims to be a page.
        if self.text.is_some() { 4096 } else { 0 }
    }

    fn open(self: Arc<Self>, cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
        if cx.flags.is_writable() {
            return Err(Errno::EACCES.into());
        }
        Ok(self)
    }
}

impl FileOps for Node {
    fn read(&self, _file: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        match self.text {
            Some(Text::Fixed(text)) => fill(text.as_bytes(), dst, io),
            Some(Text::Computed(text)) => fill(text().as_bytes(), dst, io),
            None => Err(Errno::EISDIR.into()),
        }
    }

    fn seekable(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn every_path_becomes_an_entry() {
        let root = instance().unwrap().root();
        let names: Vec<_> =
            root.children().unwrap().lock().range(0).map(|(_, name, _)| name.to_vec()).collect();
        for name in [&b"devices"[..], b"kernel", b"fs", b"class"] {
            assert!(names.iter().any(|known| known == name));
        }
    }
}
