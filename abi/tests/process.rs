//! Clone, wait and scheduling against the kernel's headers.
#[macro_use]
mod common;

use abi::Signal;
use abi::process::{CloneArgs, CloneFlags};
use abi::sched::{SchedAttr, SchedFlags, SchedParam};
use abi::wait::{WaitOptions, WaitStatus};

#[test]
fn clone() {
    same_values!(CloneFlags as flags, linux_raw_sys::general,
        CLONE_NEWTIME CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_PIDFD CLONE_PTRACE CLONE_VFORK
        CLONE_PARENT CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID
        CLONE_CHILD_CLEARTID CLONE_DETACHED CLONE_UNTRACED CLONE_CHILD_SETTID CLONE_NEWCGROUP
        CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER CLONE_NEWPID CLONE_NEWNET CLONE_IO
        CLONE_CLEAR_SIGHAND CLONE_INTO_CGROUP);
    assert_eq!(CloneFlags::CSIGNAL, u64::from(linux_raw_sys::general::CSIGNAL));
    same_layout!(CloneArgs, linux_raw_sys::general::clone_args,
        flags pidfd child_tid parent_tid exit_signal stack stack_size tls set_tid set_tid_size cgroup);
    assert_eq!(CloneArgs::SIZE_VER0 as u32, linux_raw_sys::general::CLONE_ARGS_SIZE_VER0);
    assert_eq!(CloneArgs::SIZE_VER1 as u32, linux_raw_sys::general::CLONE_ARGS_SIZE_VER1);
    assert_eq!(CloneArgs::SIZE_VER2 as u32, linux_raw_sys::general::CLONE_ARGS_SIZE_VER2);
    same_values!(abi::process, linux_raw_sys::general, PRIO_PROCESS PRIO_PGRP PRIO_USER);
    assert_eq!(abi::process::NICE_MIN, linux_raw_sys::general::PRIO_MIN);
}

#[test]
fn wait() {
    same_values!(WaitOptions as flags, linux_raw_sys::general,
        WNOHANG WUNTRACED WSTOPPED WEXITED WCONTINUED WNOWAIT __WNOTHREAD __WALL __WCLONE);
    same_values!(abi::wait, linux_raw_sys::general, P_ALL P_PID P_PGID P_PIDFD);
}

#[test]
fn wait_status_is_encoded_as_the_macros_of_wait_2_decode_it() {
    let exited = WaitStatus::exited(0x1_02);
    assert_eq!((exited.as_raw(), exited.exit_code()), (0x200, Some(2)));
    assert_eq!(exited.term_signal(), None);
    assert_eq!(WaitStatus::exited(-1).exit_code(), Some(255));

    let killed = WaitStatus::signaled(Signal::SIGSEGV, true);
    assert_eq!((killed.as_raw(), killed.exit_code()), (0x8b, None));
    assert_eq!((killed.term_signal(), killed.core_dumped()), (Some(Signal::SIGSEGV), true));

    let stopped = WaitStatus::stopped(Signal::SIGTSTP);
    assert_eq!((stopped.as_raw(), stopped.stop_signal()), (0x147f, Some(Signal::SIGTSTP)));
    assert_eq!((stopped.term_signal(), stopped.exit_code()), (None, None));

    let event = WaitStatus::event_stopped(Signal::SIGTRAP, 4);
    assert_eq!((event.as_raw(), event.stop_signal()), (0x4057f, Some(Signal::SIGTRAP)));
    assert_eq!(WaitStatus::syscall_stopped().as_raw(), 0x857f);

    let continued = WaitStatus::continued();
    assert!(continued.is_continued() && continued.term_signal().is_none());
    assert_eq!((continued.exit_code(), continued.stop_signal()), (None, None));
}

#[test]
fn scheduling() {
    same_values!(abi::sched, linux_raw_sys::general,
        SCHED_NORMAL SCHED_FIFO SCHED_RR SCHED_BATCH SCHED_IDLE SCHED_DEADLINE SCHED_EXT
        SCHED_RESET_ON_FORK);
    same_values!(SchedFlags as flags, linux_raw_sys::general,
        SCHED_FLAG_RESET_ON_FORK SCHED_FLAG_RECLAIM SCHED_FLAG_DL_OVERRUN SCHED_FLAG_KEEP_POLICY
        SCHED_FLAG_KEEP_PARAMS SCHED_FLAG_UTIL_CLAMP_MIN SCHED_FLAG_UTIL_CLAMP_MAX);
    assert_eq!(SchedFlags::all().bits(), u64::from(linux_raw_sys::general::SCHED_FLAG_ALL));
    assert_eq!(size_of::<SchedAttr>(), SchedAttr::SIZE_VER1);
    assert_eq!(core::mem::offset_of!(SchedAttr, sched_util_min), SchedAttr::SIZE_VER0);
    assert_eq!(size_of::<SchedParam>(), 4);
}
