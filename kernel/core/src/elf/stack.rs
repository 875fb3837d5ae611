//! The stack that a new program starts on (System V ABI for x86_64, 3.4.1 "Initial Stack").
//!
//! From high to low, as Linux lays it out: a null pointer, the file name, the environment and
//! argument strings, a gap of random size, the platform string, 16 random bytes, padding, then what
//! `rsp` points at: argc, the argv pointers, NULL, the envp pointers, NULL, and the auxiliary vector.

use abi::Errno;
use abi::elf::{AT_EXECFN, AT_NULL, AT_PLATFORM, AT_RANDOM, AuxEntry, PLATFORM};
use alloc::vec::Vec;

/// Strings one behind the other, each with its NUL: as they will be in the memory of the program.
#[derive(Clone, Debug, Default)]
pub struct Strings {
    bytes: Vec<u8>,
    count: usize,
}

impl Strings {
    /// Adds a string, which has no NUL.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn push(&mut self, string: &[u8]) -> Result<(), Errno> {
        self.push_with(|bytes| {
            bytes.try_reserve(string.len() + 1).map_err(|_| Errno::ENOMEM)?;
            bytes.extend_from_slice(string);
            Ok(())
        })
    }

    /// Adds the string that `fill` appends to the bytes, without its NUL. When it fails, nothing
    /// is added.
    ///
    /// # Errors
    /// Those of `fill`, and `ENOMEM`.
    pub fn push_with<E: From<Errno>>(
        &mut self,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.bytes.len();
        if let Err(error) = fill(&mut self.bytes) {
            self.bytes.truncate(before);
            return Err(error);
        }
        if self.bytes.try_reserve(1).is_err() {
            self.bytes.truncate(before);
            return Err(Errno::ENOMEM.into());
        }
        self.bytes.push(0);
        self.count += 1;
        Ok(())
    }

    /// Puts `front` in the place of the first string, if there is one.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn replace_first(&mut self, front: &Strings) -> Result<(), Errno> {
        let first = self.bytes.iter().position(|&byte| byte == 0).map_or(0, |nul| nul + 1);
        self.bytes.try_reserve(front.bytes.len()).map_err(|_| Errno::ENOMEM)?;
        self.bytes.splice(..first, front.bytes.iter().copied());
        self.count = self.count.saturating_sub(1) + front.count;
        Ok(())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// All of them, with their NULs.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One after the other, without their NULs.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split_inclusive(|&byte| byte == 0).map(|string| &string[..string.len() - 1])
    }
}

/// What the stack of a new program is made of.
pub struct StackParts<'a> {
    /// One past the highest byte of the stack.
    pub top: u64,
    /// The path as execve(2) was given it.
    pub filename: &'a [u8],
    /// The arguments.
    pub argv: &'a Strings,
    /// The environment.
    pub envp: &'a Strings,
    /// Seeds libc's stack protector and pointer guard.
    pub random: [u64; 2],
    /// Bytes to leave free below the strings, so that the stack pointer is hard to guess.
    pub gap: u64,
    /// The auxiliary vector in its order, without its end. What points to the stack (`AT_RANDOM`,
    /// `AT_EXECFN`, `AT_PLATFORM`) gets its value here.
    pub auxv: &'a [AuxEntry],
}

/// Where the parts of a stack are, and the part that is not strings.
#[derive(Debug)]
pub struct InitialStack {
    /// What `rsp` starts as, a multiple of 16.
    pub rsp: u64,
    /// What goes to `rsp`: argc, the vectors, the random bytes and the platform string.
    pub words: Vec<u64>,
    /// Where the argument strings go.
    pub arg_start: u64,
    /// The address after them, where the environment strings go.
    pub env_start: u64,
    /// The address after those, where the file name goes, and behind it its NUL.
    pub env_end: u64,
    /// Where the auxiliary vector is in `words`, its end included.
    pub auxv: core::ops::Range<usize>,
}

/// The random bytes and the platform string, in words.
const BELOW_STRINGS: usize = 3;

impl InitialStack {
    /// Lays out the stack.
    ///
    /// # Errors
    /// `ENOMEM` when the kernel cannot hold it; `E2BIG` when it does not fit below the top.
    pub fn build(parts: &StackParts<'_>) -> Result<Self, Errno> {
        let down = |from: u64, bytes: u64| from.checked_sub(bytes).ok_or(Errno::E2BIG);
        let filename = down(parts.top, 8 + parts.filename.len() as u64 + 1)?;
        let env_start = down(filename, parts.envp.bytes().len() as u64)?;
        let arg_start = down(env_start, parts.argv.bytes().len() as u64)?;
        let random = down(arg_start, parts.gap + 8 * BELOW_STRINGS as u64)? & !15;
        let auxv_words = 2 * (parts.auxv.len() + 1);
        let vectors = 1 + parts.argv.count() + 1 + parts.envp.count() + 1 + auxv_words;
        let rsp = down(random, 8 * vectors as u64)? & !15;

        let pad = usize::try_from((random - rsp) / 8).map_err(|_| Errno::E2BIG)? - vectors;
        let mut words = Vec::new();
        words.try_reserve_exact(vectors + pad + BELOW_STRINGS).map_err(|_| Errno::ENOMEM)?;
        words.push(parts.argv.count() as u64);
        push_addresses(&mut words, arg_start, parts.argv);
        push_addresses(&mut words, env_start, parts.envp);
        let auxv_start = words.len();
        for entry in parts.auxv {
            let value = match entry.a_type {
                AT_RANDOM => random,
                AT_EXECFN => filename,
                AT_PLATFORM => random + 16,
                _ => entry.a_val,
            };
            words.extend_from_slice(&[entry.a_type, value]);
        }
        words.extend_from_slice(&[AT_NULL, 0]);
        let auxv = auxv_start..words.len();
        words.resize(vectors + pad, 0);
        words.extend_from_slice(&parts.random);
        words.push(platform_word());
        Ok(Self { rsp, words, arg_start, env_start, env_end: filename, auxv })
    }
}

/// The platform string with its NUL, as it lies in memory.
fn platform_word() -> u64 {
    const { assert!(PLATFORM.len() < 8) };
    let mut bytes = [0; 8];
    bytes[..PLATFORM.len()].copy_from_slice(PLATFORM);
    u64::from_le_bytes(bytes)
}

/// Appends the address of each string, the first being at `at`, and a null pointer.
fn push_addresses(out: &mut Vec<u64>, at: u64, strings: &Strings) {
    let mut at = at;
    for string in strings.iter() {
        out.push(at);
        at += string.len() as u64 + 1;
    }
    out.push(0);
}
