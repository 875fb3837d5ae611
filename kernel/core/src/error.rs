//! How the kernel's own functions fail.
//!
//! Most failures are an [`Errno`] that user space sees as it is. A call that was interrupted by a
//! signal is different: whether user space sees `EINTR` or the call runs again depends on the
//! handler, so the reason is carried as a [`Restart`] up to the signal code. `Restart` has no
//! number, which is how Linux's internal codes 512 to 516 cannot leak from here.

use abi::Errno;
use alloc::boxed::Box;
use machine::frame::OutOfFrames;

/// The result of anything a system call does.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a kernel operation did not complete.
#[derive(Debug)]
pub enum Error {
    /// A failure that user space sees as `-errno`.
    Errno(Errno),
    /// A sleep ended by a signal; see [`Restart`].
    Restart(Restart),
}

/// What happens to an interrupted call once the signal is dealt with (signal(7), "Interruption of
/// system calls and library functions by signal handlers").
#[derive(Debug)]
pub enum Restart {
    /// Runs again unless a handler without `SA_RESTART` ran, then `EINTR` (Linux: `ERESTARTSYS`).
    IfSaRestart,
    /// Runs again only when no handler ran, else `EINTR` (Linux: `ERESTARTNOHAND`).
    IfNoHandler,
    /// Always runs again (Linux: `ERESTARTNOINTR`).
    Always,
    /// As `IfNoHandler`, but through restart_syscall(2), which continues with what is left of the
    /// timeout (Linux: `ERESTART_RESTARTBLOCK`).
    Block(Box<dyn RestartBlock>),
}

/// The continuation that restart_syscall(2) runs. It holds what was already validated, usually an
/// absolute deadline.
pub trait RestartBlock: Send + core::fmt::Debug {
    /// This object as `Any`, for the layer that knows the concrete type and can run it.
    fn into_any(self: Box<Self>) -> Box<dyn core::any::Any + Send>;
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Restart> for Error {
    fn from(restart: Restart) -> Self {
        Self::Restart(restart)
    }
}

impl From<OutOfFrames> for Error {
    fn from(_: OutOfFrames) -> Self {
        Self::Errno(Errno::ENOMEM)
    }
}

impl From<alloc::collections::TryReserveError> for Error {
    fn from(_: alloc::collections::TryReserveError) -> Self {
        Self::Errno(Errno::ENOMEM)
    }
}

/// `OutOfFrames` as an errno, where a function fails only with errnos.
pub fn enomem(_: OutOfFrames) -> Errno {
    Errno::ENOMEM
}
