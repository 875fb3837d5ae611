//! ELF programs: what a file asks to have mapped, and what the new stack holds.
//!
//! Everything here is a pure function over bytes, so that the host tests can feed it with anything.
//! `task` does the mapping and the copying. The parsing proper is xmas-elf's; this module reads
//! no more of a file than its header and program headers, and turns them into an [`Image`] whose
//! numbers are checked, or into the errno that execve(2) gives.

mod stack;
#[cfg(test)]
mod tests;

pub use stack::{InitialStack, StackParts, Strings};

use abi::Errno;
use alloc::vec::Vec;
use machine::addr::{PAGE_SIZE, USER_END};
use xmas_elf::ElfFile;
use xmas_elf::header::{Class, Data, Machine, Type as FileType};
use xmas_elf::program::{ProgramHeader, Type as SegmentType};
use zerocopy::IntoBytes;

/// Size of the ELF header of a 64-bit file.
pub const HEADER_SIZE: usize = 64;
/// Size of one program header of a 64-bit file.
const PROGRAM_HEADER_SIZE: usize = 56;
/// Linux takes at most 64 KiB of program headers.
const MAX_PROGRAM_HEADERS: usize = 65536 / PROGRAM_HEADER_SIZE;
/// `EI_CLASS` of 64-bit files.
const ELFCLASS64: u8 = 2;
/// `EI_DATA` of little-endian files.
const ELFDATA2LSB: u8 = 1;
/// Byte offset of `e_phoff` in the header.
const E_PHOFF: usize = 32;

/// Where a program wants to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// At the addresses that it names (`ET_EXEC`).
    Fixed,
    /// Anywhere, its addresses being offsets from there (`ET_DYN`: static-pie, interpreters).
    Relocatable,
}

/// What PT_GNU_STACK says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackRights {
    /// No such header: x86_64's default, not executable.
    Default,
    /// Readable and writable.
    NoExec,
    /// Executable too.
    Exec,
}

/// One `PT_LOAD` segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First byte in the file.
    pub offset: u64,
    /// First address, before the load bias.
    pub addr: u64,
    /// Bytes that come from the file.
    pub file_size: u64,
    /// Bytes in memory; the rest is zero.
    pub mem_size: u64,
    /// Rights.
    pub read: bool,
    /// Rights.
    pub write: bool,
    /// Rights.
    pub exec: bool,
}

impl Segment {
    /// The address after the last byte.
    pub fn end(&self) -> u64 {
        self.addr + self.mem_size
    }
}

/// A program as its headers describe it.
#[derive(Clone, Debug)]
pub struct Image {
    /// Fixed or relocatable.
    pub placement: Placement,
    /// First instruction, before the load bias.
    pub entry: u64,
    /// The loadable segments, in file order.
    pub segments: Vec<Segment>,
    /// Where the program headers are in memory, before the load bias, when a segment covers them.
    pub headers_addr: Option<u64>,
    /// How many program headers there are (`AT_PHNUM`).
    pub headers_count: u64,
    /// Place of the interpreter's path in the file: offset and length with its NUL.
    pub interpreter: Option<(u64, usize)>,
    /// Whether the stack is to be executable.
    pub stack: StackRights,
    /// The largest alignment that a segment asks for; at least a page.
    pub align: u64,
    /// The program headers ask for the impossible. Linux finds out when the old program is gone
    /// already, and kills the process; `segments` ends where the first such header is.
    pub malformed: bool,
}

/// A file that exec reads from.
pub trait ReadAt {
    /// Fills `buffer` from `offset` on as far as the file goes; returns how much that was.
    ///
    /// # Errors
    /// What reading the file gives, usually `EIO`.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno>;
}

impl Image {
    /// Reads the headers of `file`.
    ///
    /// # Errors
    /// `ENOEXEC` when it is not a 64-bit x86 ELF program that Linux would start. Segments that make
    /// no sense are not an error here, see [`Image::malformed`].
    pub fn parse(file: &impl ReadAt) -> Result<Self, Errno> {
        let headers = read_headers(file)?;
        let elf = ElfFile::new(headers.bytes()).map_err(|_| Errno::ENOEXEC)?;
        let placement = match elf.header.pt2.type_().as_type() {
            FileType::Executable => Placement::Fixed,
            FileType::SharedObject => Placement::Relocatable,
            _ => return Err(Errno::ENOEXEC),
        };
        let mut image = Self {
            placement,
            entry: elf.header.pt2.entry_point(),
            segments: Vec::new(),
            headers_addr: None,
            headers_count: u64::from(elf.header.pt2.ph_count()),
            interpreter: None,
            stack: StackRights::Default,
            align: PAGE_SIZE as u64,
            malformed: false,
        };
        for header in elf.program_iter() {
            image.add(&header, headers.file_offset)?;
        }
        image.malformed |= image.segments.is_empty() && placement == Placement::Relocatable;
        Ok(image)
    }

    /// The range of addresses from the first to the last segment, in whole pages.
    pub fn span(&self) -> (u64, u64) {
        let page = PAGE_SIZE as u64;
        let start = self.segments.iter().map(|s| s.addr).min().unwrap_or(0);
        let end = self.segments.iter().map(Segment::end).max().unwrap_or(0);
        (start & !(page - 1), end.next_multiple_of(page))
    }

    fn add(&mut self, header: &ProgramHeader<'_>, headers_offset: u64) -> Result<(), Errno> {
        match header.get_type() {
            Ok(SegmentType::Load) => {
                self.add_segment(header, headers_offset);
                Ok(())
            }
            Ok(SegmentType::Interp) if self.interpreter.is_none() => {
                let size = header.file_size();
                if !(2..=abi::file::PATH_MAX as u64).contains(&size) {
                    return Err(Errno::ENOEXEC);
                }
                self.interpreter = Some((header.offset(), size as usize));
                Ok(())
            }
            Ok(SegmentType::OsSpecific(PT_GNU_STACK)) => {
                let exec = header.flags().is_execute();
                self.stack = if exec { StackRights::Exec } else { StackRights::NoExec };
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add_segment(&mut self, header: &ProgramHeader<'_>, headers_offset: u64) {
        let flags = header.flags();
        let segment = Segment {
            offset: header.offset(),
            addr: header.virtual_addr(),
            file_size: header.file_size(),
            mem_size: header.mem_size(),
            read: flags.is_read(),
            write: flags.is_write(),
            exec: flags.is_execute(),
        };
        self.malformed |= !segment.makes_sense();
        if self.malformed {
            return;
        }
        let in_file = headers_offset.checked_sub(segment.offset);
        if let Some(distance) = in_file.filter(|&d| d < segment.file_size) {
            self.headers_addr.get_or_insert(segment.addr + distance);
        }
        if header.align().is_power_of_two() {
            self.align = self.align.max(header.align());
        }
        self.segments.push(segment);
    }
}

/// `PT_GNU_STACK`.
const PT_GNU_STACK: u32 = 0x6474_e551;

impl Segment {
    /// Linux's conditions on a segment: it lies in user space, and what comes from the file has the
    /// same place in its page there and in memory.
    fn makes_sense(&self) -> bool {
        let page = PAGE_SIZE as u64;
        let in_user_space = self
            .addr
            .checked_add(self.mem_size)
            .and_then(|end| end.checked_next_multiple_of(page))
            .is_some_and(|end| end <= USER_END.as_u64());
        let file_end = self.offset.checked_add(self.file_size);
        let in_file = file_end.is_some_and(|end| i64::try_from(end).is_ok());
        let in_step = self.file_size == 0 || self.offset % page == self.addr % page;
        in_user_space && self.file_size <= self.mem_size && in_file && in_step
    }

    /// The file's part in whole pages: address, length and offset, before the load bias.
    pub fn file_pages(&self) -> Option<FilePages> {
        let inside = self.addr % PAGE_SIZE as u64;
        (self.file_size > 0).then(|| FilePages {
            addr: self.addr - inside,
            len: (inside + self.file_size).next_multiple_of(PAGE_SIZE as u64),
            offset: self.offset - inside,
        })
    }

    /// The range behind the file's bytes that has to be zeroed in the file's last page; empty when
    /// there is nothing behind them.
    pub fn zero_bytes(&self) -> core::ops::Range<u64> {
        let start = self.addr + self.file_size;
        if self.mem_size == self.file_size || self.file_size == 0 {
            return start..start;
        }
        start..start.next_multiple_of(PAGE_SIZE as u64)
    }

    /// The pages behind the file's last one, which hold nothing but zeroes; may be empty.
    pub fn zero_pages(&self) -> core::ops::Range<u64> {
        let page = PAGE_SIZE as u64;
        let start = match self.file_size {
            0 => self.addr - self.addr % page,
            size => (self.addr + size).next_multiple_of(page),
        };
        let end = self.end().next_multiple_of(page);
        if self.mem_size == self.file_size {
            return start..start;
        }
        start..end.max(start)
    }
}

/// Whole pages of a file, as mmap(2) takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePages {
    /// First address, before the load bias.
    pub addr: u64,
    /// Bytes.
    pub len: u64,
    /// First byte in the file.
    pub offset: u64,
}

/// The ELF header and program headers, put together as if they were the whole file: wherever the
/// real file keeps its program headers, here they follow the header.
struct Headers {
    /// u64 so that the bytes are aligned as xmas-elf demands.
    words: Vec<u64>,
    /// Where the program headers are in the real file.
    file_offset: u64,
}

impl Headers {
    fn bytes(&self) -> &[u8] {
        self.words.as_bytes()
    }
}

fn read_headers(file: &impl ReadAt) -> Result<Headers, Errno> {
    let mut words = Vec::new();
    words.try_reserve_exact(HEADER_SIZE / 8).map_err(|_| Errno::ENOMEM)?;
    words.resize(HEADER_SIZE / 8, 0u64);
    let header = words.as_mut_bytes();
    if file.read_at(0, header)? < HEADER_SIZE {
        return Err(Errno::ENOEXEC);
    }
    // Linux takes the machine's number for enough, and does not look at class and byte order.
    header[4..6].copy_from_slice(&[ELFCLASS64, ELFDATA2LSB]);
    let (file_offset, count) = {
        let elf = ElfFile::new(words.as_bytes()).map_err(|_| Errno::ENOEXEC)?;
        check_header(&elf)?;
        (elf.header.pt2.ph_offset(), usize::from(elf.header.pt2.ph_count()))
    };
    let size = count * PROGRAM_HEADER_SIZE;
    words.try_reserve_exact(size / 8).map_err(|_| Errno::ENOMEM)?;
    words.resize((HEADER_SIZE + size) / 8, 0);
    let bytes = words.as_mut_bytes();
    if file.read_at(file_offset, &mut bytes[HEADER_SIZE..])? < size {
        return Err(Errno::ENOEXEC);
    }
    bytes[E_PHOFF..E_PHOFF + 8].copy_from_slice(&(HEADER_SIZE as u64).to_le_bytes());
    Ok(Headers { words, file_offset })
}

fn check_header(elf: &ElfFile<'_>) -> Result<(), Errno> {
    let (first, second) = (&elf.header.pt1, &elf.header.pt2);
    let ours = first.class() == Class::SixtyFour
        && first.data() == Data::LittleEndian
        && second.machine().as_machine() == Machine::X86_64
        && usize::from(second.ph_entry_size()) == PROGRAM_HEADER_SIZE
        && (1..=MAX_PROGRAM_HEADERS).contains(&usize::from(second.ph_count()));
    if ours { Ok(()) } else { Err(Errno::ENOEXEC) }
}
