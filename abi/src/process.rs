//! Making processes: `clone(2)`, `clone3(2)`, `unshare(2)`, `personality(2)`, `getpriority(2)`.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags! {
    /// What parent and child share, and how the child starts: `clone(2)`.
    ///
    /// In `clone(2)` the lowest byte is the exit signal ([`CSIGNAL`](Self::CSIGNAL)); in `clone3(2)`
    /// and `unshare(2)` the same byte holds `CLONE_NEWTIME`. Cut it off before `from_bits`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct CloneFlags: u64 {
        /// A new time namespace; `clone3(2)` and `unshare(2)` only.
        const CLONE_NEWTIME = 0x80;
        /// Share the address space.
        const CLONE_VM = 0x100;
        /// Share root, working directory and umask.
        const CLONE_FS = 0x200;
        /// Share the descriptor table.
        const CLONE_FILES = 0x400;
        /// Share the signal handlers.
        const CLONE_SIGHAND = 0x800;
        /// Give the parent a pidfd.
        const CLONE_PIDFD = 0x1000;
        /// The tracer traces the child too.
        const CLONE_PTRACE = 0x2000;
        /// The parent sleeps until the child execs or exits.
        const CLONE_VFORK = 0x4000;
        /// The child's parent is the caller's parent.
        const CLONE_PARENT = 0x8000;
        /// A thread of the same group.
        const CLONE_THREAD = 0x1_0000;
        /// A new mount namespace.
        const CLONE_NEWNS = 0x2_0000;
        /// Share System V semaphore adjustments.
        const CLONE_SYSVSEM = 0x4_0000;
        /// Set the child's thread pointer.
        const CLONE_SETTLS = 0x8_0000;
        /// Store the child's tid in the parent's memory.
        const CLONE_PARENT_SETTID = 0x10_0000;
        /// Clear the tid in the child's memory when it exits, and wake a futex there.
        const CLONE_CHILD_CLEARTID = 0x20_0000;
        /// Ignored by `clone(2)`; `EINVAL` with `CLONE_PIDFD`, and in `clone3(2)`.
        const CLONE_DETACHED = 0x40_0000;
        /// The tracer cannot force `CLONE_PTRACE`.
        const CLONE_UNTRACED = 0x80_0000;
        /// Store the child's tid in the child's memory.
        const CLONE_CHILD_SETTID = 0x100_0000;
        /// A new cgroup namespace.
        const CLONE_NEWCGROUP = 0x200_0000;
        /// A new UTS namespace.
        const CLONE_NEWUTS = 0x400_0000;
        /// A new IPC namespace.
        const CLONE_NEWIPC = 0x800_0000;
        /// A new user namespace.
        const CLONE_NEWUSER = 0x1000_0000;
        /// A new pid namespace.
        const CLONE_NEWPID = 0x2000_0000;
        /// A new network namespace.
        const CLONE_NEWNET = 0x4000_0000;
        /// Share the I/O context.
        const CLONE_IO = 0x8000_0000;
        /// `clone3(2)`: handlers become the default action.
        const CLONE_CLEAR_SIGHAND = 0x1_0000_0000;
        /// `clone3(2)`: into the given cgroup.
        const CLONE_INTO_CGROUP = 0x2_0000_0000;
    }
}

impl CloneFlags {
    /// Mask of the exit signal in the flags of `clone(2)`.
    pub const CSIGNAL: u64 = 0xff;
    /// Every flag that makes a namespace.
    pub const NAMESPACES: Self = Self::CLONE_NEWTIME
        .union(Self::CLONE_NEWNS)
        .union(Self::CLONE_NEWCGROUP)
        .union(Self::CLONE_NEWUTS)
        .union(Self::CLONE_NEWIPC)
        .union(Self::CLONE_NEWUSER)
        .union(Self::CLONE_NEWPID)
        .union(Self::CLONE_NEWNET);
}

/// Argument of `clone3(2)`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct CloneArgs {
    /// [`CloneFlags`], without an exit signal.
    pub flags: u64,
    /// Where to store the pidfd (`int`).
    pub pidfd: u64,
    /// Where to store the tid in the child's memory.
    pub child_tid: u64,
    /// Where to store the tid in the parent's memory.
    pub parent_tid: u64,
    /// The signal the parent gets when the child exits.
    pub exit_signal: u64,
    /// Lowest byte of the child's stack; `clone(2)` takes the top instead.
    pub stack: u64,
    /// Size of the stack.
    pub stack_size: u64,
    /// The child's thread pointer.
    pub tls: u64,
    /// An array of pids to take, one for each pid namespace from the innermost out.
    pub set_tid: u64,
    /// Its length.
    pub set_tid_size: u64,
    /// Descriptor of a cgroup directory.
    pub cgroup: u64,
}

impl CloneArgs {
    /// Size of the first version; less is `EINVAL`.
    pub const SIZE_VER0: usize = 64;
    /// Size with `set_tid`.
    pub const SIZE_VER1: usize = 80;
    /// Size with `cgroup`.
    pub const SIZE_VER2: usize = 88;
}

bitflags! {
    /// How the process is run: `personality(2)`. The lowest byte is a number, the execution domain.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Personality: u32 {
        /// `uname(2)` tells a release of 2.6.
        const UNAME26 = 0x002_0000;
        /// No address space randomisation.
        const ADDR_NO_RANDOMIZE = 0x004_0000;
        /// Signal handlers are function descriptors (FDPIC).
        const FDPIC_FUNCPTRS = 0x008_0000;
        /// Page 0 is mapped by `execve(2)`.
        const MMAP_PAGE_ZERO = 0x010_0000;
        /// Mappings are placed bottom-up.
        const ADDR_COMPAT_LAYOUT = 0x020_0000;
        /// `PROT_READ` implies `PROT_EXEC`.
        const READ_IMPLIES_EXEC = 0x040_0000;
        /// 32-bit addresses.
        const ADDR_LIMIT_32BIT = 0x080_0000;
        /// 16-bit inode numbers.
        const SHORT_INODE = 0x100_0000;
        /// Whole seconds in `select(2)`.
        const WHOLE_SECONDS = 0x200_0000;
        /// `select(2)` leaves the timeout alone.
        const STICKY_TIMEOUTS = 0x400_0000;
        /// Addresses below 3 GiB.
        const ADDR_LIMIT_3GB = 0x800_0000;
        /// Mask of the execution domain.
        const PER_MASK = 0xff;
    }
}

impl Personality {
    /// Execution domain: Linux.
    pub const PER_LINUX: u32 = 0;
    /// Execution domain: 32-bit Linux; `uname(2)` tells `i686`.
    pub const PER_LINUX32: u32 = 8;
    /// The argument that only asks.
    pub const QUERY: u32 = 0xffff_ffff;
    /// What a set-user-id `execve(2)` takes away (`PER_CLEAR_ON_SETID`).
    pub const CLEAR_ON_SETID: Self = Self::READ_IMPLIES_EXEC
        .union(Self::ADDR_NO_RANDOMIZE)
        .union(Self::ADDR_COMPAT_LAYOUT)
        .union(Self::MMAP_PAGE_ZERO);
}

/// `getpriority(2)`: of one process.
pub const PRIO_PROCESS: i32 = 0;
/// `getpriority(2)`: of a process group.
pub const PRIO_PGRP: i32 = 1;
/// `getpriority(2)`: of a user.
pub const PRIO_USER: i32 = 2;
/// The best nice value.
pub const NICE_MIN: i32 = -20;
/// The worst nice value.
pub const NICE_MAX: i32 = 19;
