//! Backtraces by frame pointers, with names from the symbol table that `xtask build` puts at the end
//! of the image.
//!
//! The table: magic u64, length u64, count u32, offset of the strings u32, then `count` pairs of (address
//! minus KERNEL_BASE, offset into the strings), sorted by address, then the strings, NUL-terminated.

use core::arch::asm;
use core::fmt::Write;

use super::image::{self, KERNEL_BASE};
use super::kernel_map;

/// More frames than this are not printed.
const FRAMES: usize = 48;

/// Prints the frames from `rip` with frame pointer `rbp` outwards.
pub(super) fn print(out: &mut impl Write, rip: u64, rbp: u64) {
    line(out, rip, false);
    walk(out, rbp);
}

/// Prints the callers of this function.
pub(super) fn print_here(out: &mut impl Write) {
    let rbp: u64;
    // SAFETY: 1. only reads a register.
    unsafe { asm!("mov {}, rbp", out(reg) rbp, options(nomem, nostack, preserves_flags)) };
    walk(out, rbp);
}

fn walk(out: &mut impl Write, mut rbp: u64) {
    for _ in 0..FRAMES {
        // A frame: the caller's frame pointer, then the return address. Broken chains end the walk: only
        // aligned, mapped kernel addresses are followed, and only upwards.
        if !rbp.is_multiple_of(8) || rbp < 1 << 63 || !kernel_map::is_readable(rbp, 16) {
            break;
        }
        // SAFETY: 1. both words are mapped.
        let (next, rip) = unsafe {
            (
                (rbp as *const u64).read(),
                (rbp as *const u64).add(1).read(),
            )
        };
        if !image::is_code(rip) {
            break;
        }
        line(out, rip, true);
        if next <= rbp {
            break;
        }
        rbp = next;
    }
}

/// One frame. A return address may be the first of the next function: look up the call before it.
fn line(out: &mut impl Write, rip: u64, is_return: bool) {
    let looked_up = if is_return { rip - 1 } else { rip };
    // The writer never fails.
    let _ = match image::symbols().and_then(|table| find(table, looked_up)) {
        Some((name, offset)) => writeln!(out, "  {rip:#018x} {name}+{offset:#x}"),
        None => writeln!(out, "  {rip:#018x}"),
    };
}

fn word(table: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(table.get(at..at + 4)?.try_into().ok()?))
}

/// The function that holds `address`, and how far inside.
fn find(table: &[u8], address: u64) -> Option<(&str, u64)> {
    const ENTRIES: usize = 24;
    let wanted = u32::try_from(address.checked_sub(KERNEL_BASE)?).ok()?;
    let count = word(table, 16)? as usize;
    let strings = table.get(word(table, 20)? as usize..)?;
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if word(table, ENTRIES + middle * 8)? <= wanted {
            low = middle + 1
        } else {
            high = middle
        }
    }
    let entry = ENTRIES + low.checked_sub(1)? * 8;
    let name = strings.get(word(table, entry + 4)? as usize..)?;
    let name = core::ffi::CStr::from_bytes_until_nul(name)
        .ok()?
        .to_str()
        .ok()?;
    Some((name, u64::from(wanted - word(table, entry)?)))
}
