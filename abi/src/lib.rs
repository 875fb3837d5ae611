//! The Linux ABI for x86_64: numbers, flags, structures and errors.
//!
//! Names are Linux's. Everything that crosses to user space is `repr(C)` without implicit padding
//! (zerocopy checks it), and every value is compared with linux-raw-sys in the tests.
#![no_std]
#![forbid(unsafe_code)]

pub mod arch;
pub mod cap;
pub mod elf;
pub mod errno;
pub mod file;
pub mod futex;
pub mod limits;
pub mod membarrier;
pub mod mman;
pub mod nr;
pub mod open;
pub mod poll;
pub mod prctl;
pub mod process;
pub mod ptrace;
pub mod sched;
pub mod seccomp;
pub mod sigaction;
pub mod siginfo;
pub mod signal;
pub mod socket;
pub mod stat;
pub mod system;
pub mod time;
pub mod timex;
pub mod tty;
pub mod ucontext;
pub mod wait;

pub use errno::Errno;
pub use limits::{Rlimit, Rusage};
pub use mman::{MapFlags, MremapFlags, MsyncFlags, ProtFlags};
pub use nr::Sysno;
pub use open::{AT_FDCWD, AtFlags, FdFlags, OpenFlags};
pub use poll::PollEvents;
pub use process::{CloneArgs, CloneFlags};
pub use sigaction::{KernelSigaction, SaFlags, SigAltStack};
pub use siginfo::{SigEvent, SigInfo};
pub use signal::{SigSet, Signal};
pub use time::{Itimerspec, Itimerval, Timespec, Timeval};
pub use ucontext::{SigContext, UContext};
pub use wait::{WaitOptions, WaitStatus};
