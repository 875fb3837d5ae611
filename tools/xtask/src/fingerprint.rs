//! Names for the content of files, to know when something must be built again.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A 64-bit FNV-1a hash. It guards a cache against stale content, not against
/// an attacker, so it need not be a cryptographic one; and unlike the standard
/// library's hasher it stays the same from one Rust release to the next.
#[derive(Clone, Copy)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fingerprint {
    /// Adds bytes, and their length, so that "ab" + "c" is not "a" + "bc".
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        for byte in bytes.iter().copied().chain((bytes.len() as u64).to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }

    /// Adds a file's content.
    pub fn file(self, path: &Path) -> Result<Self> {
        let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(self.bytes(&data))
    }

    /// Sixteen hexadecimal digits.
    pub fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn boundaries_between_parts_count() {
        let one = Fingerprint::default().bytes(b"ab").bytes(b"c");
        let other = Fingerprint::default().bytes(b"a").bytes(b"bc");
        assert_ne!(one.hex(), other.hex());
    }
}
