//! The initial root file system: cpio archives unpacked into a tmpfs.
//!
//! An initrd is any number of archives one after the other, each plain or compressed with gzip,
//! with zero bytes between, as Linux takes them (the kernel's `buffer-format` document). Unpacking
//! streams: besides the archive itself only the decompressor's window is in memory.
//!
//! A damaged archive is an [`UnpackError`] with one clear line; what was unpacked before it stays.

mod cpio;
mod gzip;
mod input;
mod place;

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::info::FsInfo;
use super::mount::{self, Mount};
use super::path::Path;
use super::tmpfs::{self, Options};
use crate::error::Result;
use input::{Input, Plain};

pub use place::Placer;

/// Why an initrd could not be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnpackError {
    /// Neither cpio nor gzip at this byte.
    NoMagic(usize),
    /// A compression that is not supported.
    Compression(&'static str),
    /// The archive ends within an entry.
    Truncated,
    /// The compressed data ends too early.
    TruncatedGzip,
    /// The compressed data makes no sense.
    BadGzip(&'static str),
    /// A header has a field that is not a number, or a size that cannot be.
    BadHeader(&'static str),
    /// The checksum of a file (format `070702`) is wrong.
    BadChecksum,
    /// No memory or space for the contents.
    NoSpace,
}

impl core::fmt::Display for UnpackError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoMagic(at) => write!(f, "no cpio or gzip magic at byte {at}"),
            Self::Compression(name) => write!(f, "{name} compression is not supported"),
            Self::Truncated => f.write_str("the cpio archive is truncated"),
            Self::TruncatedGzip => f.write_str("the gzip data is truncated"),
            Self::BadGzip(why) => write!(f, "the gzip data is damaged: {why}"),
            Self::BadHeader(field) => write!(f, "bad cpio header: {field}"),
            Self::BadChecksum => f.write_str("bad cpio data checksum"),
            Self::NoSpace => f.write_str("not enough memory to unpack it"),
        }
    }
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Entries that are there now.
    pub entries: usize,
    /// Entries that could not be made, for instance because their directory is missing.
    pub skipped: usize,
    /// Bytes of file contents.
    pub bytes: u64,
}

/// Makes the root of the mount namespace, an empty tmpfs.
///
/// # Errors
/// `ENOMEM`.
pub fn mount_root() -> Result<Path> {
    let options = Options { mode: Some(0o755), ..Options::default() };
    let superblock = tmpfs::new_instance(&tmpfs::ROOTFS, &options)?;
    let root = superblock.root().clone();
    let mount = Mount::new(superblock, root, b"rootfs", abi::file::MountFlags::empty());
    mount::set_root(mount.clone());
    Ok(mount.root_path())
}

/// The archive that is unpacked before all others, with what the kernel itself needs: as Linux's
/// built-in one it has `/dev`, `/dev/console` and `/root`.
pub fn default_archive() -> Vec<u8> {
    let entries: [(&str, u32, (u32, u32)); 4] = [
        ("dev", 0o040755, (0, 0)),
        ("dev/console", 0o020600, (5, 1)),
        ("root", 0o040700, (0, 0)),
        ("TRAILER!!!", 0, (0, 0)),
    ];
    let mut archive = Vec::new();
    for (name, mode, (major, minor)) in entries {
        let len = name.len() as u32 + 1;
        let fields = [0, mode, 0, 0, 1, 0, 0, 0, 0, major, minor, len, 0];
        archive.extend_from_slice(b"070701");
        for field in fields {
            archive.extend_from_slice(alloc::format!("{field:08x}").as_bytes());
        }
        archive.extend_from_slice(name.as_bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

/// Unpacks `image` below `root`.
///
/// # Errors
/// See [`UnpackError`].
pub fn unpack(root: &Path, image: &[u8]) -> Result<Summary, UnpackError> {
    let fs: Arc<FsInfo> = FsInfo::new(root.clone());
    fs.set_umask(0);
    let mut placer = Placer::new(&fs).map_err(|_| UnpackError::NoSpace)?;
    let mut at = 0;
    while at < image.len() {
        let rest = &image[at..];
        match rest {
            [0, ..] => at += 1,
            [b'0', b'7', b'0', b'7', b'0', ..] => {
                let mut plain = Plain::new(rest);
                cpio::unpack(&mut plain, &mut placer)?;
                at += plain.used();
            }
            [0x1f, 0x8b, ..] => {
                let mut stream = gzip::Stream::new(rest)?;
                cpio::unpack(&mut stream, &mut placer)?;
                if !stream.fill()?.is_empty() {
                    return Err(UnpackError::BadGzip("junk within the compressed archive"));
                }
                at += stream.used();
            }
            _ => return Err(compression(rest).unwrap_or(UnpackError::NoMagic(at))),
        }
    }
    Ok(placer.finish())
}

/// The compressions that Linux knows and we do not.
fn compression(bytes: &[u8]) -> Option<UnpackError> {
    const KNOWN: [(&[u8], &str); 6] = [
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        (&[0x02, 0x21, 0x4c, 0x18], "lz4"),
        (&[0x89, 0x4c, 0x5a], "lzo"),
        (b"BZh", "bzip2"),
        (&[0x5d, 0, 0], "lzma"),
    ];
    let found = KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic));
    found.map(|(_, name)| UnpackError::Compression(name))
}

#[cfg(test)]
mod tests;
