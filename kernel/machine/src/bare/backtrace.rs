//! Backtraces by frame pointers, with names from the image's symbol table.

use core::arch::asm;
use core::fmt::Write;

use super::image::{self, KERNEL_BASE};
use super::kernel_map;
use crate::pure::symbols;

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
        let (next, rip) =
            unsafe { ((rbp as *const u64).read(), (rbp as *const u64).add(1).read()) };
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
    let _ = match image::symbols()
        .and_then(|table| symbols::find(table, looked_up.checked_sub(KERNEL_BASE)?))
    {
        Some((name, offset)) => writeln!(out, "  {rip:#018x} {name}+{offset:#x}"),
        None => writeln!(out, "  {rip:#018x}"),
    };
}
