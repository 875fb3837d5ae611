//! Building the memory of a new program: its segments, its interpreter, its stack.
//!
//! All of this happens in a new address space that nobody runs in yet, so whatever fails leaves
//! the old program as it was.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::elf::AuxEntry;
use abi::{Errno, MapFlags, ProtFlags};
use machine::addr::{PAGE_SIZE, UserAddr};
use machine::frame::OutOfFrames;
use zerocopy::IntoBytes;

use super::layout::Places;
use super::program::{Program, Programs};
use crate::elf::{Image, InitialStack, Placement, Segment, StackParts, StackRights, Strings};
use crate::error::{Error, Result};
use crate::mm::{
    AddressSpace, Layout, MapRequest, MapSource, MemoryLimit, MemoryLimits, SourceObject,
};

const PAGE: u64 = PAGE_SIZE as u64;
/// Up to this many bytes of strings are put together first.
const SMALL: usize = 1024;
/// What a new stack is mapped with beyond what is on it already.
const STACK_ROOM: u64 = 128 << 10;

/// What a program is told.
pub struct ProgramStrings {
    /// The path as it was given.
    pub filename: Vec<u8>,
    /// The arguments.
    pub argv: Strings,
    /// The environment.
    pub envp: Strings,
}

impl ProgramStrings {
    /// All of them, in the order in which they lie on the stack. Only the last lacks its NUL.
    fn in_order(&self) -> [&[u8]; 3] {
        [self.argv.bytes(), self.envp.bytes(), &self.filename]
    }
}

/// What a program starts with besides its files.
pub struct StartParts<'a> {
    /// Where things go.
    pub places: Places,
    /// What it is told.
    pub strings: &'a ProgramStrings,
    /// Seeds libc.
    pub random: [u64; 2],
    /// `RLIMIT_STACK`.
    pub stack_limit: u64,
    /// The other limits on memory.
    pub limits: &'a MemoryLimits,
    /// Page 0 is mapped, as System V had it (`MMAP_PAGE_ZERO`).
    pub page_zero: bool,
}

/// A program in memory.
pub struct Loaded {
    /// Its memory.
    pub space: Arc<AddressSpace>,
    /// Its first instruction.
    pub entry: u64,
    /// Its first stack pointer.
    pub stack_pointer: u64,
}

/// Why a program could not be loaded.
#[derive(Debug)]
pub enum LoadError {
    /// It can be reported: the old program goes on.
    Failed(Error),
    /// The file asks for something impossible. Linux finds out when the old program is gone, and
    /// kills the process.
    Deadly,
}

impl From<Errno> for LoadError {
    fn from(errno: Errno) -> Self {
        // When memory is short now, it may be free again later: no reason to die. A program that
        // asks for more than there could ever be is another matter.
        match machine::frame::check_reserve() {
            Err(out) => Self::Failed(out.into()),
            Ok(()) if errno == Errno::E2BIG => Self::Failed(errno.into()),
            Ok(()) => Self::Deadly,
        }
    }
}

impl From<OutOfFrames> for LoadError {
    fn from(out: OutOfFrames) -> Self {
        Self::Failed(out.into())
    }
}

/// Where an image was put.
struct Placed {
    bias: u64,
    entry: u64,
}

/// Builds the memory of `programs`. `auxv` makes the auxiliary vector once the addresses are known.
///
/// # Errors
/// See [`LoadError`].
pub fn load(
    programs: &Programs,
    parts: &StartParts<'_>,
    auxv: impl FnOnce(&Addresses) -> [AuxEntry; AUXV_LEN],
) -> Result<Loaded, LoadError> {
    let main = &programs.main;
    let linker = programs.interpreter.as_ref();
    if main.image.malformed || linker.is_some_and(|linker| linker.image.malformed) {
        return Err(LoadError::Deadly);
    }
    let space = AddressSpace::new()?;
    space.limits().copy_from(parts.limits);
    space.limits().set(MemoryLimit::Stack, parts.stack_limit);
    space.set_layout(|layout| layout.mmap_base = parts.places.mmap_base);
    let stack_bottom = map_stack(&space, main.image.stack, parts)?;
    let main_at = match (main.image.placement, linker) {
        (Placement::Fixed, _) => map_image(&space, main, 0)?,
        (Placement::Relocatable, Some(_)) => {
            let (start, _) = main.image.span();
            let bias = (parts.places.dyn_base & !(main.image.align - 1)).wrapping_sub(start);
            map_image(&space, main, bias)?
        }
        // Linkers and static-pie programs go among the mappings.
        (Placement::Relocatable, None) => map_anywhere(&space, main)?,
    };
    let linker_at = match linker {
        Some(linker) if linker.image.placement == Placement::Relocatable => {
            Some(map_anywhere(&space, linker)?)
        }
        Some(linker) => Some(map_image(&space, linker, 0)?),
        None => None,
    };
    if parts.page_zero {
        // Linux does not care whether this works.
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_EXEC;
        let _ = map_anonymous(&space, (0, PAGE), rights, MapFlags::MAP_FIXED_NOREPLACE);
    }

    let addresses = Addresses {
        headers: main.image.headers_addr.unwrap_or(0).wrapping_add(main_at.bias),
        headers_count: main.image.headers_count,
        linker_base: linker_at.as_ref().map_or(0, |placed| placed.bias),
        entry: main_at.entry,
    };
    let stack = fill_stack(&space, parts, stack_bottom, &auxv(&addresses))?;
    space.set_layout(|layout| {
        describe(layout, &main.image, main_at.bias);
        let moved_heap = linker.is_none() && main.image.placement == Placement::Relocatable;
        place_heap(layout, parts.places, moved_heap);
        layout.start_stack = stack.rsp;
        layout.arg_start = stack.arg_start;
        layout.arg_end = stack.env_start;
        layout.env_start = stack.env_start;
        layout.env_end = stack.env_end;
        layout.auxv = stack.words[stack.auxv.clone()].as_bytes().to_vec();
        layout.exe = Some(main.executable.clone());
    });
    let entry = linker_at.map_or(main_at.entry, |placed| placed.entry);
    Ok(Loaded { space, entry, stack_pointer: stack.rsp })
}

/// Entries of the auxiliary vector, without its end.
pub const AUXV_LEN: usize = 19;

/// What the auxiliary vector tells about where things are.
pub struct Addresses {
    /// `AT_PHDR`
    pub headers: u64,
    /// `AT_PHNUM`
    pub headers_count: u64,
    /// `AT_BASE`
    pub linker_base: u64,
    /// `AT_ENTRY`
    pub entry: u64,
}

/// Maps an image among the mappings, where there is room for all of it at once.
fn map_anywhere(space: &AddressSpace, program: &Program) -> Result<Placed, LoadError> {
    let (start, end) = program.image.span();
    let len = (end - start).checked_add(program.image.align - PAGE).ok_or(Errno::ENOMEM)?;
    let request = MapRequest {
        addr: UserAddr::NULL,
        len,
        prot: ProtFlags::PROT_NONE,
        flags: MapFlags::MAP_PRIVATE | MapFlags::MAP_ANONYMOUS | MapFlags::MAP_NORESERVE,
        source: MapSource::Anonymous,
        offset: 0,
        may_lock: true,
    };
    // Finds the room, and leaves it again: only the segments are mapped in the end.
    let room = space.map(request)?;
    space.unmap(room, len)?;
    let base = room.as_u64().next_multiple_of(program.image.align);
    map_image(space, program, base.wrapping_sub(start))
}

/// How a segment is placed.
#[derive(Clone, Copy)]
struct At {
    /// What is added to its addresses.
    bias: u64,
    /// Whether something else may be in the place.
    place: MapFlags,
}

fn map_image(space: &AddressSpace, program: &Program, bias: u64) -> Result<Placed, LoadError> {
    // The first segment must find its place free; the others may overlap it.
    let mut place = MapFlags::MAP_FIXED_NOREPLACE;
    for segment in &program.image.segments {
        map_file_pages(space, program, segment, At { bias, place })?;
        if segment.file_size > 0 {
            place = MapFlags::MAP_FIXED;
        }
        zero_rest(space, segment, At { bias, place })?;
        place = MapFlags::MAP_FIXED;
    }
    Ok(Placed { bias, entry: program.image.entry.wrapping_add(bias) })
}

/// Maps the part of a segment that comes from the file.
fn map_file_pages(
    space: &AddressSpace,
    program: &Program,
    segment: &Segment,
    at: At,
) -> Result<(), LoadError> {
    let Some(pages) = segment.file_pages() else { return Ok(()) };
    let mut prot = ProtFlags::empty();
    prot.set(ProtFlags::PROT_READ, segment.read);
    prot.set(ProtFlags::PROT_WRITE, segment.write);
    prot.set(ProtFlags::PROT_EXEC, segment.exec);
    let request = MapRequest {
        addr: UserAddr::new(pages.addr.wrapping_add(at.bias)),
        len: pages.len,
        prot,
        flags: MapFlags::MAP_PRIVATE | at.place,
        source: MapSource::File {
            object: SourceObject::Cache(program.cache.clone()),
            file: program.executable.file().clone(),
            readable: true,
            writable: false,
            noexec: false,
        },
        offset: pages.offset,
        may_lock: true,
    };
    space.map(request)?;
    Ok(())
}

/// Zeroes what a segment has in memory beyond the file's bytes.
fn zero_rest(space: &AddressSpace, segment: &Segment, at: At) -> Result<(), LoadError> {
    static ZEROES: [u8; PAGE_SIZE] = [0; PAGE_SIZE];
    let bytes = segment.zero_bytes();
    // Where it is not writable, Linux leaves the bytes of the file in place.
    if segment.write && !bytes.is_empty() {
        let len = usize::try_from(bytes.end - bytes.start).map_err(|_| LoadError::Deadly)?;
        write(space, bytes.start.wrapping_add(at.bias), &ZEROES[..len])?;
    }
    let pages = segment.zero_pages();
    if !pages.is_empty() {
        // Such memory is writable whatever the segment says, as on Linux.
        let mut rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        rights.set(ProtFlags::PROT_EXEC, segment.exec);
        let range = (pages.start.wrapping_add(at.bias), pages.end - pages.start);
        map_anonymous(space, range, rights, at.place)?;
    }
    Ok(())
}

/// Maps private anonymous memory at `range`, an address and a length.
fn map_anonymous(
    space: &AddressSpace,
    range: (u64, u64),
    prot: ProtFlags,
    flags: MapFlags,
) -> Result<(), Errno> {
    let request = MapRequest {
        addr: UserAddr::new(range.0),
        len: range.1,
        prot,
        flags: MapFlags::MAP_PRIVATE | MapFlags::MAP_ANONYMOUS | flags,
        source: MapSource::Anonymous,
        offset: 0,
        may_lock: true,
    };
    space.map(request).map(drop)
}

/// Maps the stack with room for the strings and vectors; returns its lowest address.
fn map_stack(
    space: &AddressSpace,
    rights: StackRights,
    parts: &StartParts<'_>,
) -> Result<u64, LoadError> {
    let told = parts.strings;
    let strings: usize = told.in_order().iter().map(|part| part.len()).sum();
    let pointers = 8 * (told.argv.count() + told.envp.count() + 2 * AUXV_LEN + 16);
    let used = (strings + pointers) as u64 + parts.places.stack_gap + PAGE;
    let used = used.next_multiple_of(PAGE);
    let limit = parts.stack_limit & !(PAGE - 1);
    let size = (used + STACK_ROOM).min(limit.max(used));
    let bottom = parts.places.stack_top - size;
    let mut prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    prot.set(ProtFlags::PROT_EXEC, rights == StackRights::Exec);
    let flags = MapFlags::MAP_FIXED_NOREPLACE | MapFlags::MAP_GROWSDOWN | MapFlags::MAP_STACK;
    map_anonymous(space, (bottom, size), prot, flags)?;
    Ok(bottom)
}

fn fill_stack(
    space: &AddressSpace,
    parts: &StartParts<'_>,
    bottom: u64,
    auxv: &[AuxEntry],
) -> Result<InitialStack, LoadError> {
    let stack = InitialStack::build(&StackParts {
        top: parts.places.stack_top,
        filename: &parts.strings.filename,
        argv: &parts.strings.argv,
        envp: &parts.strings.envp,
        random: parts.random,
        gap: parts.places.stack_gap,
        auxv,
    })?;
    if stack.rsp < bottom {
        return Err(Errno::E2BIG.into());
    }
    write(space, stack.rsp, stack.words.as_bytes())?;
    let strings = parts.strings.in_order();
    let len: usize = strings.iter().map(|part| part.len()).sum();
    if len <= SMALL {
        // The usual case, at the price of one write: the three follow each other.
        let mut all = [0; SMALL];
        let mut at = 0;
        for part in strings {
            all[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        write(space, stack.arg_start, &all[..len])?;
    } else {
        let [argv, envp, filename] = strings;
        write(space, stack.arg_start, argv)?;
        write(space, stack.env_start, envp)?;
        write(space, stack.env_end, filename)?;
    }
    Ok(stack)
}

/// Writes to the new memory.
fn write(space: &AddressSpace, addr: u64, bytes: &[u8]) -> Result<(), LoadError> {
    if space.write_remote(UserAddr::new(addr), bytes, false) == bytes.len() {
        return Ok(());
    }
    // The pages are mapped and writable, so either memory has run out, or the file is shorter than
    // its headers say, and Linux would die of a bus error here.
    Err(Errno::EFAULT.into())
}

/// Notes where code and data are, for /proc and brk(2).
fn describe(layout: &mut Layout, image: &Image, bias: u64) {
    let code = || image.segments.iter().filter(|segment| segment.exec);
    let at = |addr: u64| addr.wrapping_add(bias);
    layout.start_code = code().map(|segment| at(segment.addr)).min().unwrap_or(0);
    layout.end_code = code().map(|segment| at(segment.addr + segment.file_size)).max().unwrap_or(0);
    let all = || image.segments.iter();
    layout.start_data = all().map(|segment| at(segment.addr)).max().unwrap_or(0);
    layout.end_data = all().map(|segment| at(segment.addr + segment.file_size)).max().unwrap_or(0);
    let end = all().map(|segment| at(segment.end())).max().unwrap_or(0);
    layout.start_brk = end.next_multiple_of(PAGE);
}

/// Places the heap behind the program, or, for programs that are among the mappings, where they
/// would be if they had an interpreter: down there it can grow.
fn place_heap(layout: &mut Layout, places: Places, moved: bool) {
    if moved {
        layout.start_brk = places.dyn_base;
    }
    layout.start_brk += places.brk_gap;
    layout.brk = layout.start_brk;
}
