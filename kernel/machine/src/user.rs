//! User mode: entering it, and reaching into its memory.
//!
//! **User mode is a function call.** [`UserContext::run`] enters user mode with the registers of the
//! context and comes back when something needs the kernel: [`UserExit`] says what. Interrupts are
//! handled inside; the caller only learns that one happened, to look at its flags.
//!
//! **The copy routines never resolve faults.** They copy until they meet a page that does not allow it, and
//! return how many bytes are *left*. The caller resolves the fault as one from user mode
//! (lazy page, copy-on-write, stack growth) and goes on from there. All of them act on the address
//! space that is active on this processor, and must be called without locks, except for those that work on one
//! word: futexes look at theirs under a lock. A range that is not wholly
//! below [`USER_END`](crate::addr::USER_END) copies nothing.

pub use crate::backend::user::{
    cmpxchg_u32, copy_in, copy_in_str, copy_in_to_frame, copy_out, copy_out_from_frame,
    fetch_op_u32, fs_base, gs_base, load_u32, set_fs_base, set_gs_base, store_u32, zero,
};

/// The registers of a thread in user mode.
///
/// Any value is allowed in any register: what user mode may not have (kernel selectors, I/O
/// privilege, masked interrupts) is put right when it is entered. After [`UserExit::Syscall`], `rax`
/// and `orig_rax` hold the call number, `rcx` is `rip` and `r11` is `rflags`, as the instruction leaves
/// them. After other exits `orig_rax` is -1, so that signal code can tell.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the processor's")]
#[derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout)]
pub struct Registers {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub orig_rax: u64,
    pub rip: u64,
    pub rflags: u64,
    pub rsp: u64,
}

impl Registers {
    /// The code selector that user mode always has (`__USER_CS` on Linux).
    pub const CS: u16 = 0x33;
    /// The stack selector that user mode always has (`__USER_DS` on Linux).
    pub const SS: u16 = 0x2b;
    /// `orig_rax` when the last exit was no system call.
    pub const NO_SYSCALL: u64 = u64::MAX;
}

/// Bits of `rflags` that the kernel cares about (Intel SDM volume 1, 3.4.3).
pub mod rflags {
    /// Carry.
    pub const CF: u64 = 1 << 0;
    /// Always one.
    pub const FIXED: u64 = 1 << 1;
    /// Parity.
    pub const PF: u64 = 1 << 2;
    /// Auxiliary carry.
    pub const AF: u64 = 1 << 4;
    /// Zero.
    pub const ZF: u64 = 1 << 6;
    /// Sign.
    pub const SF: u64 = 1 << 7;
    /// Trap after each instruction.
    pub const TF: u64 = 1 << 8;
    /// Interrupts are let in.
    pub const IF: u64 = 1 << 9;
    /// String instructions go down.
    pub const DF: u64 = 1 << 10;
    /// Overflow.
    pub const OF: u64 = 1 << 11;
    /// Nested task.
    pub const NT: u64 = 1 << 14;
    /// Resume: ignore an instruction breakpoint once.
    pub const RF: u64 = 1 << 16;
    /// Alignment check.
    pub const AC: u64 = 1 << 18;
    /// CPUID is there.
    pub const ID: u64 = 1 << 21;
    /// What user mode can set; the rest is masked when it is entered.
    pub const USER: u64 = CF | PF | AF | ZF | SF | TF | DF | OF | NT | RF | AC | ID;
}

/// A thread's way into user mode.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(16))]
pub struct UserContext {
    /// What the thread's registers are while it is in the kernel.
    pub regs: Registers,
}

/// Why [`UserContext::run`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserExit {
    /// A `syscall` instruction; the number is in `rax`, the arguments in `rdi rsi rdx r10 r8 r9`.
    Syscall,
    /// A page fault.
    PageFault {
        /// The address that was touched (CR2).
        addr: u64,
        /// It was a write.
        write: bool,
        /// It was an instruction fetch.
        exec: bool,
        /// The page is present: the access went against its rights.
        present: bool,
        /// The error code as the processor gave it, for siginfo.
        code: u64,
    },
    /// Another exception.
    Exception {
        /// The number of the exception.
        vector: u8,
        /// The error code, 0 for those without one.
        error: u64,
    },
    /// An interrupt came, or deferred work ran since the last entry: look at the flags and go on.
    Interrupt,
}

impl UserContext {
    /// A context that starts at `rip` with `rsp`, everything else zero.
    pub fn new(rip: u64, rsp: u64) -> Self {
        let regs =
            Registers { rip, rsp, rflags: rflags::IF | rflags::FIXED, ..Registers::default() };
        Self { regs }
    }
}

/// A user page that does not allow the access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// What [`fetch_op_u32`] does with the word (the operations of `FUTEX_WAKE_OP`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchOp {
    /// `word = value`
    Set,
    /// `word += value`
    Add,
    /// `word |= value`
    Or,
    /// `word &= !value`
    AndNot,
    /// `word ^= value`
    Xor,
}

/// What [`copy_in_str`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrCopy {
    /// Bytes copied, without the NUL.
    pub copied: usize,
    /// The NUL was found behind them.
    pub terminated: bool,
    /// The byte behind them can not be read now.
    pub faulted: bool,
}
