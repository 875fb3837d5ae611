//! Waiting for children: `wait4(2)`, `waitid(2)`.

use bitflags::bitflags;

use crate::Signal;

bitflags! {
    /// Options of `wait4(2)` and `waitid(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct WaitOptions: u32 {
        /// Do not sleep.
        const WNOHANG = 0x1;
        /// Stopped children too. `wait4(2)`'s name for `WSTOPPED`.
        const WUNTRACED = 0x2;
        /// Stopped children too. `waitid(2)`'s name for `WUNTRACED`.
        const WSTOPPED = 0x2;
        /// Children that ended; `wait4(2)` always means them.
        const WEXITED = 0x4;
        /// Continued children too.
        const WCONTINUED = 0x8;
        /// Leave the child as it is, to be waited for again.
        const WNOWAIT = 0x100_0000;
        /// Only this thread's children, not those of the whole group.
        const __WNOTHREAD = 0x2000_0000;
        /// Children of every kind.
        const __WALL = 0x4000_0000;
        /// Only children whose exit signal is not `SIGCHLD`.
        const __WCLONE = 0x8000_0000;
    }
}

impl WaitOptions {
    /// What `wait4(2)` accepts.
    pub const WAIT4: Self = Self::WNOHANG
        .union(Self::WUNTRACED)
        .union(Self::WCONTINUED)
        .union(Self::__WNOTHREAD)
        .union(Self::__WALL)
        .union(Self::__WCLONE);
    /// What `waitid(2)` accepts; one of `WEXITED`, `WSTOPPED`, `WCONTINUED` is needed.
    pub const WAITID: Self = Self::all();
}

/// `waitid(2)`: any child.
pub const P_ALL: i32 = 0;
/// `waitid(2)`: the child with this pid.
pub const P_PID: i32 = 1;
/// `waitid(2)`: any child of this process group; 0 means the caller's.
pub const P_PGID: i32 = 2;
/// `waitid(2)`: the child of this pidfd.
pub const P_PIDFD: i32 = 3;

/// What became of a child, encoded as `wait4(2)` reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WaitStatus(i32);

impl WaitStatus {
    /// The child called `exit(2)`; only the lowest byte of the code is reported.
    pub const fn exited(code: i32) -> Self {
        Self((code & 0xff) << 8)
    }

    /// The child was killed, with or without a core dump.
    pub const fn signaled(signal: Signal, core_dumped: bool) -> Self {
        let core = if core_dumped { 0x80 } else { 0 };
        Self(signal.number() as i32 | core)
    }

    /// The child was stopped.
    pub const fn stopped(signal: Signal) -> Self {
        Self((signal.number() as i32) << 8 | 0x7f)
    }

    /// The child stopped at a `PTRACE_EVENT_*`: ptrace(2).
    pub const fn event_stopped(signal: Signal, event: u8) -> Self {
        Self((event as i32) << 16 | Self::stopped(signal).0)
    }

    /// A traced child stopped at a system call under `PTRACE_O_TRACESYSGOOD`.
    pub const fn syscall_stopped() -> Self {
        Self(Self::stopped(Signal::SIGTRAP).0 | 0x8000)
    }

    /// The child was continued.
    pub const fn continued() -> Self {
        Self(0xffff)
    }

    /// The status that was given to `exit(2)` or `wait4(2)` in the kernel's own encoding.
    pub const fn from_raw(raw: i32) -> Self {
        Self(raw)
    }

    /// The number that `wait4(2)` stores.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// The exit code, if the child exited (`WEXITSTATUS`).
    pub const fn exit_code(self) -> Option<i32> {
        if self.0 & 0x7f == 0 { Some(self.0 >> 8 & 0xff) } else { None }
    }

    /// The signal that killed the child (`WTERMSIG`).
    pub const fn term_signal(self) -> Option<Signal> {
        match self.0 & 0x7f {
            0x7f => None,
            number => Signal::new(number as u32),
        }
    }

    /// The signal that stopped the child (`WSTOPSIG`).
    pub const fn stop_signal(self) -> Option<Signal> {
        if self.0 & 0xff == 0x7f { Signal::new((self.0 >> 8 & 0x7f) as u32) } else { None }
    }

    /// Whether the child dumped core (`WCOREDUMP`).
    pub const fn core_dumped(self) -> bool {
        self.term_signal().is_some() && self.0 & 0x80 != 0
    }

    /// Whether the child was continued (`WIFCONTINUED`).
    pub const fn is_continued(self) -> bool {
        self.0 == 0xffff
    }
}
