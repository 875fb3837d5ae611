//! The cpio format "newc" (`070701`) and the same with checksums (`070702`).
//!
//! A header is 110 ASCII bytes: the magic and 13 numbers of eight hexadecimal digits. Header plus
//! name, and data, are each padded to four bytes.

use super::UnpackError;
use super::input::{Input, read_exact};
use super::place::Placer;
use abi::file::PATH_MAX;

/// Bytes of a header.
const HEADER: usize = 110;
/// The name of the last entry of an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// What a header says of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Inode number, to recognise hard links.
    pub ino: u32,
    /// Type and permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Names of the inode in this archive.
    pub nlink: u32,
    /// Seconds since 1970.
    pub mtime: u32,
    /// Bytes of data.
    pub size: u32,
    /// Device it was on.
    pub dev: (u32, u32),
    /// Device that it is.
    pub rdev: (u32, u32),
}

/// Reads entries and hands them to `placer`, until the input ends or has something that is neither
/// an entry nor padding.
pub fn unpack(input: &mut dyn Input, placer: &mut Placer) -> Result<(), UnpackError> {
    loop {
        let bytes = input.fill()?;
        match bytes.first() {
            None => return Ok(()),
            Some(0) => {
                let zeroes = bytes.iter().take_while(|&&byte| byte == 0).count();
                input.consume(zeroes);
            }
            Some(b'0') => {
                if !entry(input, placer)? {
                    placer.end_archive();
                }
            }
            // Perhaps a compressed archive follows: the caller knows.
            Some(_) => return Ok(()),
        }
    }
}

/// Reads one entry. False: it was the trailer.
fn entry(input: &mut dyn Input, placer: &mut Placer) -> Result<bool, UnpackError> {
    let mut header = [0; HEADER];
    if !read_exact(input, &mut header)? {
        return Err(UnpackError::Truncated);
    }
    let has_checksum = match &header[..6] {
        b"070701" => false,
        b"070702" => true,
        b"070707" => {
            return Err(UnpackError::BadHeader("the old format (cpio -H odc), use newc"));
        }
        _ => return Err(UnpackError::BadHeader("wrong magic")),
    };
    let mut fields = [0; 13];
    for (i, field) in fields.iter_mut().enumerate() {
        *field =
            hex(&header[6 + i * 8..14 + i * 8]).ok_or(UnpackError::BadHeader("not a number"))?;
    }
    let [
        ino,
        mode,
        uid,
        gid,
        nlink,
        mtime,
        size,
        dev_major,
        dev_minor,
        major,
        minor,
        name_len,
        check,
    ] = fields;
    let dev = (dev_major, dev_minor);
    let entry = Entry { ino, mode, uid, gid, nlink, mtime, size, dev, rdev: (major, minor) };
    let name_len = name_len as usize;
    if name_len == 0 || name_len > PATH_MAX {
        return Err(UnpackError::BadHeader("name length"));
    }
    let mut buffer = [0; 256];
    let mut long = alloc::vec::Vec::new();
    let name = if name_len <= buffer.len() {
        &mut buffer[..name_len]
    } else {
        long.resize(name_len, 0);
        &mut long[..]
    };
    take(input, name)?;
    skip(input, padding(HEADER + name_len))?;
    // The name ends at its NUL, wherever that is.
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name_len);
    let name = &name[..end];
    if name == TRAILER {
        skip(input, (size as usize).next_multiple_of(4))?;
        return Ok(false);
    }
    let sum = data(input, placer, name, &entry, has_checksum)?;
    if has_checksum && entry.is_regular() && sum != check {
        return Err(UnpackError::BadChecksum);
    }
    skip(input, padding(size as usize))?;
    Ok(true)
}

impl Entry {
    fn is_regular(&self) -> bool {
        self.mode & 0o170000 == 0o100000
    }

    fn is_symlink(&self) -> bool {
        self.mode & 0o170000 == 0o120000
    }
}

/// Makes the entry and gives it its data. Returns the sum of the bytes.
fn data(
    input: &mut dyn Input,
    placer: &mut Placer,
    name: &[u8],
    entry: &Entry,
    wants_sum: bool,
) -> Result<u32, UnpackError> {
    if entry.is_symlink() {
        if entry.size as usize >= PATH_MAX {
            return Err(UnpackError::BadHeader("link length"));
        }
        let mut text = alloc::vec![0; entry.size as usize];
        take(input, &mut text)?;
        placer.symlink(name, entry, &text);
        return Ok(0);
    }
    let mut file = placer.start(name, entry)?;
    let mut left = entry.size as usize;
    let mut sum = 0u32;
    while left > 0 {
        let bytes = input.fill()?;
        if bytes.is_empty() {
            return Err(UnpackError::Truncated);
        }
        let bytes = &bytes[..bytes.len().min(left)];
        if entry.is_regular() {
            if wants_sum {
                sum = bytes.iter().fold(sum, |sum, &byte| sum.wrapping_add(byte.into()));
            }
            if let Some(file) = &mut file {
                placer.write(file, bytes)?;
            }
        }
        let count = bytes.len();
        input.consume(count);
        left -= count;
    }
    if let Some(file) = file {
        placer.complete(file, entry);
    }
    Ok(sum)
}

fn padding(len: usize) -> usize {
    len.next_multiple_of(4) - len
}

fn take(input: &mut dyn Input, buffer: &mut [u8]) -> Result<(), UnpackError> {
    if !buffer.is_empty() && !read_exact(input, buffer)? {
        return Err(UnpackError::Truncated);
    }
    Ok(())
}

/// Skips `count` bytes. Padding that is missing at the very end is no error.
fn skip(input: &mut dyn Input, mut count: usize) -> Result<(), UnpackError> {
    while count > 0 {
        let here = input.fill()?.len().min(count);
        if here == 0 {
            return Ok(());
        }
        input.consume(here);
        count -= here;
    }
    Ok(())
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |value, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(value << 4 | digit)
    })
}
