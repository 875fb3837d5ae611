//! The lock order of the kernel, outermost first.
//!
//! A processor that holds a lock may only take locks further down this list; two locks of the same
//! rank are taken with `lock_second`, in address order. Debug builds check the ranks at run time
//! (`machine::sync`), release builds pay nothing. No lock is ever held over a sleep or a copy from
//! or to user memory. The machine's own locks (frame allocator, heap, serial) have ranks over 200
//! and are leaves.

use machine::sync::Rank;

/// The mount table and the mount tree.
pub const MOUNTS: Rank = Rank(10);
/// Renames across directories, one at a time per file system.
pub const RENAME: Rank = Rank(14);
/// The entries of one directory; parent before child.
pub const DIRECTORY: Rank = Rank(18);
/// Where a dentry or a mount hangs.
pub const DENTRY: Rank = Rank(20);
/// Attributes of one inode.
pub const INODE: Rank = Rank(22);
/// The file locks of one inode.
pub const FILE_LOCKS: Rank = Rank(24);
/// Who waits for whose file lock.
pub const FILE_LOCK_WAITERS: Rank = Rank(25);
/// A file descriptor table.
pub const FD_TABLE: Rank = Rank(26);
/// Root, working directory and umask of a process.
pub const FS_INFO: Rank = Rank(28);
/// One open file description: offset, flags, owner.
pub const OPEN_FILE: Rank = Rank(30);
/// The inside of a pipe, eventfd, epoll instance and the like.
pub const PIPE: Rank = Rank(34);
/// The line discipline of a terminal.
pub const TTY: Rank = Rank(38);
/// Which session has which controlling terminal.
pub const SESSIONS: Rank = Rank(39);
/// The table of pseudo-terminals.
pub const PTYS: Rank = Rank(40);
/// Process relations: parents, children, groups, sessions and the pid table.
pub const PROCESS_TREE: Rank = Rank(50);
/// The state of one process that is not a relation (limits, exit status, timers).
pub const PROCESS: Rank = Rank(54);
/// The timers of one process.
pub const PROCESS_TIMERS: Rank = Rank(55);
/// How a timerfd was set.
pub const TIMER_SETTING: Rank = Rank(56);
/// Signal actions and pending signals of one process.
pub const SIGNALS: Rank = Rank(58);
/// The table of signal actions, which CLONE_SIGHAND may share between processes.
pub const SIGNAL_ACTIONS: Rank = Rank(59);
/// One POSIX timer or timerfd; taken under `SIGNALS` when a timer's signal is taken.
pub const TIMER: Rank = Rank(60);
/// How many queued signals each user has.
pub const SIGNAL_USERS: Rank = Rank(61);
/// The host and domain name.
pub const UTSNAME: Rank = Rank(61);
/// The state of one thread that others may look at (credentials, comm).
pub const THREAD: Rank = Rank(62);
/// How many threads each user has.
pub const USER_COUNTS: Rank = Rank(64);
/// The VMAs and page table of one address space; parent before child at fork.
pub const ADDRESS_SPACE: Rank = Rank(70);
/// The mappings of a page cache (who maps it), taken under an address space by mmap.
pub const CACHE_MAPPINGS: Rank = Rank(74);
/// The pages of one file or shared object.
pub const PAGE_CACHE: Rank = Rank(78);
/// One bucket of the futex hash.
pub const FUTEX: Rank = Rank(82);
/// Making an epoll instance watch another.
pub const EPOLL_NESTING: Rank = Rank(85);
/// The interest list of an epoll instance.
pub const EPOLL: Rank = Rank(86);
/// The ready list of an epoll instance; taken by wake-ups.
pub const EPOLL_READY: Rank = Rank(88);
/// The list of waiters of a wait queue: taken under any of the above to wake.
pub const WAIT_QUEUE: Rank = Rank(90);
/// Which user memory a task runs in.
pub const TASK_SPACE: Rank = Rank(92);
/// The timer heap of a processor.
pub const TIMERS: Rank = Rank(94);
/// The run queue of a processor.
pub const RUN_QUEUE: Rank = Rank(98);
