//! Growing text that never panics for lack of memory.

use alloc::vec::Vec;
use core::fmt;

use abi::Errno;

/// What a file in /proc says. When memory runs out it stops growing, and reading fails.
#[derive(Debug, Default)]
pub struct Text {
    bytes: Vec<u8>,
    failed: bool,
}

impl Text {
    /// Appends formatted text; see the macro `put!`.
    pub fn put(&mut self, text: fmt::Arguments<'_>) {
        // `write_str` below never fails.
        let _ = fmt::Write::write_fmt(self, text);
    }

    /// Appends bytes as they are.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed || self.bytes.try_reserve(bytes.len()).is_err() {
            self.failed = true;
            return;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends `bytes`, with those in `special` and the backslash as octal escapes, as Linux does
    /// in lists whose fields are separated by spaces.
    pub fn push_escaped(&mut self, bytes: &[u8], special: &[u8]) {
        for &byte in bytes {
            if byte == b'\\' || special.contains(&byte) {
                self.put(format_args!("\\{byte:03o}"));
            } else {
                self.push(&[byte]);
            }
        }
    }

    /// Appends spaces until `column` bytes follow the position `start`.
    pub fn pad(&mut self, start: usize, column: usize) {
        while !self.failed && self.bytes.len() < start + column {
            self.push(b" ");
        }
    }

    /// How much there is.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The finished text.
    ///
    /// # Errors
    /// `ENOMEM` when it could not grow.
    pub fn finish(self) -> Result<Vec<u8>, Errno> {
        if self.failed { Err(Errno::ENOMEM) } else { Ok(self.bytes) }
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Appends formatted text to a [`Text`].
macro_rules! put {
    ($out:expr, $($text:tt)*) => { $out.put(format_args!($($text)*)) };
}
pub(super) use put;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_padded_and_escaped() {
        let mut text = Text::default();
        put!(text, "a{}", 1);
        text.pad(0, 5);
        text.push_escaped(b"b c\\", b" \n");
        assert_eq!(text.finish().expect("memory"), b"a1   b\\040c\\134");
    }
}
