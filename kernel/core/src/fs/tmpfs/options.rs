//! The mount options of tmpfs (tmpfs(5)).

use abi::Errno;
use machine::addr::PAGE_SIZE;

/// What a mount asks for; `None` leaves the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Bytes, 0 for no limit.
    pub size: Option<u64>,
    /// Inodes, 0 for no limit.
    pub inodes: Option<u64>,
    /// Permissions of the root.
    pub mode: Option<u32>,
    /// Owner of the root.
    pub uid: Option<u32>,
    /// Group of the root.
    pub gid: Option<u32>,
}

impl Options {
    /// The size in pages.
    pub fn pages(&self) -> Option<u64> {
        self.size.map(|bytes| bytes.div_ceil(PAGE_SIZE as u64))
    }

    /// Reads `size=1m,mode=755,...`.
    ///
    /// # Errors
    /// `EINVAL` for an option or a value that tmpfs does not have.
    pub fn parse(text: &[u8]) -> Result<Self, Errno> {
        let text = core::str::from_utf8(text).map_err(|_| Errno::EINVAL)?;
        let mut options = Self::default();
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "size" => options.size = Some(size(value)?),
                "nr_blocks" => {
                    let blocks = number(value)?;
                    options.size = Some(blocks.checked_mul(PAGE_SIZE as u64).ok_or(Errno::EINVAL)?);
                }
                "nr_inodes" => options.inodes = Some(number(value)?),
                "mode" => {
                    let mode = u32::from_str_radix(value, 8).map_err(|_| Errno::EINVAL)?;
                    options.mode = Some(mode & 0o7777);
                }
                "uid" => options.uid = Some(value.parse().map_err(|_| Errno::EINVAL)?),
                "gid" => options.gid = Some(value.parse().map_err(|_| Errno::EINVAL)?),
                // What memory a page comes from: there is one kind here, and inodes are 64 bits
                // wide anyway.
                "huge" if value == "never" => {}
                "inode64" if value.is_empty() => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(options)
    }
}

/// A number with the suffix k, m or g.
fn number(text: &str) -> Result<u64, Errno> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let value: u64 = digits.parse().map_err(|_| Errno::EINVAL)?;
    value.checked_mul(1 << shift).ok_or(Errno::EINVAL)
}

/// A number of bytes, or a part of all memory in per cent.
fn size(text: &str) -> Result<u64, Errno> {
    let Some(percent) = text.strip_suffix('%') else {
        return number(text);
    };
    let percent: u64 = percent.parse().map_err(|_| Errno::EINVAL)?;
    let memory = machine::frame::stats().total * PAGE_SIZE as u64;
    Ok(memory / 100 * percent.min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_tmpfs_5_says() {
        let options = Options::parse(b"size=16m,mode=755,uid=3,nr_inodes=2k").unwrap();
        assert_eq!(options.size, Some(16 << 20));
        assert_eq!(options.mode, Some(0o755));
        assert_eq!(options.uid, Some(3));
        assert_eq!(options.inodes, Some(2048));
        assert_eq!(Options::parse(b"").unwrap(), Options::default());
        assert_eq!(Options::parse(b"nr_blocks=2").unwrap().size, Some(8192));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for bad in
            [&b"sise=1"[..], b"size=", b"size=1x", b"mode=8", b"size=99999999999999g", b"\xff"]
        {
            assert_eq!(Options::parse(bad), Err(Errno::EINVAL), "{bad:?}");
        }
    }
}
