//! The kernel's symbol table, for the backtrace of a panic.
//!
//! A kernel cannot read its own ELF symbols: the loader leaves them in the
//! file. So the linker script keeps a place for them, a last loadable segment
//! that holds only `{magic, length 0}`, and here that segment is replaced by
//! the table of all functions. Linking stays a single pass, and the addresses
//! in the table are final because the segment is the last one.
//!
//! The table, little-endian: u64 magic, u64 length of the whole, u32 count,
//! u32 offset of the strings; then `count` pairs {u32 address - BASE, u32
//! offset into the strings} by rising address; then the NUL-terminated names.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{ElfFile64, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};

/// First word of the segment, in the placeholder and in the finished table.
pub const MAGIC: u64 = 0x4f58_4b53_594d_5331;

/// Addresses are stored as offsets from here, where the kernel's half begins.
pub const BASE: u64 = 0xffff_ffff_8000_0000;

const HEADER_BYTES: usize = 24;
const SECTION: &str = ".ksyms";

/// Returns the kernel image with the table of its functions in place.
pub fn embed(image: &[u8]) -> Result<Vec<u8>> {
    let elf = ElfFile64::<Endianness>::parse(image).context("not an ELF file")?;
    let table = encode(&functions(&elf))?;
    let place = find_placeholder(&elf, image)?;

    let mut out = image.to_vec();
    // The file offset must agree with the address modulo the alignment.
    while out.len() as u64 % place.align != place.address % place.align {
        out.push(0);
    }
    let offset = out.len() as u64;
    out.extend_from_slice(&table);
    let size = table.len() as u64;
    let header = place.program_header;
    put(&mut out, header + 8, offset);
    put(&mut out, header + 32, size);
    put(&mut out, header + 40, size);
    put(&mut out, place.section_header + 24, offset);
    put(&mut out, place.section_header + 32, size);
    Ok(out)
}

/// Function names by address, demangled, without the hash.
fn functions(elf: &ElfFile64<'_, Endianness>) -> BTreeMap<u32, String> {
    let mut functions = BTreeMap::new();
    for symbol in elf.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let Ok(name) = symbol.name() else { continue };
        let offset =
            symbol.address().checked_sub(BASE).and_then(|offset| u32::try_from(offset).ok());
        if let (Some(offset), false) = (offset, name.is_empty()) {
            functions
                .entry(offset)
                .or_insert_with(|| format!("{:#}", rustc_demangle::demangle(name)));
        }
    }
    functions
}

fn encode(functions: &BTreeMap<u32, String>) -> Result<Vec<u8>> {
    let strings_at = HEADER_BYTES + 8 * functions.len();
    let mut entries = Vec::new();
    let mut strings = Vec::new();
    for (address, name) in functions {
        entries.extend_from_slice(&address.to_le_bytes());
        entries.extend_from_slice(&u32::try_from(strings.len())?.to_le_bytes());
        strings.extend_from_slice(name.as_bytes());
        strings.push(0);
    }
    let mut table = Vec::with_capacity(strings_at + strings.len());
    table.extend_from_slice(&MAGIC.to_le_bytes());
    table.extend_from_slice(&((strings_at + strings.len()) as u64).to_le_bytes());
    table.extend_from_slice(&u32::try_from(functions.len())?.to_le_bytes());
    table.extend_from_slice(&u32::try_from(strings_at)?.to_le_bytes());
    table.append(&mut entries);
    table.append(&mut strings);
    Ok(table)
}

/// Where in the file the placeholder is described.
struct Placeholder {
    program_header: usize,
    section_header: usize,
    address: u64,
    align: u64,
}

fn find_placeholder(elf: &ElfFile64<'_, Endianness>, image: &[u8]) -> Result<Placeholder> {
    let endian = Endianness::Little;
    let header: &FileHeader64<Endianness> = elf.elf_header();
    let section = elf
        .section_by_name(SECTION)
        .with_context(|| format!("the kernel has no section {SECTION}"))?;
    let address = section.address();
    let segments = elf.elf_program_headers();
    let index = segments
        .iter()
        .position(|segment| segment.p_type(endian) == PT_LOAD && segment.p_vaddr(endian) == address)
        .with_context(|| format!("no loadable segment begins at {SECTION}"))?;
    let end = |segment: &object::elf::ProgramHeader64<Endianness>| {
        segment.p_vaddr(endian) + segment.p_memsz(endian)
    };
    if segments
        .iter()
        .any(|other| other.p_type(endian) == PT_LOAD && end(other) > end(&segments[index]))
    {
        bail!("{SECTION} is not the last segment, so it cannot grow");
    }
    let data = segments[index]
        .data(Endianness::Little, image)
        .ok()
        .context("the segment lies outside the file")?;
    ensure!(
        data.get(..8) == Some(&MAGIC.to_le_bytes()[..]),
        "{SECTION} does not begin with the magic number"
    );
    Ok(Placeholder {
        program_header: usize::try_from(header.e_phoff.get(endian))? + index * 56,
        section_header: usize::try_from(header.e_shoff.get(endian))? + section.index().0 * 64,
        address,
        align: segments[index].p_align(endian).max(1),
    })
}

fn put(out: &mut [u8], at: usize, value: u64) {
    out[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::{BASE, MAGIC, embed};

    const PROGRAM: &str = "
        .globl _start, _ZN4core3fmt9Formatter3pad17h0123456789abcdefE
        .type _start, @function
        .type _ZN4core3fmt9Formatter3pad17h0123456789abcdefE, @function
        .text
        _start: ret
        _ZN4core3fmt9Formatter3pad17h0123456789abcdefE: ret
        .section .ksyms, \"a\"
        .quad 0x4f584b53594d5331, 0
    ";

    const SCRIPT: &str = "
        ENTRY(_start)
        PHDRS { text PT_LOAD FLAGS(5); ksyms PT_LOAD FLAGS(4); }
        SECTIONS {
            . = 0xffffffff80200000;
            .text : AT(0x200000) { *(.text) } :text
            . = ALIGN(0x1000);
            .ksyms : AT(0x201000) { KEEP(*(.ksyms)) } :ksyms
            /DISCARD/ : { *(.note*) *(.comment) }
        }
    ";

    fn link(dir: &Path) -> Vec<u8> {
        let path = |name: &str| dir.join(name);
        fs::write(path("a.s"), PROGRAM).expect("writes");
        fs::write(path("a.ld"), SCRIPT).expect("writes");
        let run = |program: &str, args: &[&str]| {
            let status =
                Command::new(program).current_dir(dir).args(args).status().expect("starts");
            assert!(status.success(), "{program} {args:?}");
        };
        run("as", &["-o", "a.o", "a.s"]);
        run("ld", &["-T", "a.ld", "-o", "a.elf", "a.o"]);
        fs::read(path("a.elf")).expect("linked")
    }

    #[test]
    fn the_table_replaces_the_placeholder_and_the_file_stays_elf() {
        use object::{Object as _, ObjectSection as _};
        let dir = tempfile::tempdir().expect("a temporary directory");
        let image = embed(&link(dir.path())).expect("embeds");
        let elf = object::File::parse(&*image).expect("still an ELF file");
        let table =
            elf.section_by_name(".ksyms").expect("has the section").data().expect("in the file");

        let u32_at = |at: usize| u32::from_le_bytes(table[at..at + 4].try_into().expect("4 bytes"));
        assert_eq!(table[..8], MAGIC.to_le_bytes());
        assert_eq!(u32_at(8) as usize, table.len());
        assert_eq!(u32_at(16), 2, "two functions");
        let strings = &table[u32_at(20) as usize..];
        assert_eq!(strings, b"_start\0core::fmt::Formatter::pad\0");
        assert_eq!(u64::from(u32_at(24)) + BASE, 0xffff_ffff_8020_0000);
        assert_eq!((u32_at(28), u32_at(36)), (0, 7));
    }

    #[test]
    fn a_kernel_without_the_placeholder_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut image = link(dir.path());
        let at =
            image.windows(8).position(|bytes| bytes == MAGIC.to_le_bytes()).expect("placeholder");
        image[at] ^= 1;
        assert!(embed(&image).is_err());
    }
}
