//! The stack that a new program starts on (System V ABI for x86_64, 3.4.1 "Initial Stack").
//!
//! From high to low, as Linux lays it out: a null pointer, the file name, the environment and
//! argument strings, a gap of random size, the platform string, 16 random bytes, padding, then what
//! `rsp` points at: argc, the argv pointers, NULL, the envp pointers, NULL, and the auxiliary vector.

use abi::Errno;
use abi::elf::{AT_EXECFN, AT_NULL, AT_PLATFORM, AT_RANDOM, AuxEntry, PLATFORM};
use alloc::vec::Vec;
use zerocopy::IntoBytes;

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
            bytes
                .try_reserve(string.len() + 1)
                .map_err(|_| Errno::ENOMEM)?;
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
        let first = self
            .bytes
            .iter()
            .position(|&byte| byte == 0)
            .map_or(0, |nul| nul + 1);
        self.bytes
            .try_reserve(front.bytes.len())
            .map_err(|_| Errno::ENOMEM)?;
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
        self.bytes
            .split_inclusive(|&byte| byte == 0)
            .map(|string| &string[..string.len() - 1])
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
    pub random: [u8; 16],
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
    /// What goes to `rsp`: argc, the vectors, the platform string and the random bytes.
    pub vectors: Vec<u8>,
    /// Where the argument strings go.
    pub arg_start: u64,
    /// The address after them, where the environment strings go.
    pub env_start: u64,
    /// The address after those, where the file name goes, and behind it its NUL.
    pub env_end: u64,
    /// Where the auxiliary vector is in `vectors`, its end included.
    pub auxv: core::ops::Range<usize>,
}

/// The random bytes and the platform string with its NUL.
const BELOW_STRINGS: u64 = 16 + PLATFORM.len() as u64 + 1;

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
        let platform = (down(arg_start, parts.gap)? & !15) - (PLATFORM.len() as u64 + 1);
        let random = down(platform, 16)?;
        let auxv_words = 2 * (parts.auxv.len() + 1);
        let words = 1 + parts.argv.count() + 1 + parts.envp.count() + 1 + auxv_words;
        let rsp = down(random, 8 * words as u64)? & !15;

        let size = usize::try_from(random + BELOW_STRINGS - rsp).map_err(|_| Errno::E2BIG)?;
        let mut vectors = Vec::new();
        vectors.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
        vectors.extend_from_slice((parts.argv.count() as u64).as_bytes());
        push_addresses(&mut vectors, arg_start, parts.argv);
        push_addresses(&mut vectors, env_start, parts.envp);
        let auxv_start = vectors.len();
        for entry in parts.auxv {
            let value = match entry.a_type {
                AT_RANDOM => random,
                AT_EXECFN => filename,
                AT_PLATFORM => platform,
                _ => entry.a_val,
            };
            vectors.extend_from_slice(AuxEntry::new(entry.a_type, value).as_bytes());
        }
        vectors.extend_from_slice(AuxEntry::new(AT_NULL, 0).as_bytes());
        let auxv_end = vectors.len();
        vectors.resize(size - BELOW_STRINGS as usize, 0);
        vectors.extend_from_slice(&parts.random);
        vectors.extend_from_slice(PLATFORM);
        vectors.push(0);
        Ok(Self {
            rsp,
            vectors,
            arg_start,
            env_start,
            env_end: filename,
            auxv: auxv_start..auxv_end,
        })
    }
}

/// Appends the address of each string, the first being at `at`, and a null pointer.
fn push_addresses(out: &mut Vec<u8>, at: u64, strings: &Strings) {
    let mut at = at;
    for string in strings.iter() {
        out.extend_from_slice(at.as_bytes());
        at += string.len() as u64 + 1;
    }
    out.extend_from_slice(0u64.as_bytes());
}
