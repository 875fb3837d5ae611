//! devpts: the file system whose files are the slaves of pseudo-terminals (pts(4)).
//!
//! There is one instance; the options of the last mount hold for slaves made after it. The inode of
//! a slave is made with the pair and kept with it, so that chmod(2) and chown(2) last.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::Errno;
use abi::stat::{DeviceNumber, magic};
use machine::sync::{Once, SpinLock};

use super::nodes::{PTS_MAJOR, ptmx_number};
use super::pty;
use crate::error::Result;
use crate::fs::caller::Caller;
use crate::fs::dir_file;
use crate::fs::file::{DirSink, FileOps, Io, OpenFile, Seek, seek_in};
use crate::fs::inode::{Directory, FileType, Inode, Metadata, NewMetadata};
use crate::fs::mount::{self, FsStat, SuperBlock, SuperOps};
use crate::fs::open::OpenCx;
use crate::fs::registry::FileSystem;
use crate::fs::walk::WalkCx;
use crate::locks;
use crate::mm::user::Sink;

/// What `mount -t devpts` shows.
pub static DEVPTS: FileSystem = FileSystem {
    name: "devpts",
    mount: |request| {
        let options = Options::parse(request.data)?;
        *OPTIONS.lock() = options;
        Ok(instance().clone())
    },
};

/// The inode number of the root, of `ptmx`, and of slave 0.
const ROOT_INO: u64 = 1;
const PTMX_INO: u64 = 2;
const FIRST_SLAVE_INO: u64 = 3;

/// The options of a mount (the kernel's `devpts` document).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Options {
    uid: Option<u32>,
    gid: Option<u32>,
    mode: u32,
    ptmx_mode: u32,
}

static OPTIONS: SpinLock<Options> = SpinLock::new(locks::PTYS, Options::DEFAULT);

impl Options {
    const DEFAULT: Self = Self { uid: None, gid: None, mode: 0o600, ptmx_mode: 0 };

    fn parse(data: &[u8]) -> Result<Self> {
        let mut options = Self::DEFAULT;
        for word in data.split(|&byte| byte == b',').filter(|word| !word.is_empty()) {
            let word = core::str::from_utf8(word).map_err(|_| Errno::EINVAL)?;
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let number = |radix| u32::from_str_radix(value, radix).map_err(|_| Errno::EINVAL);
            match key {
                "uid" => options.uid = Some(number(10)?),
                "gid" => options.gid = Some(number(10)?),
                "mode" => options.mode = number(8)? & 0o7777,
                "ptmxmode" => options.ptmx_mode = number(8)? & 0o7777,
                // There is one instance for everybody, so each is as new as it gets.
                "newinstance" if value.is_empty() => {}
                "max" => {
                    number(10)?;
                }
                _ => return Err(Errno::EINVAL.into()),
            }
        }
        Ok(options)
    }
}

fn instance() -> &'static Arc<SuperBlock> {
    static INSTANCE: Once<Arc<SuperBlock>> = Once::new();
    INSTANCE.call_once(|| {
        let meta = metadata(ROOT_INO, FileType::Directory.bits() | 0o755, DeviceNumber::default());
        SuperBlock::new(&DEVPTS, Arc::new(Root { meta }), Arc::new(Super))
    })
}

fn dev() -> DeviceNumber {
    static DEV: Once<DeviceNumber> = Once::new();
    *DEV.call_once(mount::anonymous_dev)
}

fn metadata(ino: u64, mode: u32, rdev: DeviceNumber) -> Metadata {
    Metadata::new(NewMetadata { dev: dev(), ino, mode, uid: 0, gid: 0, rdev })
}

struct Super;

impl SuperOps for Super {
    fn stat(&self) -> FsStat {
        FsStat { magic: magic::DEVPTS.unsigned_abs(), block_size: 4096, ..FsStat::default() }
    }

    fn options(&self) -> Vec<u8> {
        let options = *OPTIONS.lock();
        let mut text = Vec::new();
        for (key, value) in [("uid", options.uid), ("gid", options.gid)] {
            if let Some(value) = value {
                text.extend_from_slice(format!(",{key}={value}").as_bytes());
            }
        }
        let modes = format!(",mode={:03o},ptmxmode={:03o}", options.mode, options.ptmx_mode);
        text.extend_from_slice(modes.as_bytes());
        text
    }

    fn reconfigure(&self, data: &[u8]) -> Result<()> {
        let options = Options::parse(data)?;
        *OPTIONS.lock() = options;
        Ok(())
    }
}

/// A device node.
struct Node {
    meta: Metadata,
}

impl Inode for Node {
    fn meta(&self) -> &Metadata {
        &self.meta
    }
}

/// Whose a new slave is, and the options in force when its master was opened.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    options: Options,
    uid: u32,
    gid: u32,
}

impl Owner {
    /// For a master that `caller` opens now.
    pub(super) fn of(caller: &dyn Caller) -> Self {
        let cred = caller.cred();
        Self { options: *OPTIONS.lock(), uid: cred.fsuid, gid: cred.fsgid }
    }
}

/// The inode of slave `index`.
pub(super) fn slave_inode(index: u32, owner: Owner) -> Arc<dyn Inode> {
    let Owner { options, uid, gid } = owner;
    let mode = FileType::Char.bits() | options.mode;
    let ino = FIRST_SLAVE_INO + u64::from(index);
    let meta = metadata(ino, mode, DeviceNumber::new(PTS_MAJOR, index));
    meta.set_owner(options.uid.unwrap_or(uid), options.gid.unwrap_or(gid));
    Arc::new(Node { meta })
}

struct Root {
    meta: Metadata,
}

impl Inode for Root {
    fn meta(&self) -> &Metadata {
        &self.meta
    }

    fn directory(&self) -> Directory {
        Directory::Computed
    }

    fn lookup(&self, name: &[u8], _: &WalkCx<'_>) -> Result<Arc<dyn Inode>> {
        if name == b"ptmx" {
            let mode = FileType::Char.bits() | OPTIONS.lock().ptmx_mode;
            return Ok(Arc::new(Node { meta: metadata(PTMX_INO, mode, ptmx_number()) }));
        }
        let text = core::str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        let index: u32 = text.parse().map_err(|_| Errno::ENOENT)?;
        // One name for each: no leading zeros or signs.
        if format!("{index}") != text {
            return Err(Errno::ENOENT.into());
        }
        Ok(pty::slave_node(index).ok_or(Errno::ENOENT)?)
    }

    fn open(self: Arc<Self>, _: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
        Ok(Arc::new(RootDir))
    }
}

/// The open directory.
struct RootDir;

impl FileOps for RootDir {
    fn read(&self, _: &OpenFile, _: &mut Sink<'_>, _: &mut Io<'_>) -> Result<usize> {
        Err(Errno::EISDIR.into())
    }

    fn seekable(&self) -> bool {
        true
    }

    fn seek(&self, _: &OpenFile, now: u64, to: Seek) -> Result<u64> {
        seek_in(0, now, to)
    }

    fn read_dir(
        &self,
        file: &OpenFile,
        pos: &mut u64,
        sink: &mut dyn DirSink,
        _: &dyn Caller,
    ) -> Result<()> {
        if !dir_file::emit_dots(file.path(), pos, sink) {
            return Ok(());
        }
        if *pos == PTMX_INO {
            if !sink.entry(PTMX_INO, PTMX_INO + 1, FileType::Char, b"ptmx") {
                return Ok(());
            }
            *pos += 1;
        }
        for index in pty::slaves() {
            let cookie = FIRST_SLAVE_INO + u64::from(index);
            if cookie < *pos {
                continue;
            }
            let name = format!("{index}");
            if !sink.entry(cookie, cookie + 1, FileType::Char, name.as_bytes()) {
                return Ok(());
            }
            *pos = cookie + 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_mount() {
        let options = Options::parse(b"gid=5,mode=620,ptmxmode=666").expect("valid");
        let expected = Options { uid: None, gid: Some(5), mode: 0o620, ptmx_mode: 0o666 };
        assert_eq!(options, expected);
        assert!(Options::parse(b"newinstance").is_ok());
        assert!(Options::parse(b"").is_ok());
        for bad in [&b"mode=9"[..], b"foo", b"gid=", b"gid=x"] {
            assert!(Options::parse(bad).is_err());
        }
    }
}
