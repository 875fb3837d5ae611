//! The stack that a new program starts on (System V ABI for x86_64, 3.4.1 "Initial Stack").
//!
//! From high to low: an unused word, the file name, the environment and argument strings, the
//! platform string, 16 random bytes, padding, then what `rsp` points at: argc, the argv pointers,
//! NULL, the envp pointers, NULL, and the auxiliary vector.

use abi::Errno;
use alloc::vec::Vec;
use zerocopy::IntoBytes;

/// One entry of the auxiliary vector: an `AT_*` key and its value.
pub type AuxEntry = (u64, u64);

/// `AT_NULL`: the end of the vector.
const AT_NULL: u64 = 0;
/// `AT_PLATFORM`: the address of the string "x86_64".
const AT_PLATFORM: u64 = 15;
/// `AT_RANDOM`: the address of 16 random bytes.
const AT_RANDOM: u64 = 25;
/// `AT_EXECFN`: the address of the path that was executed.
const AT_EXECFN: u64 = 31;

/// The strings of a new program, each without its terminating NUL.
pub struct StackStrings<'a> {
    /// The path as execve(2) was given it.
    pub filename: &'a [u8],
    /// The arguments.
    pub argv: &'a [Vec<u8>],
    /// The environment.
    pub envp: &'a [Vec<u8>],
    /// Seeds libc's stack protector and pointer guard.
    pub random: [u8; 16],
}

/// A finished stack: bytes to write, and where.
#[derive(Debug)]
pub struct InitialStack {
    /// What `rsp` starts as, a multiple of 16; `bytes` go there.
    pub rsp: u64,
    /// Everything from `rsp` to the top.
    pub bytes: Vec<u8>,
    /// First address of the argument strings (`/proc/PID/cmdline`).
    pub arg_start: u64,
    /// The address after them, which is where the environment starts.
    pub arg_end: u64,
    /// The address after the environment strings.
    pub env_end: u64,
    /// The auxiliary vector with the addresses filled in, `AT_NULL` included (`/proc/PID/auxv`).
    pub auxv: Vec<AuxEntry>,
}

impl InitialStack {
    /// Lays out the stack that ends at `top`. `auxv` is what the loader knows; the entries that are
    /// addresses on the stack are added here.
    ///
    /// # Errors
    /// `ENOMEM` when the kernel cannot hold it; `E2BIG` when it does not fit under `top`.
    pub fn build(top: u64, strings: &StackStrings<'_>, auxv: &[AuxEntry]) -> Result<Self, Errno> {
        let mut area = StringArea::new(strings)?;
        let strings_at = top
            .checked_sub(area.bytes.len() as u64)
            .ok_or(Errno::E2BIG)?;
        area.base = strings_at;

        let mut full_auxv = Vec::new();
        full_auxv
            .try_reserve_exact(auxv.len() + 4)
            .map_err(|_| Errno::ENOMEM)?;
        full_auxv.extend_from_slice(auxv);
        full_auxv.push((AT_RANDOM, area.address(area.random)));
        full_auxv.push((AT_EXECFN, area.address(area.filename)));
        full_auxv.push((AT_PLATFORM, area.address(area.platform)));
        full_auxv.push((AT_NULL, 0));

        let words = 1 + strings.argv.len() + 1 + strings.envp.len() + 1 + 2 * full_auxv.len();
        let rsp = strings_at
            .checked_sub(8 * words as u64)
            .ok_or(Errno::E2BIG)?
            & !15;
        let size = usize::try_from(top - rsp).map_err(|_| Errno::E2BIG)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
        bytes.extend_from_slice((strings.argv.len() as u64).as_bytes());
        let mut at = area.address(area.args);
        for list in [strings.argv, strings.envp] {
            for string in list {
                bytes.extend_from_slice(at.as_bytes());
                at += string.len() as u64 + 1;
            }
            bytes.extend_from_slice(0u64.as_bytes());
        }
        for (key, value) in &full_auxv {
            bytes.extend_from_slice(key.as_bytes());
            bytes.extend_from_slice(value.as_bytes());
        }
        bytes.resize(size - area.bytes.len(), 0);
        bytes.extend_from_slice(&area.bytes);
        Ok(Self {
            rsp,
            bytes,
            arg_start: area.address(area.args),
            arg_end: area.address(area.env),
            env_end: area.address(area.filename),
            auxv: full_auxv,
        })
    }
}

/// The part above the vectors, with the offsets of what is in it.
struct StringArea {
    bytes: Vec<u8>,
    base: u64,
    random: usize,
    platform: usize,
    args: usize,
    env: usize,
    filename: usize,
}

impl StringArea {
    fn new(strings: &StackStrings<'_>) -> Result<Self, Errno> {
        let lists = strings.argv.iter().chain(strings.envp);
        let size = lists.map(|s| s.len() + 1).sum::<usize>() + strings.filename.len() + 64;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
        bytes.extend_from_slice(&strings.random);
        let platform = bytes.len();
        bytes.extend_from_slice(b"x86_64\0");
        let args = bytes.len();
        push_all(&mut bytes, strings.argv);
        let env = bytes.len();
        push_all(&mut bytes, strings.envp);
        let filename = bytes.len();
        bytes.extend_from_slice(strings.filename);
        bytes.push(0);
        // Linux leaves a null pointer at the very top.
        bytes.extend_from_slice(&[0; 8]);
        Ok(Self {
            bytes,
            base: 0,
            random: 0,
            platform,
            args,
            env,
            filename,
        })
    }

    fn address(&self, offset: usize) -> u64 {
        self.base + offset as u64
    }
}

fn push_all(bytes: &mut Vec<u8>, list: &[Vec<u8>]) {
    for string in list {
        bytes.extend_from_slice(string);
        bytes.push(0);
    }
}
