//! Entering user mode, and the copy routines.

use core::arch::{asm, global_asm};

use x86_64::instructions::interrupts;

use super::percpu::{self, attention};
use super::traps::{EXIT_TRAP, vector};
use super::{deferred, fpu, irq, thread};
use crate::addr::UserAddr;
use crate::frame::Frame;
use crate::user::{Fault, FetchOp, StrCopy, UserContext, UserExit};

pub use thread::{fs_base, gs_base, set_fs_base, set_gs_base};

global_asm!(include_str!("copy.s"));

unsafe extern "C" {
    fn user_enter();
    fn user_copy(to: *mut u8, from: *const u8, len: usize) -> usize;
    fn user_zero(to: *mut u8, len: usize) -> usize;
    fn user_copy_str(to: *mut u8, from: *const u8, room: usize) -> StrResult;
    static ex_table_start: [u64; 2];
    static ex_table_end: [u64; 2];
}

#[repr(C)]
struct StrResult {
    copied: usize,
    status: usize,
}

/// Where to go on after a page fault at `rip`, if that is one of the copy routines.
pub(super) fn fixup(rip: u64) -> Option<u64> {
    let (start, end) = (&raw const ex_table_start, &raw const ex_table_end);
    // SAFETY: 1. the linker script brackets the table; 2. nobody writes it.
    let table = unsafe { core::slice::from_raw_parts(start, end.offset_from(start) as usize) };
    table.iter().find(|entry| entry[0] == rip).map(|entry| entry[1])
}

impl UserContext {
    /// Runs user mode with these registers until it needs the kernel.
    ///
    /// Must be called without locks, on a thread whose address space is active. Deferred work that
    /// waits runs first; then the result is [`UserExit::Interrupt`], so that the caller looks at its flags once
    /// more before user mode goes on.
    #[inline]
    pub fn run(&mut self) -> UserExit {
        crate::sync::assert_may_sleep();
        interrupts::disable();
        if percpu::wants_attention()
            && let Some(exit) = attend()
        {
            return exit;
        }
        let exit: u64;
        // SAFETY: 1. the entry code fills the registers and nothing else; 2. it comes back with the
        // stack as it was and every other register changed, which the operands say; 3. rbx and rbp can not
        // be named as operands and are saved by hand.
        unsafe {
            asm!(
                "push rbx", "push rbp",
                "call {enter}",
                "pop rbp", "pop rbx",
                enter = sym user_enter,
                inout("rdi") core::ptr::from_mut(&mut self.regs).add(1) => _,
                out("rax") exit, out("rcx") _, out("rdx") _, out("rsi") _, out("r8") _, out("r9") _,
                out("r10") _, out("r11") _, out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            );
        }
        if exit == 0 { UserExit::Syscall } else { trapped(exit) }
    }
}

/// Decodes an exception or handles an interrupt; interrupts are off until here.
#[inline]
fn trapped(exit: u64) -> UserExit {
    let number = (exit & !EXIT_TRAP) as u8;
    let error = exit >> 32;
    if number == vector::PAGE_FAULT {
        let addr = x86_64::registers::control::Cr2::read_raw();
        interrupts::enable();
        return UserExit::PageFault {
            addr,
            write: error & 2 != 0,
            exec: error & 16 != 0,
            present: error & 1 != 0,
            code: error,
        };
    }
    if number >= irq::FIRST {
        irq::handle(number);
        interrupts::enable();
        deferred::run_if_pending();
        percpu::clear_attention(attention::RAN);
        return UserExit::Interrupt;
    }
    interrupts::enable();
    UserExit::Exception { vector: number, error }
}

/// The slow part of entering user mode. Interrupts are off before and after, unless it returns an exit.
#[cold]
fn attend() -> Option<UserExit> {
    loop {
        let bits = percpu::attention();
        if bits & attention::PENDING != 0 {
            interrupts::enable();
            deferred::run_if_pending();
        } else if bits & attention::RAN != 0 {
            percpu::clear_attention(attention::RAN);
            interrupts::enable();
            return Some(UserExit::Interrupt);
        } else if bits & attention::FPU != 0 {
            // Makes room for the state first if there is none, which may want locks.
            interrupts::enable();
            fpu::prepare();
            thread::begin_bases();
            interrupts::disable();
            fpu::load_for_user();
            continue;
        } else {
            return None;
        }
        interrupts::disable();
    }
}

/// Whether the kernel may touch `len` bytes at `addr` for a user at all.
#[inline]
fn range_ok(addr: UserAddr, len: usize) -> bool {
    addr.range_ok(len as u64)
}

/// Copies from user memory; returns how many bytes are left.
#[inline]
pub fn copy_in(dst: &mut [u8], src: UserAddr) -> usize {
    crate::sync::assert_may_sleep();
    if !range_ok(src, dst.len()) {
        return dst.len();
    }
    // SAFETY: 1. dst is writable; 2. src is in the user half, where faults are fixed up.
    unsafe { user_copy(dst.as_mut_ptr(), src.as_u64() as *const u8, dst.len()) }
}

/// Copies to user memory; returns how many bytes are left.
#[inline]
pub fn copy_out(dst: UserAddr, src: &[u8]) -> usize {
    crate::sync::assert_may_sleep();
    if !range_ok(dst, src.len()) {
        return src.len();
    }
    // SAFETY: 1. src is readable; 2. dst is in the user half, where faults are fixed up.
    unsafe { user_copy(dst.as_u64() as *mut u8, src.as_ptr(), src.len()) }
}

/// Zeroes user memory; returns how many bytes are left.
#[inline]
pub fn zero(dst: UserAddr, len: usize) -> usize {
    crate::sync::assert_may_sleep();
    if !range_ok(dst, len) {
        return len;
    }
    // SAFETY: 1. dst is in the user half, where faults are fixed up.
    unsafe { user_zero(dst.as_u64() as *mut u8, len) }
}

/// Copies from user memory into a frame; returns how many bytes are left.
#[inline]
pub fn copy_in_to_frame(frame: &Frame, offset: usize, src: UserAddr, len: usize) -> usize {
    crate::sync::assert_may_sleep();
    check_frame(frame, offset, len);
    if !range_ok(src, len) {
        return len;
    }
    // SAFETY: 1. the range is inside the frame, which `frame` keeps alive; 2. racing writers of a shared frame
    // only mix bytes; 3. src is in the user half, where faults are fixed up.
    unsafe { user_copy(frame.bytes().add(offset), src.as_u64() as *const u8, len) }
}

/// Copies from a frame to user memory; returns how many bytes are left.
#[inline]
pub fn copy_out_from_frame(dst: UserAddr, frame: &Frame, offset: usize, len: usize) -> usize {
    crate::sync::assert_may_sleep();
    check_frame(frame, offset, len);
    if !range_ok(dst, len) {
        return len;
    }
    // SAFETY: as in `copy_in_to_frame`, the other way.
    unsafe { user_copy(dst.as_u64() as *mut u8, frame.bytes().add(offset), len) }
}

#[inline]
#[track_caller]
fn check_frame(frame: &Frame, offset: usize, len: usize) {
    let fits = offset.checked_add(len).is_some_and(|end| end <= frame.size());
    assert!(fits, "a copy of {len} bytes at {offset} leaves the frame");
}

/// Copies a string, up to its NUL or the end of `dst`.
#[inline]
pub fn copy_in_str(dst: &mut [u8], src: UserAddr) -> StrCopy {
    crate::sync::assert_may_sleep();
    // The string may end before the end of user memory even if the whole room does not.
    let room = crate::addr::USER_END.as_u64().saturating_sub(src.as_u64());
    let room = dst.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    if room == 0 {
        return StrCopy { copied: 0, terminated: false, faulted: !dst.is_empty() };
    }
    // SAFETY: 1. dst is writable for `room` bytes; 2. src is in the user half, where faults are fixed up.
    let result = unsafe { user_copy_str(dst.as_mut_ptr(), src.as_u64() as *const u8, room) };
    let full = result.status == 0;
    StrCopy {
        copied: result.copied,
        terminated: result.status == 1,
        faulted: result.status == 2 || full && room < dst.len(),
    }
}

/// The address of a user word that may be touched, if it is one.
#[inline]
fn word(addr: UserAddr) -> Result<*mut u32, Fault> {
    if addr.range_ok(4) { Ok(addr.as_u64() as *mut u32) } else { Err(Fault) }
}

/// One instruction on user memory between stac and clac; `$fault` stays 1 when it faults.
macro_rules! user_instruction {
    ($instruction:literal, $($operands:tt)*) => {
        asm!(
            "9904: .byte 0x0f, 0x1f, 0x00",
            concat!("9905: ", $instruction),
            "xor {fault:e}, {fault:e}",
            "9906: .byte 0x0f, 0x1f, 0x00",
            ".pushsection .smap_sites, \"a\"",
            ".quad 9904b, 9906b - 0x8000000000000000",
            ".popsection",
            ".pushsection .ex_table, \"a\"",
            ".quad 9905b, 9906b",
            ".popsection",
            $($operands)*
        )
    };
}

/// Reads a word of user memory, in one access.
#[inline]
pub fn load_u32(addr: UserAddr) -> Result<u32, Fault> {
    let address = word(addr)?;
    let (value, mut fault): (u32, u32);
    fault = 1;
    // SAFETY: 1. the address is in the user half, where faults are fixed up.
    unsafe {
        user_instruction!("mov {value:e}, [{address}]", address = in(reg) address,
            value = out(reg) value, fault = inout(reg) fault, options(nostack));
    }
    if fault == 0 { Ok(value) } else { Err(Fault) }
}

/// Writes a word of user memory, in one access.
#[inline]
pub fn store_u32(addr: UserAddr, value: u32) -> Result<(), Fault> {
    let address = word(addr)?;
    let mut fault: u32 = 1;
    // SAFETY: as in `load_u32`.
    unsafe {
        user_instruction!("mov [{address}], {value:e}", address = in(reg) address,
            value = in(reg) value, fault = inout(reg) fault, options(nostack));
    }
    if fault == 0 { Ok(()) } else { Err(Fault) }
}

/// Atomically puts `new` where `expected` is; returns what was there.
#[inline]
pub fn cmpxchg_u32(addr: UserAddr, expected: u32, new: u32) -> Result<u32, Fault> {
    let address = word(addr)?;
    let mut fault: u32 = 1;
    let mut old = expected;
    // SAFETY: as in `load_u32`.
    unsafe {
        user_instruction!("lock cmpxchg [{address}], {new:e}", address = in(reg) address,
            new = in(reg) new, inout("eax") old, fault = inout(reg) fault, options(nostack));
    }
    if fault == 0 { Ok(old) } else { Err(Fault) }
}

/// Atomically changes a word of user memory; returns what was there.
pub fn fetch_op_u32(addr: UserAddr, op: FetchOp, value: u32) -> Result<u32, Fault> {
    let mut old = load_u32(addr)?;
    loop {
        let new = match op {
            FetchOp::Set => value,
            FetchOp::Add => old.wrapping_add(value),
            FetchOp::Or => old | value,
            FetchOp::AndNot => old & !value,
            FetchOp::Xor => old ^ value,
        };
        let seen = cmpxchg_u32(addr, old, new)?;
        if seen == old {
            return Ok(old);
        }
        old = seen;
    }
}
