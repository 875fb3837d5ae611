//! What threads and processes have used (getrusage(2), times(2)).

use core::sync::atomic::Ordering;

use abi::{Rusage, Timeval};

use super::process::Process;
use super::thread::Thread;
use super::tree;
use crate::sched::UserSystem;

/// KiB in a page.
const PAGE_KIB: u64 = 4;

/// Resources used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Time in user mode and in the kernel, in nanoseconds.
    pub time: UserSystem,
    /// Page faults without I/O.
    pub minor_faults: u64,
    /// Page faults with I/O.
    pub major_faults: u64,
    /// Switches because it had to wait.
    pub voluntary: u64,
    /// Switches because others wanted to run.
    pub involuntary: u64,
    /// The most memory it had resident, in KiB. The maximum, not the sum, where usages are added.
    pub max_rss_kib: u64,
}

impl Usage {
    /// What `thread` has used up to its last tick or switch.
    pub fn of_thread(thread: &Thread) -> Self {
        let (voluntary, involuntary) = thread.task.time.switches();
        Self {
            time: thread.task.time.split(),
            minor_faults: thread.minor_faults.load(Ordering::Relaxed),
            major_faults: thread.major_faults.load(Ordering::Relaxed),
            voluntary,
            involuntary,
            max_rss_kib: thread.files().space.map_or(0, |space| space.stats().peak * PAGE_KIB),
        }
    }

    /// What `process` has used: its threads, those that ended included.
    pub fn of_process(process: &Process) -> Self {
        let mut usage = process.gone_usage();
        for thread in tree::threads(process.pid) {
            // What ended threads used is in the process's account.
            if !thread.has_ended() {
                usage.add(Self::of_thread(&thread));
            }
        }
        usage
    }

    /// Adds another usage.
    pub fn add(&mut self, other: Self) {
        self.time = self.time + other.time;
        self.minor_faults += other.minor_faults;
        self.major_faults += other.major_faults;
        self.voluntary += other.voluntary;
        self.involuntary += other.involuntary;
        self.max_rss_kib = self.max_rss_kib.max(other.max_rss_kib);
    }

    /// As user space sees it. What Linux does not keep either is 0.
    pub fn to_rusage(self) -> Rusage {
        let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        Rusage {
            ru_utime: Timeval::from_nanos(self.time.user),
            ru_stime: Timeval::from_nanos(self.time.system),
            ru_maxrss: count(self.max_rss_kib),
            ru_minflt: count(self.minor_faults),
            ru_majflt: count(self.major_faults),
            ru_nvcsw: count(self.voluntary),
            ru_nivcsw: count(self.involuntary),
            ..Rusage::default()
        }
    }
}
