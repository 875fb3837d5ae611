//! Where the bytes of an archive come from.

use super::UnpackError;

/// A stream of bytes that lends them in pieces.
pub trait Input {
    /// The next bytes; none at the end.
    fn fill(&mut self) -> Result<&[u8], UnpackError>;

    /// Moves past the first `count` of them.
    fn consume(&mut self, count: usize);
}

/// An archive that is not compressed.
pub struct Plain<'a> {
    bytes: &'a [u8],
    used: usize,
}

impl<'a> Plain<'a> {
    /// A stream of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, used: 0 }
    }

    /// How many bytes were consumed.
    pub fn used(&self) -> usize {
        self.used
    }
}

impl Input for Plain<'_> {
    fn fill(&mut self) -> Result<&[u8], UnpackError> {
        Ok(&self.bytes[self.used..])
    }

    fn consume(&mut self, count: usize) {
        self.used += count;
    }
}

/// Fills `buffer`. False: the stream ended before its first byte.
///
/// # Errors
/// `Truncated` when it ends in the middle.
pub fn read_exact(input: &mut dyn Input, buffer: &mut [u8]) -> Result<bool, UnpackError> {
    let mut done = 0;
    while done < buffer.len() {
        let bytes = input.fill()?;
        if bytes.is_empty() {
            return if done == 0 { Ok(false) } else { Err(UnpackError::Truncated) };
        }
        let count = bytes.len().min(buffer.len() - done);
        buffer[done..done + count].copy_from_slice(&bytes[..count]);
        input.consume(count);
        done += count;
    }
    Ok(true)
}
