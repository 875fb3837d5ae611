//! Filters of system calls: `seccomp(2)`, and the classic BPF they are written in.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `PR_SET_SECCOMP`, and `Seccomp` in `/proc/PID/status`: none.
pub const SECCOMP_MODE_DISABLED: u32 = 0;
/// `read(2)`, `write(2)`, `_exit(2)` and `rt_sigreturn(2)` alone.
pub const SECCOMP_MODE_STRICT: u32 = 1;
/// By filters.
pub const SECCOMP_MODE_FILTER: u32 = 2;

/// `seccomp(2)`: go to the strict mode.
pub const SECCOMP_SET_MODE_STRICT: u32 = 0;
/// `seccomp(2)`: add a filter.
pub const SECCOMP_SET_MODE_FILTER: u32 = 1;
/// `seccomp(2)`: ask whether an action is known.
pub const SECCOMP_GET_ACTION_AVAIL: u32 = 2;
/// `seccomp(2)`: ask for the sizes of notifications.
pub const SECCOMP_GET_NOTIF_SIZES: u32 = 3;

bitflags! {
    /// Flags of `SECCOMP_SET_MODE_FILTER`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SeccompFlags: u32 {
        /// For all threads.
        const SECCOMP_FILTER_FLAG_TSYNC = 0x01;
        /// Log every action but `SECCOMP_RET_ALLOW`.
        const SECCOMP_FILTER_FLAG_LOG = 0x02;
        /// Do not turn on the mitigation of speculative store bypass.
        const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 0x04;
        /// Return a descriptor for notifications.
        const SECCOMP_FILTER_FLAG_NEW_LISTENER = 0x08;
        /// When a thread cannot be changed, fail with `ESRCH` rather than return its tid.
        const SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 0x10;
        /// Sleep killably once the notification is read.
        const SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 0x20;
    }
}

/// Result: kill the process.
pub const SECCOMP_RET_KILL_PROCESS: u32 = 0x8000_0000;
/// Result: kill the thread.
pub const SECCOMP_RET_KILL_THREAD: u32 = 0;
/// Result: `SIGSYS`.
pub const SECCOMP_RET_TRAP: u32 = 0x0003_0000;
/// Result: fail with the errno in the low bits.
pub const SECCOMP_RET_ERRNO: u32 = 0x0005_0000;
/// Result: ask the listener.
pub const SECCOMP_RET_USER_NOTIF: u32 = 0x7fc0_0000;
/// Result: tell the tracer, or `ENOSYS`.
pub const SECCOMP_RET_TRACE: u32 = 0x7ff0_0000;
/// Result: log and go on.
pub const SECCOMP_RET_LOG: u32 = 0x7ffc_0000;
/// Result: go on.
pub const SECCOMP_RET_ALLOW: u32 = 0x7fff_0000;
/// Mask of the action. Taken as signed numbers, the lowest of all filters' actions wins.
pub const SECCOMP_RET_ACTION_FULL: u32 = 0xffff_0000;
/// Mask of what belongs to the action.
pub const SECCOMP_RET_DATA: u32 = 0x0000_ffff;

/// The architecture in [`SeccompData`] and in siginfo.
pub const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;

/// `struct seccomp_data`, 64 bytes: what a filter sees.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SeccompData {
    /// The system call's number.
    pub nr: i32,
    /// [`AUDIT_ARCH_X86_64`].
    pub arch: u32,
    /// Where the call is.
    pub instruction_pointer: u64,
    /// Its arguments.
    pub args: [u64; 6],
}

/// `struct sock_filter`, 8 bytes: one instruction of classic BPF.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SockFilter {
    /// The operation, of `BPF_*`.
    pub code: u16,
    /// Jump if true.
    pub jt: u8,
    /// Jump if false.
    pub jf: u8,
    /// A constant.
    pub k: u32,
}

/// `struct sock_fprog`, 16 bytes: a program.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SockFprog {
    /// How many instructions.
    pub len: u16,
    /// Padding.
    pub pad0: [u16; 3],
    /// Address of the first.
    pub filter: u64,
}

/// Classic BPF: the parts of an operation.
#[expect(missing_docs, reason = "the names are Linux's, see linux/filter.h")]
pub mod bpf {
    pub const BPF_LD: u16 = 0x0;
    pub const BPF_LDX: u16 = 0x1;
    pub const BPF_ST: u16 = 0x2;
    pub const BPF_STX: u16 = 0x3;
    pub const BPF_ALU: u16 = 0x4;
    pub const BPF_JMP: u16 = 0x5;
    pub const BPF_RET: u16 = 0x6;
    pub const BPF_MISC: u16 = 0x7;
    pub const BPF_W: u16 = 0x0;
    pub const BPF_H: u16 = 0x8;
    pub const BPF_B: u16 = 0x10;
    pub const BPF_IMM: u16 = 0x0;
    pub const BPF_ABS: u16 = 0x20;
    pub const BPF_IND: u16 = 0x40;
    pub const BPF_MEM: u16 = 0x60;
    pub const BPF_LEN: u16 = 0x80;
    pub const BPF_MSH: u16 = 0xa0;
    pub const BPF_ADD: u16 = 0x0;
    pub const BPF_SUB: u16 = 0x10;
    pub const BPF_MUL: u16 = 0x20;
    pub const BPF_DIV: u16 = 0x30;
    pub const BPF_OR: u16 = 0x40;
    pub const BPF_AND: u16 = 0x50;
    pub const BPF_LSH: u16 = 0x60;
    pub const BPF_RSH: u16 = 0x70;
    pub const BPF_NEG: u16 = 0x80;
    pub const BPF_MOD: u16 = 0x90;
    pub const BPF_XOR: u16 = 0xa0;
    pub const BPF_JA: u16 = 0x0;
    pub const BPF_JEQ: u16 = 0x10;
    pub const BPF_JGT: u16 = 0x20;
    pub const BPF_JGE: u16 = 0x30;
    pub const BPF_JSET: u16 = 0x40;
    pub const BPF_K: u16 = 0x0;
    pub const BPF_X: u16 = 0x8;
    pub const BPF_MAXINSNS: u16 = 4096;
    pub const BPF_A: u16 = 0x10;
    pub const BPF_TAX: u16 = 0x0;
    pub const BPF_TXA: u16 = 0x80;
    pub const BPF_MEMWORDS: u16 = 16;
}
