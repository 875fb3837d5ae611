//! Limits and use of resources: `getrlimit(2)`, `getrusage(2)`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::time::Timeval;

/// Seconds of processor time.
pub const RLIMIT_CPU: u32 = 0;
/// Size of a file that is written.
pub const RLIMIT_FSIZE: u32 = 1;
/// Size of the data segments and private writable mappings.
pub const RLIMIT_DATA: u32 = 2;
/// Size of the main thread's stack.
pub const RLIMIT_STACK: u32 = 3;
/// Size of a core dump.
pub const RLIMIT_CORE: u32 = 4;
/// Without effect.
pub const RLIMIT_RSS: u32 = 5;
/// Threads of a user.
pub const RLIMIT_NPROC: u32 = 6;
/// One more than the highest descriptor.
pub const RLIMIT_NOFILE: u32 = 7;
/// Locked memory.
pub const RLIMIT_MEMLOCK: u32 = 8;
/// Address space.
pub const RLIMIT_AS: u32 = 9;
/// Without effect.
pub const RLIMIT_LOCKS: u32 = 10;
/// Queued signals of a user.
pub const RLIMIT_SIGPENDING: u32 = 11;
/// Bytes in POSIX message queues of a user.
pub const RLIMIT_MSGQUEUE: u32 = 12;
/// 20 less the best nice value that may be taken.
pub const RLIMIT_NICE: u32 = 13;
/// The highest real-time priority that may be taken.
pub const RLIMIT_RTPRIO: u32 = 14;
/// Microseconds that a real-time thread may run without sleeping.
pub const RLIMIT_RTTIME: u32 = 15;
/// How many limits there are.
pub const RLIM_NLIMITS: usize = 16;
/// No limit.
pub const RLIM_INFINITY: u64 = u64::MAX;

/// `struct rlimit`, 16 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Rlimit {
    /// The soft limit, the one that holds.
    pub rlim_cur: u64,
    /// The hard limit, up to which anyone may raise the soft one.
    pub rlim_max: u64,
}

/// `struct rusage`, 144 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Rusage {
    /// User time.
    pub ru_utime: Timeval,
    /// System time.
    pub ru_stime: Timeval,
    /// Largest resident set, in KiB.
    pub ru_maxrss: i64,
    /// Always 0.
    pub ru_ixrss: i64,
    /// Always 0.
    pub ru_idrss: i64,
    /// Always 0.
    pub ru_isrss: i64,
    /// Page faults without I/O.
    pub ru_minflt: i64,
    /// Page faults with I/O.
    pub ru_majflt: i64,
    /// Always 0.
    pub ru_nswap: i64,
    /// Blocks of 512 bytes read.
    pub ru_inblock: i64,
    /// Blocks of 512 bytes written.
    pub ru_oublock: i64,
    /// Always 0.
    pub ru_msgsnd: i64,
    /// Always 0.
    pub ru_msgrcv: i64,
    /// Always 0.
    pub ru_nsignals: i64,
    /// How often it gave up the processor.
    pub ru_nvcsw: i64,
    /// How often the processor was taken away.
    pub ru_nivcsw: i64,
}

/// `getrusage(2)`: the process.
pub const RUSAGE_SELF: i32 = 0;
/// `getrusage(2)`: the children that were waited for.
pub const RUSAGE_CHILDREN: i32 = -1;
/// `getrusage(2)`: the thread.
pub const RUSAGE_THREAD: i32 = 1;
