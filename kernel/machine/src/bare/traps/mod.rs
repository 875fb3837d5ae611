//! Exceptions and interrupts: the descriptor table, and what happens in kernel mode.
//!
//! What comes from user mode is returned by `UserContext::run` (see [`user`](super::user)). In kernel
//! mode only three things are in order: an interrupt, a page fault of one of the copy routines (it goes on
//! at its fixup), and an NMI that stops the processor. All else is a bug and ends in a panic.

use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::mem::{offset_of, size_of};

use x86_64::VirtAddr;
use x86_64::instructions::interrupts;
use x86_64::instructions::tables::lidt;
use x86_64::structures::DescriptorTablePointer;

use super::gdt::{KERNEL_CS, ist};
use super::percpu::{self, CpuLocal, RSP0};
use super::{deferred, irq, smp};
use crate::user::{Registers, rflags};

/// Bit of `user_enter`'s result for everything but a system call: the low byte is the vector, the
/// upper half the error code.
pub(super) const EXIT_TRAP: u64 = 1 << 16;

/// Exception numbers that are treated specially.
pub(super) mod vector {
    /// Non-maskable interrupt.
    pub const NMI: u8 = 2;
    /// Breakpoint (`int3`).
    pub const BREAKPOINT: u8 = 3;
    /// Overflow (`into`).
    pub const OVERFLOW: u8 = 4;
    /// Double fault.
    pub const DOUBLE_FAULT: u8 = 8;
    /// Page fault.
    pub const PAGE_FAULT: u8 = 14;
    /// Machine check.
    pub const MACHINE_CHECK: u8 = 18;
}

/// The flags that keep `user_enter` from using sysret.
const SYSRET_FLAGS_REFUSED: i32 =
    !(rflags::USER & !(rflags::TF | rflags::RF | rflags::NT) | rflags::FIXED) as i32;

/// The offset of a register from the end of `Registers`.
macro_rules! from_end {
    ($field:ident) => {
        offset_of!(Registers, $field) as i32 - size_of::<Registers>() as i32
    };
}

global_asm!(
    include_str!("entry.s"),
    RSP0 = const RSP0,
    CONTEXT_END = const offset_of!(CpuLocal, context_end),
    USER_RSP = const offset_of!(CpuLocal, user_rsp),
    USER_CS = const Registers::CS,
    USER_SS = const Registers::SS,
    USER_FLAGS = const rflags::USER,
    SYSRET_FLAGS_REFUSED = const SYSRET_FLAGS_REFUSED,
    EXIT_TRAP = const EXIT_TRAP,
    R15 = const from_end!(r15), R14 = const from_end!(r14), R13 = const from_end!(r13),
    R12 = const from_end!(r12), R11 = const from_end!(r11), R10 = const from_end!(r10),
    R9 = const from_end!(r9), R8 = const from_end!(r8), RBP = const from_end!(rbp),
    RBX = const from_end!(rbx), RAX = const from_end!(rax), RCX = const from_end!(rcx),
    RDX = const from_end!(rdx), RSI = const from_end!(rsi), RDI = const from_end!(rdi),
    ORIG_RAX = const from_end!(orig_rax), RIP = const from_end!(rip),
    RFLAGS = const from_end!(rflags), RSP = const from_end!(rsp),
    kernel_trap = sym kernel_trap,
    paranoid_trap = sym paranoid_trap,
);

unsafe extern "C" {
    fn trap_stubs();
}

/// What the entry code leaves on the stack for a trap in kernel mode.
#[repr(C)]
#[derive(Debug)]
pub(super) struct TrapFrame {
    r15: u64,
    r14: u64,
    r13: u64,
    r12: u64,
    pub rbp: u64,
    rbx: u64,
    r11: u64,
    r10: u64,
    r9: u64,
    r8: u64,
    rax: u64,
    rcx: u64,
    rdx: u64,
    rsi: u64,
    rdi: u64,
    vector: u64,
    error: u64,
    pub rip: u64,
    cs: u64,
    rflags: u64,
    pub rsp: u64,
    ss: u64,
}

/// The interrupt descriptor table: 256 gates of 16 bytes, the same for all processors.
struct Table(UnsafeCell<[[u64; 2]; 256]>);

// SAFETY: 1. written once on the boot processor before it is loaded; the processors only read it.
unsafe impl Sync for Table {}

static IDT: Table = Table(UnsafeCell::new([[0; 2]; 256]));

/// Fills the table.
///
/// # Safety
/// Once, on the boot processor, before any processor loads it.
pub(super) unsafe fn build() {
    for number in 0..=255u8 {
        let stub = trap_stubs as *const () as u64 + u64::from(number) * 16;
        let stack = match number {
            vector::DOUBLE_FAULT => ist::DOUBLE_FAULT,
            vector::NMI => ist::NMI,
            vector::MACHINE_CHECK => ist::MACHINE_CHECK,
            _ => 0,
        };
        let user = matches!(number, vector::BREAKPOINT | vector::OVERFLOW);
        let access = 0x8e | if user { 0x60 } else { 0 };
        let low = stub & 0xffff
            | u64::from(KERNEL_CS) << 16
            | u64::from(stack) << 32
            | access << 40
            | (stub >> 16 & 0xffff) << 48;
        // SAFETY: 1. nobody else looks yet.
        unsafe { (*IDT.0.get())[usize::from(number)] = [low, stub >> 32] };
    }
}

/// Loads the table on this processor.
///
/// # Safety
/// After `build`, with the segments of `gdt` loaded.
pub(super) unsafe fn load() {
    let base = VirtAddr::from_ptr(IDT.0.get());
    // SAFETY: 1. the table lives for ever and its gates lead to the stubs.
    unsafe { lidt(&DescriptorTablePointer { limit: 256 * 16 - 1, base }) }
}

/// An exception or interrupt in kernel mode, interrupts off.
extern "C" fn kernel_trap(frame: &mut TrapFrame) {
    let number = frame.vector as u8;
    if number >= irq::FIRST {
        irq::handle(number);
        if percpu::depth_word() == 0 {
            interrupts::enable();
            deferred::run_pending();
            interrupts::disable();
        }
        return;
    }
    if number == vector::PAGE_FAULT
        && let Some(fixup) = super::user::fixup(frame.rip)
    {
        frame.rip = fixup;
        return;
    }
    fatal(frame)
}

/// Double fault, NMI and machine check, from anywhere.
extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
    if frame.vector as u8 == vector::NMI {
        // The only sender is a processor that panics; an NMI from elsewhere is ignored.
        smp::stop_if_panicking();
        return;
    }
    fatal(frame)
}

/// A bug: says what is known and panics.
fn fatal(frame: &TrapFrame) -> ! {
    const NAMES: [&str; 20] = [
        "divide error",
        "debug",
        "NMI",
        "breakpoint",
        "overflow",
        "bound range",
        "invalid opcode",
        "no device",
        "double fault",
        "9",
        "invalid TSS",
        "segment not present",
        "stack fault",
        "general protection fault",
        "page fault",
        "15",
        "x87 error",
        "alignment check",
        "machine check",
        "SIMD error",
    ];
    let name = NAMES.get(frame.vector as usize).unwrap_or(&"exception");
    let address = x86_64::registers::control::Cr2::read_raw();
    super::panic::note_trap(frame);
    let guard = super::image::layout().stack_guard;
    if super::stack::is_guard(address) || (guard..guard + 4096).contains(&address) {
        panic!("the kernel stack overflowed at {:#x}", frame.rip);
    }
    panic!(
        "{name} in kernel mode: rip {:#x}, error {:#x}, address {address:#x}\n\
         rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}\n\
         rsi {:016x} rdi {:016x} rbp {:016x} rsp {:016x}\n\
         r8  {:016x} r9  {:016x} r10 {:016x} r11 {:016x}\n\
         r12 {:016x} r13 {:016x} r14 {:016x} r15 {:016x}\n\
         cs {:x} ss {:x} rflags {:x}",
        frame.rip,
        frame.error,
        frame.rax,
        frame.rbx,
        frame.rcx,
        frame.rdx,
        frame.rsi,
        frame.rdi,
        frame.rbp,
        frame.rsp,
        frame.r8,
        frame.r9,
        frame.r10,
        frame.r11,
        frame.r12,
        frame.r13,
        frame.r14,
        frame.r15,
        frame.cs,
        frame.ss,
        frame.rflags,
    )
}
