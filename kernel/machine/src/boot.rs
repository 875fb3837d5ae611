//! What the boot loader told.

pub use crate::backend::boot::{BootInfo, Initrds, Protocol};

impl BootInfo {
    /// The value of the last `key=value` word of the command line, if there is one. Words after
    /// `--` belong to init and are not looked at.
    pub fn word(&self, key: &str) -> Option<&str> {
        self.words().filter_map(|word| word.strip_prefix(key)?.strip_prefix('=')).last()
    }

    /// Whether the command line has the word `key` without a value.
    pub fn has_word(&self, key: &str) -> bool {
        self.words().any(|word| word == key)
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.cmdline()
            .split(|byte| byte.is_ascii_whitespace())
            .filter_map(|word| core::str::from_utf8(word).ok())
            .take_while(|word| *word != "--")
    }
}
