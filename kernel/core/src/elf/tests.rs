//! Whole and broken programs.

use super::*;
use abi::elf::AuxEntry;
use alloc::vec;
use proptest::prelude::*;
use zerocopy::IntoBytes;

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let n = buffer.len().min(self.len() - start);
        buffer[..n].copy_from_slice(&self[start..start + n]);
        Ok(n)
    }
}

/// A program header in file order.
struct Ph {
    kind: u32,
    flags: u32,
    offset: u64,
    addr: u64,
    file_size: u64,
    mem_size: u64,
}

fn program(kind: u16, headers: &[Ph]) -> Vec<u8> {
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend(kind.to_le_bytes());
    file.extend(62u16.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    file.extend(0x40_1000u64.to_le_bytes());
    file.extend(64u64.to_le_bytes());
    file.extend(0u64.to_le_bytes());
    file.extend(0u32.to_le_bytes());
    file.extend(64u16.to_le_bytes());
    file.extend(56u16.to_le_bytes());
    file.extend((headers.len() as u16).to_le_bytes());
    file.extend([0; 6]);
    for ph in headers {
        file.extend(ph.kind.to_le_bytes());
        file.extend(ph.flags.to_le_bytes());
        for value in [ph.offset, ph.addr, ph.addr, ph.file_size, ph.mem_size, 0x1000] {
            file.extend(value.to_le_bytes());
        }
    }
    file
}

fn load(addr: u64, file_size: u64, mem_size: u64) -> Ph {
    Ph { kind: 1, flags: 5, offset: 0, addr, file_size, mem_size }
}

#[test]
fn a_plain_program_is_read() {
    let stack = Ph { kind: 0x6474_e551, flags: 6, ..load(0, 0, 0) };
    let image = Image::parse(&program(2, &[load(0x40_0000, 0x200, 0x2000), stack])).unwrap();
    assert_eq!(image.placement, Placement::Fixed);
    assert_eq!(image.entry, 0x40_1000);
    assert_eq!(image.headers_addr, Some(0x40_0040));
    assert_eq!(image.headers_count, 2);
    assert_eq!(image.stack, StackRights::NoExec);
    assert_eq!(image.span(), (0x40_0000, 0x40_2000));
    assert!(image.segments[0].exec && !image.segments[0].write);
}

#[test]
fn what_is_not_a_program_is_enoexec() {
    let good = program(3, &[load(0, 0x200, 0x200)]);
    assert!(Image::parse(&good).is_ok());
    for (offset, byte) in [(0, 0x7e), (16, 1), (18, 3), (54, 32), (56, 0)] {
        let mut bad = good.clone();
        bad[offset] = byte;
        assert_eq!(Image::parse(&bad).unwrap_err(), Errno::ENOEXEC, "byte {offset}");
    }
    assert_eq!(Image::parse(&good[..63].to_vec()).unwrap_err(), Errno::ENOEXEC);
    assert_eq!(Image::parse(&good[..100].to_vec()).unwrap_err(), Errno::ENOEXEC);
}

#[test]
fn segments_outside_user_space_or_out_of_step_are_refused() {
    let bad = [
        load(0x7fff_ffff_f000, 0x10, 0x10),
        load(u64::MAX - 0xfff, 0x10, 0x2000),
        load(0x40_0000, 0x20, 0x10),
        load(0x40_0001, 0x10, 0x10),
        Ph { offset: u64::MAX - 0xfff, ..load(0x40_0000, 0x1000, 0x1000) },
    ];
    for ph in bad {
        let image = Image::parse(&program(2, &[load(0x1000, 1, 1), ph])).unwrap();
        assert!(image.malformed);
        assert_eq!(image.segments.len(), 1);
    }
    assert!(Image::parse(&program(3, &[])).is_err());
}

#[test]
fn an_interpreter_is_found_and_its_length_checked() {
    let interp = |size| Ph { kind: 3, offset: 0x100, ..load(0, size, size) };
    let image = Image::parse(&program(3, &[interp(20), load(0, 0x200, 0x200)])).unwrap();
    assert_eq!(image.interpreter, Some((0x100, 20)));
    for size in [0, 1, 4097] {
        let file = program(3, &[interp(size), load(0, 0x200, 0x200)]);
        assert_eq!(Image::parse(&file).unwrap_err(), Errno::ENOEXEC);
    }
}

#[test]
fn a_segment_is_file_pages_then_zeroes() {
    let segment = |addr, file_size, mem_size| Segment {
        offset: 0x2000 + addr % 0x1000,
        addr,
        file_size,
        mem_size,
        read: true,
        write: true,
        exec: false,
    };
    // Data with a bss that begins in its last page.
    let data = segment(0x40_1234, 0x1000, 0x5000);
    let pages = data.file_pages().unwrap();
    assert_eq!((pages.addr, pages.len, pages.offset), (0x40_1000, 0x2000, 0x2000));
    assert_eq!(data.zero_bytes(), 0x40_2234..0x40_3000);
    assert_eq!(data.zero_pages(), 0x40_3000..0x40_7000);
    // A bss that ends in the page of the data.
    let small = segment(0x40_1000, 0x10, 0x20);
    assert_eq!(small.zero_bytes(), 0x40_1010..0x40_2000);
    assert!(small.zero_pages().is_empty());
    // Nothing but bss, nothing but file.
    let bss = segment(0x40_1234, 0, 0x1000);
    assert!(bss.file_pages().is_none() && bss.zero_bytes().is_empty());
    assert_eq!(bss.zero_pages(), 0x40_1000..0x40_3000);
    let text = segment(0x40_1000, 0x1800, 0x1800);
    assert!(text.zero_bytes().is_empty() && text.zero_pages().is_empty());
    assert!(segment(0x40_1000, 0, 0).zero_pages().is_empty());
}

fn strings(list: &[&[u8]]) -> Strings {
    let mut strings = Strings::default();
    list.iter().for_each(|string| strings.push(string).unwrap());
    strings
}

#[test]
fn the_first_string_can_be_replaced() {
    let mut argv = strings(&[b"x", b"a", b""]);
    argv.replace_first(&strings(&[b"/bin/sh", b"-e", b"/script"])).unwrap();
    let expected: &[&[u8]] = &[b"/bin/sh", b"-e", b"/script", b"a", b""];
    assert_eq!(argv.iter().collect::<Vec<_>>(), expected);
    assert_eq!(argv.count(), 5);
}

#[test]
fn the_stack_holds_what_the_abi_says() {
    let argv = [&b"sh"[..], b"-c", b""];
    let top = 0x7fff_ffff_f000;
    let stack_of = |gap| {
        let parts = StackParts {
            top,
            filename: b"/bin/sh",
            argv: &strings(&argv),
            envp: &strings(&[b"A=1"]),
            random: [0x0707_0707_0707_0707; 2],
            gap,
            auxv: &[6, 25, 31, 15].map(|key| AuxEntry::new(key, 4096)),
        };
        InitialStack::build(&parts).unwrap()
    };
    for gap in [0, 1, 4711, 8191] {
        let stack = stack_of(gap);
        assert_eq!(stack.rsp % 16, 0);
        let mut memory = vec![0; (top - stack.rsp) as usize];
        let at = |addr: u64| (addr - stack.rsp) as usize;
        let pieces: [(u64, &[u8]); 4] = [
            (stack.rsp, stack.words.as_bytes()),
            (stack.arg_start, b"sh\0-c\0\0"),
            (stack.env_start, b"A=1\0"),
            (stack.env_end, b"/bin/sh\0"),
        ];
        for (addr, bytes) in pieces {
            assert!(memory[at(addr)..][..bytes.len()].iter().all(|&b| b == 0), "pieces overlap");
            memory[at(addr)..][..bytes.len()].copy_from_slice(bytes);
        }
        assert_eq!(memory[memory.len() - 8..], [0; 8]);

        let word = |addr: u64| u64::from_le_bytes(memory[at(addr)..][..8].try_into().unwrap());
        let string = |addr: u64| memory[at(addr)..].split(|&b| b == 0).next().unwrap().to_vec();
        assert_eq!(word(stack.rsp), 3);
        for (i, arg) in argv.iter().enumerate() {
            assert_eq!(&string(word(stack.rsp + 8 + 8 * i as u64)), arg);
        }
        assert_eq!(word(stack.rsp + 32), 0);
        assert_eq!(string(word(stack.rsp + 40)), b"A=1");
        assert_eq!(word(stack.rsp + 48), 0);
        let aux =
            |index: u64| (word(stack.rsp + 56 + 16 * index), word(stack.rsp + 64 + 16 * index));
        assert_eq!(aux(0), (6, 4096));
        assert_eq!((aux(1).0, word(aux(1).1)), (25, u64::from_le_bytes([7; 8])));
        assert_eq!((aux(2).0, string(aux(2).1)), (31, b"/bin/sh".to_vec()));
        assert_eq!((aux(3).0, string(aux(3).1)), (15, b"x86_64".to_vec()));
        assert_eq!(aux(4), (0, 0));
        assert_eq!(stack.auxv, 7..7 + 5 * 2);
        assert_eq!(stack.env_end - stack.env_start, 4);
    }
    assert!(stack_of(8000).rsp < stack_of(0).rsp);
}

proptest! {
    /// Whatever the bytes say, parsing ends with an image whose numbers are sane, or an errno.
    #[test]
    fn mutated_programs_never_panic(
        edits in proptest::collection::vec((0usize..400, any::<u8>()), 0..12),
        cut in 0usize..400,
    ) {
        let mut file = program(3, &[
            load(0, 0x200, 0x2000),
            Ph { kind: 3, offset: 0x100, ..load(0, 20, 20) },
            Ph { flags: 6, offset: 0x1000, ..load(0x3000, 0x100, 0x300) },
        ]);
        file.resize(400, 0);
        for (at, byte) in edits {
            file[at] = byte;
        }
        file.truncate(400 - cut.min(100));
        if let Ok(image) = Image::parse(&file) {
            let (start, end) = image.span();
            prop_assert!(start <= end && end <= USER_END.as_u64());
            prop_assert!(image.segments.iter().all(|s| s.file_size <= s.mem_size));
        }
    }
}
