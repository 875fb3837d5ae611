//! How signals are handled: `sigaction(2)`, `sigprocmask(2)`, `sigaltstack(2)`.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::SigSet;

/// Handler: the default action.
pub const SIG_DFL: u64 = 0;
/// Handler: ignore the signal.
pub const SIG_IGN: u64 = 1;

/// `sigprocmask(2)`: add to the blocked signals.
pub const SIG_BLOCK: i32 = 0;
/// `sigprocmask(2)`: take from the blocked signals.
pub const SIG_UNBLOCK: i32 = 1;
/// `sigprocmask(2)`: set the blocked signals.
pub const SIG_SETMASK: i32 = 2;

bitflags! {
    /// Flags of a signal action: `sigaction(2)`. The kernel drops the bits that it does not know.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SaFlags: u64 {
        /// No `SIGCHLD` when a child stops or continues.
        const SA_NOCLDSTOP = 0x1;
        /// Children leave no zombies.
        const SA_NOCLDWAIT = 0x2;
        /// The handler takes a siginfo and a ucontext.
        const SA_SIGINFO = 0x4;
        /// `si_addr` keeps tag bits.
        const SA_EXPOSE_TAGBITS = 0x800;
        /// `sa_restorer` is valid; the kernel returns from handlers through it.
        const SA_RESTORER = 0x0400_0000;
        /// Run on the alternate stack.
        const SA_ONSTACK = 0x0800_0000;
        /// Restart interrupted system calls.
        const SA_RESTART = 0x1000_0000;
        /// Do not block the signal in its own handler.
        const SA_NODEFER = 0x4000_0000;
        /// Back to the default action when the handler is entered.
        const SA_RESETHAND = 0x8000_0000;
    }
}

impl SaFlags {
    /// Never stored, so that programs can find out which flags the kernel knows.
    pub const SA_UNSUPPORTED: u64 = 0x400;
}

/// The kernel's `struct sigaction`, as `rt_sigaction(2)` takes it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct KernelSigaction {
    /// [`SIG_DFL`], [`SIG_IGN`] or a function's address.
    pub sa_handler: u64,
    /// [`SaFlags`].
    pub sa_flags: u64,
    /// Where a handler returns to, with `SA_RESTORER`.
    pub sa_restorer: u64,
    /// Blocked while the handler runs.
    pub sa_mask: SigSet,
}

/// `stack_t`: an alternate signal stack.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SigAltStack {
    /// Lowest address.
    pub ss_sp: u64,
    /// `SS_*`.
    pub ss_flags: u32,
    /// Padding.
    pub pad0: u32,
    /// Size in bytes.
    pub ss_size: u64,
}

/// The thread runs on the alternate stack. On the way in it means the same as 0.
pub const SS_ONSTACK: u32 = 1;
/// There is no alternate stack.
pub const SS_DISABLE: u32 = 2;
/// Disable the stack while a handler runs on it. A flag besides the mode, which is one of the others.
pub const SS_AUTODISARM: u32 = 1 << 31;
/// Mask of the flags in `ss_flags`; the rest is the mode.
pub const SS_FLAG_BITS: u32 = SS_AUTODISARM;
/// The smallest alternate stack that Linux always took; with much xstate it asks for `AT_MINSIGSTKSZ`.
pub const MINSIGSTKSZ: u64 = 2048;
