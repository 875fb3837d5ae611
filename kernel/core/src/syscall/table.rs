//! The system-call table: one row per call that Oxbow has.
//!
//! A row names the call, its parameters as Linux's prototype has them, the handler, and how much of
//! Linux's behaviour is there. `SYSCALLS.md` in this folder is generated from it
//! (`cargo xtask syscalls`), and what has no row answers `ENOSYS`.

use super::args::{Args, Fd};
use crate::error::Result;
use crate::task::CurrentThread;
use machine::addr::UserAddr;

/// How much of a call is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything that its man page describes.
    Full,
    /// What is written here is missing and refused.
    Partial(&'static str),
}

/// One row of the table, for documentation.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Linux's number.
    pub number: u64,
    /// Linux's name.
    pub name: &'static str,
    /// `name: type` of each parameter.
    pub parameters: &'static [&'static str],
    /// How complete it is.
    pub status: Status,
}

macro_rules! syscalls {
    ($($name:ident($($arg:ident: $ty:ty),*) => $family:ident, $status:expr;)*) => {
        #[expect(non_upper_case_globals, reason = "these are the names of the calls")]
        mod numbers {
            $(pub const $name: u64 = abi::Sysno::$name as u64;)*
        }

        /// Calls the handler of system call `number` with the arguments in `cx`'s registers.
        ///
        /// # Errors
        /// `ENOSYS` when the table has no such row; else what the handler says.
        pub fn call(cx: &mut CurrentThread, number: u64) -> Result<usize> {
            match number {
                $(numbers::$name => {
                    #[allow(unused_mut, unused_variables, reason = "calls without parameters")]
                    let mut args = Args::new(&cx.user.regs);
                    $(let $arg = args.take::<$ty>();)*
                    super::$family::$name(cx, $($arg),*)
                })*
                _ => super::absent(number),
            }
        }

        /// Every call that Oxbow has, in the order of the table.
        pub const TABLE: &[Row] = &[
            $(Row {
                number: numbers::$name,
                name: stringify!($name),
                parameters: &[$(concat!(stringify!($arg), ": ", stringify!($ty))),*],
                status: $status,
            },)*
        ];
    };
}

use Status::Full;

syscalls! {
    mmap(addr: UserAddr, len: u64, prot: u32, flags: u32, fd: Fd, offset: u64) => memory, Full;
    mprotect(addr: UserAddr, len: u64, prot: u64) => memory, Full;
    munmap(addr: UserAddr, len: u64) => memory, Full;
    brk(to: UserAddr) => memory, Full;
    rt_sigaction(number: i32, new: UserAddr, old: UserAddr, size: usize) => signal, Full;
    rt_sigprocmask(how: i32, new: UserAddr, old: UserAddr, size: usize) => signal, Full;
    rt_sigreturn() => signal, Full;
    mremap(addr: UserAddr, old_len: u64, new_len: u64, flags: u64, new_addr: UserAddr) => memory, Full;
    msync(addr: UserAddr, len: u64, flags: u32) => memory, Full;
    mincore(addr: UserAddr, len: u64, out: UserAddr) => memory, Full;
    madvise(addr: UserAddr, len: u64, advice: i32) => memory, Full;
    nanosleep(request: UserAddr, left: UserAddr) => time, Full;
    getitimer(which: i32, at: UserAddr) => time, Full;
    alarm(seconds: u32) => time, Full;
    setitimer(which: i32, new: UserAddr, old: UserAddr) => time, Full;
    getpid() => process, Full;
    clone(flags: u64, stack: u64, parent_tid: UserAddr, child_tid: UserAddr, tls: u64) => process, Full;
    fork() => process, Full;
    vfork() => process, Full;
    exit(code: i32) => process, Full;
    wait4(pid: i32, status: UserAddr, options: u32, rusage: UserAddr) => wait, Full;
    kill(pid: i32, number: i32) => signal, Full;
    uname(at: UserAddr) => misc, Full;
    gettimeofday(at: UserAddr, zone: UserAddr) => time, Full;
    getrusage(who: i32, at: UserAddr) => time, Full;
    sysinfo(at: UserAddr) => misc, Full;
    times(at: UserAddr) => time, Full;
    syslog(what: i32, at: UserAddr, len: i32) => misc, Full;
    setpgid(pid: i32, group: i32) => process, Full;
    getppid() => process, Full;
    getpgrp() => process, Full;
    setsid() => process, Full;
    getpgid(pid: i32) => process, Full;
    getsid(pid: i32) => process, Full;
    rt_sigpending(at: UserAddr, size: usize) => signal, Full;
    rt_sigtimedwait(set: UserAddr, info: UserAddr, timeout: UserAddr, size: usize) => signal, Full;
    rt_sigqueueinfo(pid: i32, number: i32, info: UserAddr) => signal, Full;
    rt_sigsuspend(mask: UserAddr, size: usize) => signal, Full;
    sigaltstack(new: UserAddr, old: UserAddr) => signal, Full;
    mlock(addr: UserAddr, len: u64) => memory, Full;
    munlock(addr: UserAddr, len: u64) => memory, Full;
    mlockall(flags: u32) => memory, Full;
    munlockall() => memory, Full;
    adjtimex(at: UserAddr) => time, Full;
    settimeofday(at: UserAddr, zone: UserAddr) => time, Full;
    reboot(magic1: u32, magic2: u32, command: u32, arg: UserAddr) => misc, Full;
    sethostname(at: UserAddr, len: i32) => misc, Full;
    setdomainname(at: UserAddr, len: i32) => misc, Full;
    gettid() => process, Full;
    tkill(tid: i32, number: i32) => signal, Full;
    time(at: UserAddr) => time, Full;
    set_tid_address(address: UserAddr) => process, Full;
    restart_syscall() => signal, Full;
    timer_create(clock: i32, event: UserAddr, id_at: UserAddr) => time, Full;
    timer_settime(id: i32, flags: u32, new: UserAddr, old: UserAddr) => time, Full;
    timer_gettime(id: i32, at: UserAddr) => time, Full;
    timer_getoverrun(id: i32) => time, Full;
    timer_delete(id: i32) => time, Full;
    clock_settime(id: i32, at: UserAddr) => time, Full;
    clock_gettime(id: i32, at: UserAddr) => time, Full;
    clock_getres(id: i32, at: UserAddr) => time, Full;
    clock_nanosleep(id: i32, flags: u32, request: UserAddr, left: UserAddr) => time, Full;
    exit_group(code: i32) => process, Full;
    tgkill(group: i32, tid: i32, number: i32) => signal, Full;
    waitid(kind: i32, id: i32, info: UserAddr, options: u32, rusage: UserAddr) => wait, Full;
    unshare(flags: u64) => process, Full;
    signalfd(fd: i32, mask: UserAddr, size: usize) => signal, Full;
    timerfd_create(id: i32, flags: u32) => time, Full;
    timerfd_settime(fd: i32, flags: u32, new: UserAddr, old: UserAddr) => time, Full;
    timerfd_gettime(fd: i32, at: UserAddr) => time, Full;
    signalfd4(fd: i32, mask: UserAddr, size: usize, flags: u32) => signal, Full;
    rt_tgsigqueueinfo(group: i32, tid: i32, number: i32, info: UserAddr) => signal, Full;
    clock_adjtime(id: i32, at: UserAddr) => time, Full;
    getrandom(at: UserAddr, len: usize, flags: u32) => misc, Full;
    mlock2(addr: UserAddr, len: u64, flags: u32) => memory, Full;
    pkey_mprotect(addr: UserAddr, len: u64, prot: u64, key: i32) => memory, Full;
    pkey_alloc(flags: u64, rights: u64) => memory, Full;
    pkey_free(key: i32) => memory, Full;
    pidfd_open(pid: i32, flags: u32) => process, Full;
    clone3(args: UserAddr, size: usize) => process, Full;
}
