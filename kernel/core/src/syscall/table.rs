//! The system-call table: one row per call that Oxbow has.
//!
//! A row names the call, its parameters as Linux's prototype has them, the handler, and how much of
//! Linux's behaviour is there; what has no row answers `ENOSYS`. `kernel/core/SYSCALLS.md` is written
//! from it by the test `syscall_table`.

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

use Status::{Full, Partial};

syscalls! {
    read(fd: Fd, buf: UserAddr, count: usize) => file, Full;
    write(fd: Fd, buf: UserAddr, count: usize) => file, Full;
    open(path: UserAddr, flags: u32, mode: u32) => file, Partial("no O_ASYNC signals");
    close(fd: Fd) => fd, Full;
    stat(path: UserAddr, buf: UserAddr) => stat, Full;
    fstat(fd: Fd, buf: UserAddr) => stat, Full;
    lstat(path: UserAddr, buf: UserAddr) => stat, Full;
    poll(fds: UserAddr, count: u32, timeout: i32) => poll, Full;
    lseek(fd: Fd, offset: i64, whence: u32) => file, Full;
    mmap(addr: UserAddr, len: u64, prot: u32, flags: u32, fd: Fd, offset: u64) => memory, Full;
    mprotect(addr: UserAddr, len: u64, prot: u64) => memory, Full;
    munmap(addr: UserAddr, len: u64) => memory, Full;
    brk(to: UserAddr) => memory, Full;
    rt_sigaction(number: i32, new: UserAddr, old: UserAddr, size: usize) => signal, Full;
    rt_sigprocmask(how: i32, new: UserAddr, old: UserAddr, size: usize) => signal, Full;
    rt_sigreturn() => signal, Full;
    ioctl(fd: Fd, cmd: u32, arg: u64) => fd, Partial("FIOASYNC sends no SIGIO");
    pread64(fd: Fd, buf: UserAddr, count: usize, pos: i64) => file, Full;
    pwrite64(fd: Fd, buf: UserAddr, count: usize, pos: i64) => file, Full;
    readv(fd: Fd, vecs: UserAddr, count: usize) => file, Full;
    writev(fd: Fd, vecs: UserAddr, count: usize) => file, Full;
    access(path: UserAddr, mode: u32) => path, Full;
    pipe(fds: UserAddr) => pipe, Full;
    select(count: i32, read: UserAddr, write: UserAddr, except: UserAddr, timeout: UserAddr) => poll, Full;
    sched_yield() => sched, Full;
    mremap(addr: UserAddr, old_len: u64, new_len: u64, flags: u64, new_addr: UserAddr) => memory, Full;
    msync(addr: UserAddr, len: u64, flags: u32) => memory, Full;
    mincore(addr: UserAddr, len: u64, out: UserAddr) => memory, Full;
    madvise(addr: UserAddr, len: u64, advice: i32) => memory, Full;
    dup(fd: Fd) => fd, Full;
    dup2(old: Fd, new: Fd) => fd, Full;
    pause() => signal, Full;
    nanosleep(request: UserAddr, left: UserAddr) => time, Full;
    getitimer(which: i32, at: UserAddr) => time, Full;
    alarm(seconds: u32) => time, Full;
    setitimer(which: i32, new: UserAddr, old: UserAddr) => time, Full;
    getpid() => process, Full;
    sendfile(out_fd: Fd, in_fd: Fd, offset: UserAddr, count: usize) => splice, Full;
    clone(flags: u64, stack: u64, parent_tid: UserAddr, child_tid: UserAddr, tls: u64) => process, Full;
    fork() => process, Full;
    vfork() => process, Full;
    execve(path: UserAddr, argv: UserAddr, envp: UserAddr) => exec, Full;
    exit(code: i32) => process, Full;
    wait4(pid: i32, status: UserAddr, options: u32, rusage: UserAddr) => wait, Full;
    kill(pid: i32, number: i32) => signal, Full;
    uname(at: UserAddr) => misc, Full;
    fcntl(fd: Fd, cmd: i32, arg: u64) => fd, Partial("no leases, no directory notes, no SIGIO");
    flock(fd: Fd, operation: u32) => fd, Full;
    fsync(fd: Fd) => storage, Full;
    fdatasync(fd: Fd) => storage, Full;
    truncate(path: UserAddr, size: i64) => path, Full;
    ftruncate(fd: Fd, size: i64) => file, Full;
    getdents(fd: Fd, buf: UserAddr, count: u32) => dir, Full;
    getcwd(buf: UserAddr, size: usize) => dir, Full;
    chdir(path: UserAddr) => dir, Full;
    fchdir(fd: Fd) => dir, Full;
    rename(old: UserAddr, new: UserAddr) => dir, Full;
    mkdir(path: UserAddr, mode: u32) => dir, Full;
    rmdir(path: UserAddr) => dir, Full;
    creat(path: UserAddr, mode: u32) => file, Full;
    link(old: UserAddr, new: UserAddr) => dir, Full;
    unlink(path: UserAddr) => dir, Full;
    symlink(target: UserAddr, path: UserAddr) => dir, Full;
    readlink(path: UserAddr, buf: UserAddr, size: i32) => path, Full;
    chmod(path: UserAddr, mode: u32) => path, Full;
    fchmod(fd: Fd, mode: u32) => path, Full;
    chown(path: UserAddr, uid: u32, gid: u32) => path, Full;
    fchown(fd: Fd, uid: u32, gid: u32) => path, Full;
    lchown(path: UserAddr, uid: u32, gid: u32) => path, Full;
    umask(mask: u32) => path, Full;
    gettimeofday(at: UserAddr, zone: UserAddr) => time, Full;
    getrlimit(resource: u32, at: UserAddr) => cred, Full;
    getrusage(who: i32, at: UserAddr) => time, Full;
    sysinfo(at: UserAddr) => misc, Full;
    times(at: UserAddr) => time, Full;
    getuid() => cred, Full;
    syslog(what: i32, at: UserAddr, len: i32) => misc, Full;
    getgid() => cred, Full;
    setuid(uid: u32) => cred, Full;
    setgid(gid: u32) => cred, Full;
    geteuid() => cred, Full;
    getegid() => cred, Full;
    setpgid(pid: i32, group: i32) => process, Full;
    getppid() => process, Full;
    getpgrp() => process, Full;
    setsid() => process, Full;
    setreuid(real: u32, effective: u32) => cred, Full;
    setregid(real: u32, effective: u32) => cred, Full;
    getgroups(size: i32, list: UserAddr) => cred, Full;
    setgroups(size: u32, list: UserAddr) => cred, Full;
    setresuid(real: u32, effective: u32, saved: u32) => cred, Full;
    getresuid(real: UserAddr, effective: UserAddr, saved: UserAddr) => cred, Full;
    setresgid(real: u32, effective: u32, saved: u32) => cred, Full;
    getresgid(real: UserAddr, effective: UserAddr, saved: UserAddr) => cred, Full;
    getpgid(pid: i32) => process, Full;
    setfsuid(uid: u32) => cred, Full;
    setfsgid(gid: u32) => cred, Full;
    getsid(pid: i32) => process, Full;
    capget(header: UserAddr, data: UserAddr) => cred, Full;
    capset(header: UserAddr, data: UserAddr) => cred, Full;
    rt_sigpending(at: UserAddr, size: usize) => signal, Full;
    rt_sigtimedwait(set: UserAddr, info: UserAddr, timeout: UserAddr, size: usize) => signal, Full;
    rt_sigqueueinfo(pid: i32, number: i32, info: UserAddr) => signal, Full;
    rt_sigsuspend(mask: UserAddr, size: usize) => signal, Full;
    sigaltstack(new: UserAddr, old: UserAddr) => signal, Full;
    utime(path: UserAddr, times: UserAddr) => path, Full;
    mknod(path: UserAddr, mode: u32, dev: u32) => dir, Full;
    personality(new: u32) => prctl, Partial("only what concerns exec has an effect: ADDR_NO_RANDOMIZE and MMAP_PAGE_ZERO");
    statfs(path: UserAddr, buf: UserAddr) => stat, Full;
    fstatfs(fd: Fd, buf: UserAddr) => stat, Full;
    getpriority(which: i32, who: i32) => sched, Full;
    setpriority(which: i32, who: i32, nice: i32) => sched, Full;
    sched_setparam(pid: i32, param: UserAddr) => sched, Full;
    sched_getparam(pid: i32, param: UserAddr) => sched, Full;
    sched_setscheduler(pid: i32, number: i32, param: UserAddr) => sched, Partial("no SCHED_DEADLINE");
    sched_getscheduler(pid: i32) => sched, Full;
    sched_get_priority_max(number: i32) => sched, Full;
    sched_get_priority_min(number: i32) => sched, Full;
    sched_rr_get_interval(pid: i32, at: UserAddr) => sched, Full;
    mlock(addr: UserAddr, len: u64) => memory, Full;
    munlock(addr: UserAddr, len: u64) => memory, Full;
    mlockall(flags: u32) => memory, Full;
    munlockall() => memory, Full;
    vhangup() => misc, Full;
    pivot_root(new: UserAddr, put_old: UserAddr) => mount, Partial("only the caller moves to the new root");
    prctl(operation: i32, a: u64, b: u64, c: u64, d: u64) => prctl, Partial("no seccomp, PR_SET_MM, MDWE, memory merging, syscall user dispatch, PR_TSC_SIGSEGV");
    arch_prctl(operation: i32, argument: u64) => prctl, Partial("no shadow stacks, no address tagging");
    adjtimex(at: UserAddr) => time, Full;
    setrlimit(resource: u32, at: UserAddr) => cred, Full;
    chroot(path: UserAddr) => dir, Full;
    sync() => storage, Full;
    settimeofday(at: UserAddr, zone: UserAddr) => time, Full;
    mount(source: UserAddr, target: UserAddr, kind: UserAddr, flags: u64, options: UserAddr) => mount, Partial("one namespace, so propagation has no effect");
    umount2(target: UserAddr, flags: u32) => mount, Partial("no MNT_EXPIRE");
    reboot(magic1: u32, magic2: u32, command: u32, arg: UserAddr) => misc, Full;
    sethostname(at: UserAddr, len: i32) => misc, Full;
    setdomainname(at: UserAddr, len: i32) => misc, Full;
    gettid() => process, Full;
    readahead(fd: Fd, offset: i64, count: usize) => storage, Full;
    setxattr(path: UserAddr, name: UserAddr, value: UserAddr, size: usize, flags: u32) => xattr, Partial("no file system has attributes: EOPNOTSUPP");
    lsetxattr(path: UserAddr, name: UserAddr, value: UserAddr, size: usize, flags: u32) => xattr, Partial("no file system has attributes: EOPNOTSUPP");
    fsetxattr(fd: Fd, name: UserAddr, value: UserAddr, size: usize, flags: u32) => xattr, Partial("no file system has attributes: EOPNOTSUPP");
    getxattr(path: UserAddr, name: UserAddr, value: UserAddr, size: usize) => xattr, Partial("no file system has attributes: EOPNOTSUPP");
    lgetxattr(path: UserAddr, name: UserAddr, value: UserAddr, size: usize) => xattr, Partial("no file system has attributes: EOPNOTSUPP");
    fgetxattr(fd: Fd, name: UserAddr, value: UserAddr, size: usize) => xattr, Partial("no file system has attributes: EOPNOTSUPP");
    listxattr(path: UserAddr, list: UserAddr, size: usize) => xattr, Partial("always empty");
    llistxattr(path: UserAddr, list: UserAddr, size: usize) => xattr, Partial("always empty");
    flistxattr(fd: Fd, list: UserAddr, size: usize) => xattr, Partial("always empty");
    removexattr(path: UserAddr, name: UserAddr) => xattr, Partial("no file system has attributes: EOPNOTSUPP");
    lremovexattr(path: UserAddr, name: UserAddr) => xattr, Partial("no file system has attributes: EOPNOTSUPP");
    fremovexattr(fd: Fd, name: UserAddr) => xattr, Partial("no file system has attributes: EOPNOTSUPP");
    tkill(tid: i32, number: i32) => signal, Full;
    time(at: UserAddr) => time, Full;
    futex(addr: UserAddr, op: u32, value: u32, timeout: u64, second: UserAddr, value3: u32) => futex, Partial("no priority inheritance: ENOSYS");
    sched_setaffinity(pid: i32, len: u32, mask: UserAddr) => sched, Full;
    sched_getaffinity(pid: i32, len: u32, mask: UserAddr) => sched, Full;
    epoll_create(size: i32) => epoll, Full;
    getdents64(fd: Fd, buf: UserAddr, count: u32) => dir, Full;
    set_tid_address(address: UserAddr) => process, Full;
    restart_syscall() => signal, Full;
    fadvise64(fd: Fd, offset: i64, len: i64, advice: i32) => storage, Full;
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
    epoll_wait(epfd: Fd, events: UserAddr, most: i32, timeout: i32) => epoll, Full;
    epoll_ctl(epfd: Fd, op: i32, fd: Fd, event: UserAddr) => epoll, Full;
    tgkill(group: i32, tid: i32, number: i32) => signal, Full;
    utimes(path: UserAddr, times: UserAddr) => path, Full;
    waitid(kind: i32, id: i32, info: UserAddr, options: u32, rusage: UserAddr) => wait, Full;
    openat(dirfd: Fd, path: UserAddr, flags: u32, mode: u32) => file, Partial("no O_ASYNC signals");
    mkdirat(dirfd: Fd, path: UserAddr, mode: u32) => dir, Full;
    mknodat(dirfd: Fd, path: UserAddr, mode: u32, dev: u32) => dir, Full;
    fchownat(dirfd: Fd, path: UserAddr, uid: u32, gid: u32, flags: u32) => path, Full;
    futimesat(dirfd: Fd, path: UserAddr, times: UserAddr) => path, Full;
    newfstatat(dirfd: Fd, path: UserAddr, buf: UserAddr, flags: u32) => stat, Full;
    unlinkat(dirfd: Fd, path: UserAddr, flags: u32) => dir, Full;
    renameat(old_dirfd: Fd, old: UserAddr, new_dirfd: Fd, new: UserAddr) => dir, Full;
    linkat(old_dirfd: Fd, old: UserAddr, new_dirfd: Fd, new: UserAddr, flags: u32) => dir, Full;
    symlinkat(target: UserAddr, dirfd: Fd, path: UserAddr) => dir, Full;
    readlinkat(dirfd: Fd, path: UserAddr, buf: UserAddr, size: i32) => path, Full;
    fchmodat(dirfd: Fd, path: UserAddr, mode: u32) => path, Full;
    faccessat(dirfd: Fd, path: UserAddr, mode: u32) => path, Full;
    pselect6(count: i32, read: UserAddr, write: UserAddr, except: UserAddr, timeout: UserAddr, mask: UserAddr) => poll, Full;
    ppoll(fds: UserAddr, count: u32, timeout: UserAddr, mask: UserAddr, mask_size: usize) => poll, Full;
    unshare(flags: u64) => process, Full;
    set_robust_list(head: UserAddr, len: usize) => futex, Full;
    get_robust_list(pid: i32, head_at: UserAddr, len_at: UserAddr) => futex, Full;
    splice(in_fd: Fd, in_offset: UserAddr, out_fd: Fd, out_offset: UserAddr, len: usize, flags: u32) => splice, Full;
    tee(in_fd: Fd, out_fd: Fd, len: usize, flags: u32) => splice, Full;
    sync_file_range(fd: Fd, offset: i64, len: i64, flags: u32) => storage, Full;
    vmsplice(fd: Fd, vecs: UserAddr, count: usize, flags: u32) => splice, Full;
    utimensat(dirfd: Fd, path: UserAddr, times: UserAddr, flags: u32) => path, Full;
    epoll_pwait(epfd: Fd, events: UserAddr, most: i32, timeout: i32, mask: UserAddr, mask_size: usize) => epoll, Full;
    signalfd(fd: i32, mask: UserAddr, size: usize) => signal, Full;
    timerfd_create(id: i32, flags: u32) => time, Full;
    eventfd(count: u32) => eventfd, Full;
    fallocate(fd: Fd, mode: u32, offset: i64, len: i64) => storage, Full;
    timerfd_settime(fd: i32, flags: u32, new: UserAddr, old: UserAddr) => time, Full;
    timerfd_gettime(fd: i32, at: UserAddr) => time, Full;
    signalfd4(fd: i32, mask: UserAddr, size: usize, flags: u32) => signal, Full;
    eventfd2(count: u32, flags: u32) => eventfd, Full;
    epoll_create1(flags: u32) => epoll, Full;
    dup3(old: Fd, new: Fd, flags: u32) => fd, Full;
    pipe2(fds: UserAddr, flags: u32) => pipe, Full;
    preadv(fd: Fd, vecs: UserAddr, count: usize, pos: i64) => file, Full;
    pwritev(fd: Fd, vecs: UserAddr, count: usize, pos: i64) => file, Full;
    rt_tgsigqueueinfo(group: i32, tid: i32, number: i32, info: UserAddr) => signal, Full;
    prlimit64(pid: i32, resource: u32, new: UserAddr, old: UserAddr) => cred, Full;
    clock_adjtime(id: i32, at: UserAddr) => time, Full;
    syncfs(fd: Fd) => storage, Full;
    getcpu(cpu: UserAddr, node: UserAddr, cache: UserAddr) => sched, Full;
    sched_setattr(pid: i32, at: UserAddr, flags: u32) => sched, Partial("no SCHED_DEADLINE, no utilisation clamps");
    sched_getattr(pid: i32, at: UserAddr, size: u32, flags: u32) => sched, Full;
    renameat2(old_dirfd: Fd, old: UserAddr, new_dirfd: Fd, new: UserAddr, flags: u32) => dir, Partial("no whiteouts");
    getrandom(at: UserAddr, len: usize, flags: u32) => misc, Full;
    memfd_create(name: UserAddr, flags: u32) => file, Partial("no huge pages");
    execveat(dirfd: Fd, path: UserAddr, argv: UserAddr, envp: UserAddr, flags: u32) => exec, Full;
    membarrier(command: i32, flags: u32, processor: i32) => sched, Partial("no RSEQ commands");
    mlock2(addr: UserAddr, len: u64, flags: u32) => memory, Full;
    copy_file_range(in_fd: Fd, in_offset: UserAddr, out_fd: Fd, out_offset: UserAddr, len: usize, flags: u32) => splice, Full;
    preadv2(fd: Fd, vecs: UserAddr, count: usize, pos: i64, pos_high: u64, flags: u32) => file, Full;
    pwritev2(fd: Fd, vecs: UserAddr, count: usize, pos: i64, pos_high: u64, flags: u32) => file, Full;
    pkey_mprotect(addr: UserAddr, len: u64, prot: u64, key: i32) => memory, Full;
    pkey_alloc(flags: u64, rights: u64) => memory, Full;
    pkey_free(key: i32) => memory, Full;
    statx(dirfd: Fd, path: UserAddr, flags: u32, mask: u32, buf: UserAddr) => stat, Full;
    pidfd_send_signal(fd: i32, number: i32, info: UserAddr, flags: u32)
        => signal, Partial("no flags, no directories of /proc");
    pidfd_open(pid: i32, flags: u32) => process, Full;
    clone3(args: UserAddr, size: usize) => process, Full;
    close_range(first: u32, last: u32, flags: u32) => fd, Full;
    openat2(dirfd: Fd, path: UserAddr, how: UserAddr, size: usize) => file, Full;
    faccessat2(dirfd: Fd, path: UserAddr, mode: u32, flags: u32) => path, Full;
    epoll_pwait2(epfd: Fd, events: UserAddr, most: i32, timeout: UserAddr, mask: UserAddr, mask_size: usize) => epoll, Full;
    fchmodat2(dirfd: Fd, path: UserAddr, mode: u32, flags: u32) => path, Full;
}
