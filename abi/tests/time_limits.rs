//! Times, limits and machine contexts against the kernel's headers.
#[macro_use]
mod common;

use core::mem::offset_of;

use abi::Errno;
use abi::limits::{RLIM_INFINITY, Rlimit, Rusage};
use abi::time::{CpuClock, Itimerspec, Itimerval, TimerfdFlags, TimerfdSetFlags, Timespec};
use abi::time::{Timeval, Timezone, nanos_to_ticks};
use abi::timex::Timex;
use abi::ucontext::{FpxSwBytes, FxsaveArea, RtSigFrame, SigContext, UContext, XsaveHeader};
use linux_raw_sys::general as linux;

#[test]
fn times() {
    same_values!(abi::time, linux_raw_sys::general,
        CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID
        CLOCK_MONOTONIC_RAW CLOCK_REALTIME_COARSE CLOCK_MONOTONIC_COARSE CLOCK_BOOTTIME
        CLOCK_REALTIME_ALARM CLOCK_BOOTTIME_ALARM CLOCK_TAI TIMER_ABSTIME
        ITIMER_REAL ITIMER_VIRTUAL ITIMER_PROF);
    same_values!(TimerfdFlags as flags, linux_raw_sys::general, TFD_NONBLOCK TFD_CLOEXEC);
    same_values!(TimerfdSetFlags as flags, linux_raw_sys::general,
        TFD_TIMER_ABSTIME TFD_TIMER_CANCEL_ON_SET);
    assert_eq!(Timespec::UTIME_NOW, i64::from(linux::UTIME_NOW));
    assert_eq!(Timespec::UTIME_OMIT, i64::from(linux::UTIME_OMIT));
    same_layout!(Timespec, linux::__kernel_timespec, tv_sec tv_nsec);
    same_layout!(Timeval, linux::timeval, tv_sec tv_usec);
    same_layout!(Itimerspec, linux::__kernel_itimerspec, it_interval it_value);
    same_layout!(Itimerval, linux::itimerval, it_interval it_value);
    same_layout!(Timezone, linux::timezone, tz_minuteswest tz_dsttime);
    // struct __kernel_timex, from a C program.
    assert_eq!(
        (size_of::<Timex>(), offset_of!(Timex, status), offset_of!(Timex, time)),
        (208, 40, 72)
    );
    assert_eq!(
        (offset_of!(Timex, shift), offset_of!(Timex, stbcnt), offset_of!(Timex, tai)),
        (112, 152, 160)
    );
}

#[test]
fn limits() {
    same_values!(abi::limits, linux_raw_sys::general,
        RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC
        RLIMIT_NOFILE RLIMIT_MEMLOCK RLIMIT_AS RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE
        RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME RLIM_NLIMITS
        RUSAGE_SELF RUSAGE_CHILDREN RUSAGE_THREAD);
    assert_eq!(RLIM_INFINITY, linux::RLIM64_INFINITY as u64);
    same_layout!(Rlimit, linux::rlimit64, rlim_cur rlim_max);
    same_layout!(Rusage, linux::rusage,
        ru_utime ru_stime ru_maxrss ru_ixrss ru_idrss ru_isrss ru_minflt ru_majflt ru_nswap
        ru_inblock ru_oublock ru_msgsnd ru_msgrcv ru_nsignals ru_nvcsw ru_nivcsw);
}

/// The numbers are those of a C program with asm/sigcontext.h and asm/ucontext.h.
#[test]
fn contexts() {
    assert_eq!((size_of::<SigContext>(), offset_of!(SigContext, rip)), (256, 128));
    assert_eq!((offset_of!(SigContext, cs), offset_of!(SigContext, ss)), (144, 150));
    assert_eq!((offset_of!(SigContext, err), offset_of!(SigContext, fpstate)), (152, 184));
    assert_eq!((size_of::<UContext>(), offset_of!(UContext, uc_stack)), (304, 16));
    assert_eq!((offset_of!(UContext, uc_mcontext), offset_of!(UContext, uc_sigmask)), (40, 296));
    assert_eq!((size_of::<RtSigFrame>(), offset_of!(RtSigFrame, info)), (440, 312));
    assert_eq!((size_of::<FxsaveArea>(), offset_of!(FxsaveArea, sw_reserved)), (512, 464));
    assert_eq!((offset_of!(FxsaveArea, mxcsr), offset_of!(FxsaveArea, xmm_space)), (24, 160));
    assert_eq!((size_of::<FpxSwBytes>(), size_of::<XsaveHeader>()), (48, 64));
}

#[test]
fn times_are_checked_and_cut_as_linux_does() {
    let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec }.to_nanos();
    assert_eq!(time(1, 5), Ok(1_000_000_005));
    assert_eq!(time(0, 1_000_000_000), Err(Errno::EINVAL));
    assert_eq!(time(0, -1), Err(Errno::EINVAL));
    assert_eq!(time(-1, 0), Err(Errno::EINVAL));
    assert_eq!(time(i64::MAX, 999_999_999), Ok(i64::MAX as u64));
    assert_eq!(Timeval { tv_sec: 1, tv_usec: 1_000_000 }.to_nanos(), Err(Errno::EINVAL));
    assert_eq!(Timeval { tv_sec: 1, tv_usec: 2 }.to_nanos(), Ok(1_000_002_000));
    assert_eq!(Timespec::from_nanos(1_500_000_000), Timespec { tv_sec: 1, tv_nsec: 500_000_000 });
    assert_eq!(Timespec::from_wall_nanos(-1), Timespec { tv_sec: -1, tv_nsec: 999_999_999 });
    assert_eq!(Timeval::from_wall_nanos(-1), Timeval { tv_sec: -1, tv_usec: 999_999 });
    assert_eq!(nanos_to_ticks(25_000_000), 2);
}

#[test]
fn clock_ids_of_processes_and_threads() {
    // MAKE_PROCESS_CPUCLOCK(1, CPUCLOCK_SCHED), MAKE_THREAD_CPUCLOCK(0, CPUCLOCK_SCHED)
    let process = CpuClock::from_clock_id((!1 << 3) | 2);
    assert_eq!(process, Some(CpuClock { id: 1, is_thread: false, kind: 2 }));
    let thread = CpuClock::from_clock_id(-8 | 4 | 2);
    assert_eq!(thread, Some(CpuClock { id: 0, is_thread: true, kind: 2 }));
    assert_eq!(CpuClock::from_clock_id(0), None);
    assert_eq!(CpuClock::from_clock_id((!3 << 3) | 3), None);
}
