//! gzip (RFC 1952) around deflate, as a stream.

use alloc::boxed::Box;
use alloc::vec::Vec;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, TINFL_LZ_DICT_SIZE, decompress};

use super::UnpackError;
use super::input::Input;

/// A gzip member under decompression.
pub struct Stream<'a> {
    input: &'a [u8],
    at: usize,
    state: Box<DecompressorOxide>,
    /// The last 32 KiB of output, written round and round.
    window: Vec<u8>,
    write_at: usize,
    ready: core::ops::Range<usize>,
    crc: Crc32,
    produced: u32,
    done: bool,
}

impl<'a> Stream<'a> {
    /// Reads the header of the member that `input` starts with.
    pub fn new(input: &'a [u8]) -> Result<Self, UnpackError> {
        let at = header_len(input)?;
        let mut window = Vec::new();
        window.try_reserve_exact(TINFL_LZ_DICT_SIZE).map_err(|_| UnpackError::NoSpace)?;
        window.resize(TINFL_LZ_DICT_SIZE, 0);
        Ok(Self {
            input,
            at,
            state: Box::default(),
            window,
            write_at: 0,
            ready: 0..0,
            crc: Crc32::new(),
            produced: 0,
            done: false,
        })
    }

    /// How many bytes of the input the member has, once all of it was read.
    pub fn used(&self) -> usize {
        self.at
    }

    fn more(&mut self) -> Result<(), UnpackError> {
        let rest = &self.input[self.at..];
        let (status, taken, made) =
            decompress(&mut self.state, rest, &mut self.window, self.write_at, 0);
        self.at += taken;
        self.ready = self.write_at..self.write_at + made;
        self.crc.update(&self.window[self.ready.clone()]);
        self.produced = self.produced.wrapping_add(made as u32);
        self.write_at = (self.write_at + made) % TINFL_LZ_DICT_SIZE;
        match status {
            TINFLStatus::Done => {
                self.done = true;
                self.check_trailer()
            }
            TINFLStatus::HasMoreOutput => Ok(()),
            TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => {
                Err(UnpackError::TruncatedGzip)
            }
            _ => Err(UnpackError::BadGzip("invalid deflate data")),
        }
    }

    fn check_trailer(&mut self) -> Result<(), UnpackError> {
        let trailer = self.input.get(self.at..self.at + 8).ok_or(UnpackError::TruncatedGzip)?;
        self.at += 8;
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| trailer[at + i]));
        if word(0) != self.crc.value() {
            return Err(UnpackError::BadGzip("wrong checksum"));
        }
        if word(4) != self.produced {
            return Err(UnpackError::BadGzip("wrong length"));
        }
        Ok(())
    }
}

impl Input for Stream<'_> {
    fn fill(&mut self) -> Result<&[u8], UnpackError> {
        while self.ready.is_empty() && !self.done {
            self.more()?;
        }
        Ok(&self.window[self.ready.clone()])
    }

    fn consume(&mut self, count: usize) {
        self.ready.start += count;
    }
}

/// The length of the header at the start of `bytes`.
fn header_len(bytes: &[u8]) -> Result<usize, UnpackError> {
    const FHCRC: u8 = 2;
    const FEXTRA: u8 = 4;
    const FNAME: u8 = 8;
    const FCOMMENT: u8 = 16;
    const RESERVED: u8 = 0xe0;
    let fixed = bytes.get(..10).ok_or(UnpackError::TruncatedGzip)?;
    let (method, flags) = (fixed[2], fixed[3]);
    if method != 8 || flags & RESERVED != 0 {
        return Err(UnpackError::BadGzip("unknown method or flags"));
    }
    let mut at = 10;
    if flags & FEXTRA != 0 {
        let len = bytes.get(at..at + 2).ok_or(UnpackError::TruncatedGzip)?;
        at += 2 + usize::from(u16::from_le_bytes([len[0], len[1]]));
    }
    for _ in 0..(flags & (FNAME | FCOMMENT)).count_ones() {
        let text = bytes.get(at..).ok_or(UnpackError::TruncatedGzip)?;
        at += text.iter().position(|&byte| byte == 0).ok_or(UnpackError::TruncatedGzip)? + 1;
    }
    if flags & FHCRC != 0 {
        at += 2;
    }
    if at > bytes.len() { Err(UnpackError::TruncatedGzip) } else { Ok(at) }
}

/// The checksum of gzip, eight bytes per step.
struct Crc32(u32);

static TABLES: [[u32; 256]; 8] = crc_tables();

const fn crc_tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 != 0 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

impl Crc32 {
    fn new() -> Self {
        Self(!0)
    }

    fn update(&mut self, bytes: &[u8]) {
        let mut crc = self.0;
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let low = crc.to_le_bytes();
            crc = 0;
            for (i, &byte) in chunk.iter().enumerate() {
                let byte = if i < 4 { byte ^ low[i] } else { byte };
                crc ^= TABLES[7 - i][usize::from(byte)];
            }
        }
        for &byte in chunks.remainder() {
            crc = crc >> 8 ^ TABLES[0][usize::from(crc.to_le_bytes()[0] ^ byte)];
        }
        self.0 = crc;
    }

    fn value(&self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Crc32;

    #[test]
    fn the_checksum_is_the_well_known_one() {
        let mut crc = Crc32::new();
        crc.update(b"1234");
        crc.update(b"56789");
        assert_eq!(crc.value(), 0xcbf4_3926);
        let mut crc = Crc32::new();
        crc.update(b"The quick brown fox jumps over the lazy dog");
        assert_eq!(crc.value(), 0x414f_a339);
    }
}
