//! Tracing: `ptrace(2)`.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Requests.
#[expect(missing_docs, reason = "the names are Linux's, see ptrace(2)")]
pub mod request {
    pub const PTRACE_TRACEME: i64 = 0;
    pub const PTRACE_PEEKTEXT: i64 = 1;
    pub const PTRACE_PEEKDATA: i64 = 2;
    pub const PTRACE_PEEKUSR: i64 = 3;
    pub const PTRACE_POKETEXT: i64 = 4;
    pub const PTRACE_POKEDATA: i64 = 5;
    pub const PTRACE_POKEUSR: i64 = 6;
    pub const PTRACE_CONT: i64 = 7;
    pub const PTRACE_KILL: i64 = 8;
    pub const PTRACE_SINGLESTEP: i64 = 9;
    pub const PTRACE_GETREGS: i64 = 12;
    pub const PTRACE_SETREGS: i64 = 13;
    pub const PTRACE_GETFPREGS: i64 = 14;
    pub const PTRACE_SETFPREGS: i64 = 15;
    pub const PTRACE_ATTACH: i64 = 16;
    pub const PTRACE_DETACH: i64 = 17;
    pub const PTRACE_GETFPXREGS: i64 = 18;
    pub const PTRACE_SETFPXREGS: i64 = 19;
    pub const PTRACE_OLDSETOPTIONS: i64 = 21;
    pub const PTRACE_SYSCALL: i64 = 24;
    pub const PTRACE_GET_THREAD_AREA: i64 = 25;
    pub const PTRACE_SET_THREAD_AREA: i64 = 26;
    pub const PTRACE_ARCH_PRCTL: i64 = 30;
    pub const PTRACE_SYSEMU: i64 = 31;
    pub const PTRACE_SYSEMU_SINGLESTEP: i64 = 32;
    pub const PTRACE_SINGLEBLOCK: i64 = 33;
    pub const PTRACE_SETOPTIONS: i64 = 0x4200;
    pub const PTRACE_GETEVENTMSG: i64 = 0x4201;
    pub const PTRACE_GETSIGINFO: i64 = 0x4202;
    pub const PTRACE_SETSIGINFO: i64 = 0x4203;
    pub const PTRACE_GETREGSET: i64 = 0x4204;
    pub const PTRACE_SETREGSET: i64 = 0x4205;
    pub const PTRACE_SEIZE: i64 = 0x4206;
    pub const PTRACE_INTERRUPT: i64 = 0x4207;
    pub const PTRACE_LISTEN: i64 = 0x4208;
    pub const PTRACE_PEEKSIGINFO: i64 = 0x4209;
    pub const PTRACE_GETSIGMASK: i64 = 0x420a;
    pub const PTRACE_SETSIGMASK: i64 = 0x420b;
    pub const PTRACE_SECCOMP_GET_FILTER: i64 = 0x420c;
    pub const PTRACE_SECCOMP_GET_METADATA: i64 = 0x420d;
    pub const PTRACE_GET_SYSCALL_INFO: i64 = 0x420e;
    pub const PTRACE_GET_RSEQ_CONFIGURATION: i64 = 0x420f;
    pub const PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG: i64 = 0x4210;
    pub const PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG: i64 = 0x4211;
    pub const PTRACE_SET_SYSCALL_INFO: i64 = 0x4212;
}

bitflags! {
    /// Options: `PTRACE_SETOPTIONS`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct PtraceOptions: u64 {
        /// Stops at system calls are `SIGTRAP | 0x80`.
        const PTRACE_O_TRACESYSGOOD = 0x01;
        /// Stop at `fork(2)`.
        const PTRACE_O_TRACEFORK = 0x02;
        /// Stop at `vfork(2)`.
        const PTRACE_O_TRACEVFORK = 0x04;
        /// Stop at `clone(2)`.
        const PTRACE_O_TRACECLONE = 0x08;
        /// Stop at `execve(2)`.
        const PTRACE_O_TRACEEXEC = 0x10;
        /// Stop when `vfork(2)`'s parent goes on.
        const PTRACE_O_TRACEVFORKDONE = 0x20;
        /// Stop at exit.
        const PTRACE_O_TRACEEXIT = 0x40;
        /// Stop at `SECCOMP_RET_TRACE`.
        const PTRACE_O_TRACESECCOMP = 0x80;
        /// Kill the tracee when the tracer exits.
        const PTRACE_O_EXITKILL = 0x10_0000;
        /// No seccomp filters.
        const PTRACE_O_SUSPEND_SECCOMP = 0x20_0000;
    }
}

/// Stopped at `fork(2)`: see [`WaitStatus::event_stopped`](crate::WaitStatus::event_stopped).
pub const PTRACE_EVENT_FORK: u8 = 1;
/// Stopped at `vfork(2)`.
pub const PTRACE_EVENT_VFORK: u8 = 2;
/// Stopped at `clone(2)`.
pub const PTRACE_EVENT_CLONE: u8 = 3;
/// Stopped at `execve(2)`.
pub const PTRACE_EVENT_EXEC: u8 = 4;
/// Stopped where `vfork(2)`'s parent goes on.
pub const PTRACE_EVENT_VFORK_DONE: u8 = 5;
/// Stopped at exit.
pub const PTRACE_EVENT_EXIT: u8 = 6;
/// Stopped at `SECCOMP_RET_TRACE`.
pub const PTRACE_EVENT_SECCOMP: u8 = 7;
/// Stopped by the group, or by `PTRACE_INTERRUPT`.
pub const PTRACE_EVENT_STOP: u8 = 128;

/// Message of a stop at a system call's start: `PTRACE_GETEVENTMSG`.
pub const PTRACE_EVENTMSG_SYSCALL_ENTRY: u64 = 1;
/// Message of a stop at a system call's end.
pub const PTRACE_EVENTMSG_SYSCALL_EXIT: u64 = 2;

/// `PTRACE_PEEKSIGINFO`: the group's queue rather than the thread's.
pub const PTRACE_PEEKSIGINFO_SHARED: u32 = 1;

/// `struct user_regs_struct`, 216 bytes: `PTRACE_GETREGS`, and the start of `struct user`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are registers")]
pub struct UserRegs {
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
    pub cs: u64,
    pub eflags: u64,
    pub rsp: u64,
    pub ss: u64,
    pub fs_base: u64,
    pub gs_base: u64,
    pub ds: u64,
    pub es: u64,
    pub fs: u64,
    pub gs: u64,
}

/// Size of `struct user`, which `PTRACE_PEEKUSR` reads.
pub const USER_SIZE: usize = 912;
/// Where the debug registers are in it.
pub const USER_DEBUGREG_OFFSET: usize = 848;

/// `struct ptrace_peeksiginfo_args`, 16 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct PeekSigInfoArgs {
    /// From which signal on.
    pub off: u64,
    /// `PTRACE_PEEKSIGINFO_SHARED`.
    pub flags: u32,
    /// How many.
    pub nr: i32,
}

/// `struct ptrace_syscall_info`, 88 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct PtraceSyscallInfo {
    /// `PTRACE_SYSCALL_INFO_*`.
    pub op: u8,
    /// Padding.
    pub reserved: u8,
    /// Must be 0.
    pub flags: u16,
    /// [`AUDIT_ARCH_X86_64`](crate::seccomp::AUDIT_ARCH_X86_64).
    pub arch: u32,
    /// `rip`.
    pub instruction_pointer: u64,
    /// `rsp`.
    pub stack_pointer: u64,
    /// At the start: number and six arguments. At the end: the result, and 1 if it is an error.
    /// For seccomp: number, six arguments, `SECCOMP_RET_DATA`.
    pub data: [u64; 8],
}

/// Not at a system call.
pub const PTRACE_SYSCALL_INFO_NONE: u8 = 0;
/// At a system call's start.
pub const PTRACE_SYSCALL_INFO_ENTRY: u8 = 1;
/// At a system call's end.
pub const PTRACE_SYSCALL_INFO_EXIT: u8 = 2;
/// At `SECCOMP_RET_TRACE`.
pub const PTRACE_SYSCALL_INFO_SECCOMP: u8 = 3;
