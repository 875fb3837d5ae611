//! Writing cpio archives in the "newc" form, the one that Linux takes as an
//! initrd: a header of hexadecimal numbers, the name, the data, each padded to
//! four bytes, and `TRAILER!!!` at the end.

use anyhow::{Result, ensure};

/// What the header of one entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Entries with the same number and a link count above one are one file.
    pub inode: u32,
    /// File type and permissions, as in `st_mode`.
    pub mode: u32,
    /// Number of names of this file in the archive.
    pub links: u32,
    /// Seconds since 1970.
    pub mtime: u32,
    /// Major and minor number, for device nodes.
    pub device: (u32, u32),
}

/// An archive in the making. Owner and group are always 0: whoever packs it,
/// the files belong to the guest's root.
#[derive(Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Adds one entry. `name` has no leading slash; `data` is the content of
    /// a file or the target of a symbolic link. Of hard links only the last
    /// one carries the data.
    pub fn entry(&mut self, name: &str, header: &Header, data: &[u8]) -> Result<()> {
        ensure!(!name.is_empty() && !name.contains('\0'), "cpio: {name:?} cannot be a file name");
        let size = u32::try_from(data.len())?;
        let (major, minor) = header.device;
        let name_size = u32::try_from(name.len())? + 1;
        self.out.extend_from_slice(b"070701");
        for field in [
            header.inode,
            header.mode,
            0,
            0,
            header.links,
            header.mtime,
            size,
            0,
            0,
            major,
            minor,
            name_size,
            0,
        ] {
            self.out.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(0);
        self.pad();
        self.out.extend_from_slice(data);
        self.pad();
        Ok(())
    }

    /// Ends the archive.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        let trailer = Header { inode: 0, mode: 0, links: 1, mtime: 0, device: (0, 0) };
        self.entry("TRAILER!!!", &trailer, &[])?;
        Ok(self.out)
    }

    fn pad(&mut self) {
        while !self.out.len().is_multiple_of(4) {
            self.out.push(0);
        }
    }
}
