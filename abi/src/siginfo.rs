//! What a signal tells: `siginfo_t` of `sigaction(2)`, `sigevent(3type)`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Signal;

/// `siginfo_t`, 128 bytes.
///
/// Behind the three numbers is a union; which arm is valid follows from signal and code.
/// It is made by naming signal and code, then adding what the arm holds:
/// `SigInfo::new(signal, SI_QUEUE).with_sender(pid, uid).with_value(value)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SigInfo {
    /// The signal's number.
    pub si_signo: i32,
    /// An errno, nearly always 0.
    pub si_errno: i32,
    /// Why: `SI_*`, or a code of this signal such as [`SEGV_MAPERR`].
    pub si_code: i32,
    pad0: u32,
    arm: [u64; 14],
}

const _: () = assert!(size_of::<SigInfo>() == 128);

/// Two `int`s that lie one after the other.
const fn pair(first: u32, second: u32) -> u64 {
    first as u64 | (second as u64) << 32
}

const fn first(word: u64) -> u32 {
    word as u32
}

const fn second(word: u64) -> u32 {
    (word >> 32) as u32
}

impl SigInfo {
    /// A signal for this reason, with nothing in the union.
    pub const fn new(signal: Signal, code: i32) -> Self {
        Self { si_signo: signal.number() as i32, si_errno: 0, si_code: code, pad0: 0, arm: [0; 14] }
    }

    /// As `kill(2)` sends it.
    pub const fn kill(signal: Signal, pid: i32, uid: u32) -> Self {
        Self::new(signal, SI_USER).with_sender(pid, uid)
    }

    /// As `tkill(2)` and `tgkill(2)` send it.
    pub const fn tkill(signal: Signal, pid: i32, uid: u32) -> Self {
        Self::new(signal, SI_TKILL).with_sender(pid, uid)
    }

    /// As the kernel sends it when there is nothing to tell.
    pub const fn kernel(signal: Signal) -> Self {
        Self::new(signal, SI_KERNEL)
    }

    /// A fault at an address: `SIGSEGV`, `SIGBUS`, `SIGILL`, `SIGFPE`, `SIGTRAP`.
    pub const fn fault(signal: Signal, code: i32, address: u64) -> Self {
        let mut info = Self::new(signal, code);
        info.arm[0] = address;
        info
    }

    /// A POSIX timer expired: `timer_create(2)`.
    pub const fn timer(signal: Signal, id: i32, overrun: i32) -> Self {
        let mut info = Self::new(signal, SI_TIMER);
        info.arm[0] = pair(id as u32, overrun as u32);
        info
    }

    /// Something happened to a child: a `CLD_*` code, and the exit code or the signal. The pid is the
    /// child's, the uid its real one, the times in clock ticks its user and system time.
    pub const fn child(signal: Signal, code: i32, status: i32) -> Self {
        let mut info = Self::new(signal, code);
        info.arm[1] = pair(status as u32, 0);
        info
    }

    /// A file is ready: a `POLL_*` code and the events.
    pub const fn poll(signal: Signal, code: i32, band: i64, fd: i32) -> Self {
        let mut info = Self::new(signal, code);
        info.arm[0] = band as u64;
        info.arm[1] = pair(fd as u32, 0);
        info
    }

    /// A refused system call (`SIGSYS`): `SYS_*` code, call number, `AUDIT_ARCH_*`, and where it is.
    pub const fn syscall(code: i32, call_addr: u64, number: i32, arch: u32) -> Self {
        let mut info = Self::new(Signal::SIGSYS, code);
        info.arm[0] = call_addr;
        info.arm[1] = pair(number as u32, arch);
        info
    }

    /// Adds who sent it, or which child it is about.
    #[must_use]
    pub const fn with_sender(mut self, pid: i32, uid: u32) -> Self {
        self.arm[0] = pair(pid as u32, uid);
        self
    }

    /// Adds the value of `sigqueue(3)`, a timer or a message queue.
    #[must_use]
    pub const fn with_value(mut self, value: u64) -> Self {
        self.arm[1] = value;
        self
    }

    /// Adds a child's user and system time, in clock ticks.
    #[must_use]
    pub const fn with_times(mut self, utime: i64, stime: i64) -> Self {
        self.arm[2] = utime as u64;
        self.arm[3] = stime as u64;
        self
    }

    /// Adds the size of the memory that failed, as a power of two: `BUS_MCEERR_*`.
    #[must_use]
    pub const fn with_address_lsb(mut self, lsb: u16) -> Self {
        self.arm[1] = lsb as u64;
        self
    }

    /// Adds the protection key: `SEGV_PKUERR`.
    #[must_use]
    pub const fn with_pkey(mut self, key: u32) -> Self {
        self.arm[2] = key as u64;
        self
    }

    /// Adds an errno: `SIGSYS` by seccomp.
    #[must_use]
    pub const fn with_errno(mut self, errno: i32) -> Self {
        self.si_errno = errno;
        self
    }

    /// The same with another signal number.
    #[must_use]
    pub const fn with_signal(mut self, signal: Signal) -> Self {
        self.si_signo = signal.number() as i32;
        self
    }

    /// The signal, if the number is one.
    pub const fn signal(&self) -> Option<Signal> {
        Signal::new(self.si_signo as u32)
    }

    /// Whether a process says that it sent this (`SI_FROMUSER`).
    pub const fn is_from_user(&self) -> bool {
        self.si_code <= 0
    }

    /// The sender's pid, or the child's.
    pub const fn pid(&self) -> i32 {
        first(self.arm[0]) as i32
    }

    /// The sender's real uid, or the child's.
    pub const fn uid(&self) -> u32 {
        second(self.arm[0])
    }

    /// The value of `sigqueue(3)`, a timer or a message queue.
    pub const fn value(&self) -> u64 {
        self.arm[1]
    }

    /// A timer's id.
    pub const fn timer_id(&self) -> i32 {
        first(self.arm[0]) as i32
    }

    /// How often a timer expired besides.
    pub const fn overrun(&self) -> i32 {
        second(self.arm[0]) as i32
    }

    /// A child's exit code or signal.
    pub const fn status(&self) -> i32 {
        first(self.arm[1]) as i32
    }

    /// A child's user time, in clock ticks.
    pub const fn utime(&self) -> i64 {
        self.arm[2] as i64
    }

    /// A child's system time, in clock ticks.
    pub const fn stime(&self) -> i64 {
        self.arm[3] as i64
    }

    /// The address of a fault, or of a refused system call.
    pub const fn address(&self) -> u64 {
        self.arm[0]
    }

    /// The size of the memory that failed, as a power of two.
    pub const fn address_lsb(&self) -> u16 {
        self.arm[1] as u16
    }

    /// The protection key of a fault.
    pub const fn pkey(&self) -> u32 {
        first(self.arm[2])
    }

    /// The events of a file.
    pub const fn band(&self) -> i64 {
        self.arm[0] as i64
    }

    /// The descriptor of a file.
    pub const fn fd(&self) -> i32 {
        first(self.arm[1]) as i32
    }

    /// The number of a refused system call.
    pub const fn syscall_number(&self) -> i32 {
        first(self.arm[1]) as i32
    }

    /// `AUDIT_ARCH_*` of a refused system call.
    pub const fn arch(&self) -> u32 {
        second(self.arm[1])
    }
}

// Codes: Any signal.
/// Sent by `kill(2)`.
pub const SI_USER: i32 = 0;
/// Sent by the kernel.
pub const SI_KERNEL: i32 = 128;
/// Sent by `sigqueue(3)`.
pub const SI_QUEUE: i32 = -1;
/// A POSIX timer expired.
pub const SI_TIMER: i32 = -2;
/// A message queue has a message.
pub const SI_MESGQ: i32 = -3;
/// Asynchronous I/O is done.
pub const SI_ASYNCIO: i32 = -4;
/// A file is ready.
pub const SI_SIGIO: i32 = -5;
/// Sent by `tkill(2)` or `tgkill(2)`.
pub const SI_TKILL: i32 = -6;
/// `execve(2)` kills the other threads.
pub const SI_DETHREAD: i32 = -7;
/// A name lookup is done.
pub const SI_ASYNCNL: i32 = -60;

// Codes: `SIGILL`.
/// Illegal opcode.
pub const ILL_ILLOPC: i32 = 1;
/// Illegal operand.
pub const ILL_ILLOPN: i32 = 2;
/// Illegal addressing mode.
pub const ILL_ILLADR: i32 = 3;
/// Illegal trap.
pub const ILL_ILLTRP: i32 = 4;
/// Privileged opcode.
pub const ILL_PRVOPC: i32 = 5;
/// Privileged register.
pub const ILL_PRVREG: i32 = 6;
/// Coprocessor error.
pub const ILL_COPROC: i32 = 7;
/// Internal stack error.
pub const ILL_BADSTK: i32 = 8;

// Codes: `SIGFPE`.
/// Integer division by zero.
pub const FPE_INTDIV: i32 = 1;
/// Integer overflow.
pub const FPE_INTOVF: i32 = 2;
/// Division by zero.
pub const FPE_FLTDIV: i32 = 3;
/// Overflow.
pub const FPE_FLTOVF: i32 = 4;
/// Underflow.
pub const FPE_FLTUND: i32 = 5;
/// Inexact result.
pub const FPE_FLTRES: i32 = 6;
/// Invalid operation.
pub const FPE_FLTINV: i32 = 7;
/// Subscript out of range.
pub const FPE_FLTSUB: i32 = 8;
/// Undiagnosed exception.
pub const FPE_FLTUNK: i32 = 14;

// Codes: `SIGSEGV`.
/// Nothing is mapped there.
pub const SEGV_MAPERR: i32 = 1;
/// The mapping does not allow it.
pub const SEGV_ACCERR: i32 = 2;
/// Bounds check failed.
pub const SEGV_BNDERR: i32 = 3;
/// A protection key does not allow it.
pub const SEGV_PKUERR: i32 = 4;
/// Control protection fault.
pub const SEGV_CPERR: i32 = 10;

// Codes: `SIGBUS`.
/// Wrong alignment.
pub const BUS_ADRALN: i32 = 1;
/// No such physical address, or past the end of the file.
pub const BUS_ADRERR: i32 = 2;
/// Hardware error.
pub const BUS_OBJERR: i32 = 3;
/// Memory failed; act now.
pub const BUS_MCEERR_AR: i32 = 4;
/// Memory failed; act when you like.
pub const BUS_MCEERR_AO: i32 = 5;

// Codes: `SIGTRAP`.
/// Breakpoint.
pub const TRAP_BRKPT: i32 = 1;
/// Single step.
pub const TRAP_TRACE: i32 = 2;
/// Branch trap.
pub const TRAP_BRANCH: i32 = 3;
/// Hardware breakpoint or watchpoint.
pub const TRAP_HWBKPT: i32 = 4;
/// Undiagnosed trap.
pub const TRAP_UNK: i32 = 5;
/// Perf event.
pub const TRAP_PERF: i32 = 6;

// Codes: `SIGCHLD`.
/// The child exited.
pub const CLD_EXITED: i32 = 1;
/// The child was killed.
pub const CLD_KILLED: i32 = 2;
/// The child was killed and dumped core.
pub const CLD_DUMPED: i32 = 3;
/// The traced child trapped.
pub const CLD_TRAPPED: i32 = 4;
/// The child stopped.
pub const CLD_STOPPED: i32 = 5;
/// The child continued.
pub const CLD_CONTINUED: i32 = 6;

// Codes: `SIGIO`.
/// Data to read.
pub const POLL_IN: i32 = 1;
/// Room to write.
pub const POLL_OUT: i32 = 2;
/// A message to read.
pub const POLL_MSG: i32 = 3;
/// Error.
pub const POLL_ERR: i32 = 4;
/// Urgent data to read.
pub const POLL_PRI: i32 = 5;
/// Hang-up.
pub const POLL_HUP: i32 = 6;

// Codes: `SIGSYS`.
/// By seccomp.
pub const SYS_SECCOMP: i32 = 1;
/// By user dispatch.
pub const SYS_USER_DISPATCH: i32 = 2;

/// `struct sigevent`, 64 bytes: how to tell that something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SigEvent {
    /// Handed on in the siginfo.
    pub sigev_value: u64,
    /// Which signal.
    pub sigev_signo: i32,
    /// `SIGEV_*`.
    pub sigev_notify: i32,
    /// Which thread, with `SIGEV_THREAD_ID`.
    pub sigev_tid: i32,
    /// Padding.
    pub pad0: [u32; 11],
}
/// Send a signal.
pub const SIGEV_SIGNAL: i32 = 0;
/// Tell nobody.
pub const SIGEV_NONE: i32 = 1;
/// libc's: run a function in a thread. The kernel takes it as `SIGEV_SIGNAL`.
pub const SIGEV_THREAD: i32 = 2;
/// Or'ed in: send to one thread.
pub const SIGEV_THREAD_ID: i32 = 4;
