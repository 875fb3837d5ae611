//! The thread that runs: the only door to its user registers and user memory.

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::WaitStatus;
use machine::addr::UserAddr;
use machine::user::UserContext;

use super::process::Process;
use super::signal::{OwnSignals, SigInfo, Target};
use super::thread::{Thread, ThreadFiles};
use super::tree;
use crate::cred::Cred;
use crate::error::Restart;
use crate::fs::{Caller, FdTable, FsInfo};
use crate::mm::AddressSpace;
use crate::sched::{Activate, Sleep, TaskFlags, TaskRef, WaitQueue};

impl Activate for AddressSpace {
    fn activate(&self) {
        Self::activate(self);
    }
}

/// How a thread ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Only this thread (exit(2), or exec in another thread); if it is the leader, the status is the
    /// process's.
    Thread(WaitStatus),
    /// The whole process, with a status that `ProcessSignals` already has.
    Process(WaitStatus),
}

/// Where the parent of a vfork child waits.
#[derive(Debug, Default)]
pub struct VforkDone {
    done: AtomicBool,
    queue: WaitQueue,
}

impl VforkDone {
    /// The child has its own memory now, or none: the parent may go on.
    pub fn complete(&self) {
        self.done.store(true, Ordering::SeqCst);
        self.queue.wake_all();
    }

    /// Waits for the child. Ends early only when the caller is killed.
    pub(super) fn wait(&self) {
        let done = || self.done.load(Ordering::SeqCst).then_some(());
        // A killed parent is on its way out; there is nobody to tell.
        let _ = self.queue.wait_until(Sleep::Killable, None, done);
    }
}

/// A running thread. It never leaves its thread: not `Send`, and passed down by `&mut`.
pub struct CurrentThread {
    /// The user registers.
    pub user: UserContext,
    /// What the scheduler knows of it.
    pub task: TaskRef,
    /// What others see of it.
    pub thread: Arc<Thread>,
    /// Its process.
    pub process: Arc<Process>,
    /// Its address space. Changed by `set_space` only.
    pub space: Arc<AddressSpace>,
    /// Its open files. Changed by `set_files` only.
    pub files: Arc<FdTable>,
    /// Its root, working directory and umask. Changed by `set_fs` only.
    pub fs: Arc<FsInfo>,
    /// Its own part of the signal state.
    pub own_signals: OwnSignals,
    /// Where to store 0 and wake a futex when it ends (set_tid_address(2)).
    pub clear_child_tid: UserAddr,
    /// Whom to tell when it stops using its parent's memory.
    pub vfork_done: Option<Arc<VforkDone>>,
    /// A set*id call took its user over RLIMIT_NPROC: exec will be refused (execve(2), `EAGAIN`).
    pub over_process_limit: bool,
    cred: Arc<Cred>,
    ending: Option<Ending>,
    _not_send: PhantomData<*mut ()>,
}

/// What a new thread starts with; becomes its [`CurrentThread`] once it runs.
pub struct ThreadStart {
    /// Its first registers.
    pub user: UserContext,
    /// Its FS base (thread-local storage) and GS base.
    pub bases: (u64, u64),
    /// Its shared part.
    pub thread: Arc<Thread>,
    /// Its address space.
    pub space: Arc<AddressSpace>,
    /// Its open files.
    pub files: Arc<FdTable>,
    /// Its root, working directory and umask.
    pub fs: Arc<FsInfo>,
    /// Its own part of the signal state.
    pub own_signals: OwnSignals,
    /// Where its tid is stored before it enters user mode (`CLONE_CHILD_SETTID`); 0 for nowhere.
    pub set_child_tid: UserAddr,
    /// Where 0 is stored when it ends (`CLONE_CHILD_CLEARTID`); 0 for nowhere.
    pub clear_child_tid: UserAddr,
    /// Whom to tell when it stops using its parent's memory.
    pub vfork_done: Option<Arc<VforkDone>>,
}

impl ThreadStart {
    /// Makes the thread's own object. Called on the thread itself, before all else.
    pub fn into_current(self) -> CurrentThread {
        machine::user::set_fs_base(self.bases.0);
        machine::user::set_gs_base(self.bases.1);
        let mut current = CurrentThread {
            user: self.user,
            task: self.thread.task.clone(),
            process: self.thread.process.clone(),
            cred: self.thread.cred(),
            thread: self.thread,
            space: self.space,
            files: self.files,
            fs: self.fs,
            own_signals: self.own_signals,
            clear_child_tid: self.clear_child_tid,
            vfork_done: self.vfork_done,
            over_process_limit: false,
            ending: None,
            _not_send: PhantomData,
        };
        if !self.set_child_tid.is_null() {
            let tid = current.tid();
            // clone(2) does not report an error here, and nobody could receive it.
            let _ = crate::mm::user::store_u32(&current.space, self.set_child_tid, tid);
        }
        current.user.regs.orig_rax = machine::user::Registers::NO_SYSCALL;
        current
    }
}

impl CurrentThread {
    /// The thread id.
    pub fn tid(&self) -> tree::Tid {
        self.thread.tid()
    }

    /// The process id.
    pub fn pid(&self) -> tree::Pid {
        self.process.pid
    }

    /// The credentials.
    pub fn cred(&self) -> &Arc<Cred> {
        &self.cred
    }

    /// Changes the credentials.
    pub fn set_cred(&mut self, cred: Cred) {
        let cred = Arc::new(cred);
        self.thread.store_cred(cred.clone());
        self.cred = cred;
    }

    /// Moves to another address space (exec) and loads it; the old one is returned, so that it is
    /// taken apart without locks.
    pub fn set_space(&mut self, space: Arc<AddressSpace>) -> Arc<AddressSpace> {
        self.task.set_space(Some(space.clone()));
        let old = core::mem::replace(&mut self.space, space);
        self.publish();
        old
    }

    /// Moves to another descriptor table (unshare, exec).
    pub fn set_files(&mut self, files: Arc<FdTable>) -> Arc<FdTable> {
        let old = core::mem::replace(&mut self.files, files);
        self.publish();
        old
    }

    /// Moves to another root and working directory (unshare, exec).
    pub fn set_fs(&mut self, fs: Arc<FsInfo>) -> Arc<FsInfo> {
        let old = core::mem::replace(&mut self.fs, fs);
        self.publish();
        old
    }

    /// Lets others see what this thread uses now.
    fn publish(&self) {
        let seen = self.thread.store_files(ThreadFiles {
            space: Some(self.space.clone()),
            files: Some(self.files.clone()),
            fs: Some(self.fs.clone()),
        });
        drop(seen);
    }

    /// Notes that a system call was interrupted; signal delivery decides what becomes of it.
    pub fn set_restart(&mut self, restart: Restart) {
        self.own_signals.restart = Some(restart);
        self.task.set_flags(TaskFlags::RESTART);
    }

    /// Makes the thread end on its way to user mode. The first reason stays.
    pub fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
        self.task.set_flags(TaskFlags::KILLED);
    }

    /// How it is to end, if it is.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Its parent may go on: exec has given it memory of its own, or it ends.
    pub fn release_vfork_parent(&mut self) {
        if let Some(done) = self.vfork_done.take() {
            done.complete();
        }
    }
}

impl Caller for CurrentThread {
    fn cred(&self) -> &Arc<Cred> {
        &self.cred
    }

    fn tid(&self) -> u32 {
        self.thread.tid()
    }

    fn tgid(&self) -> u32 {
        self.process.pid
    }

    fn pgid(&self) -> u32 {
        self.process.group()
    }

    fn sid(&self) -> u32 {
        self.process.session()
    }

    fn fs(&self) -> &Arc<FsInfo> {
        &self.fs
    }

    fn files(&self) -> &Arc<FdTable> {
        &self.files
    }

    fn space(&self) -> &AddressSpace {
        &self.space
    }

    fn soft_limit(&self, resource: u32) -> u64 {
        self.process.limits.soft(resource)
    }

    fn signal_pending(&self) -> bool {
        self.task.is_interrupted()
    }

    fn signal_self(&self, signal: abi::Signal) {
        let charge = self.thread.signal_charge();
        let target = Target::Thread(self.thread.slot);
        // SIGPIPE and SIGXFSZ look as if the thread had sent them itself, as on Linux.
        let info = SigInfo::from_process(signal, abi::siginfo::SI_USER, self.pid(), self.cred.ruid);
        self.process.signals.send(target, info, charge);
    }

    fn signal_group(&self, pgid: u32, signal: abi::Signal) {
        tree::signal_group(pgid, SigInfo::kernel(signal));
    }

    fn blocks_or_ignores(&self, signal: abi::Signal) -> bool {
        self.process.signals.blocks_or_ignores(self.thread.slot, signal)
    }

    fn group_is_orphaned(&self) -> bool {
        tree::read().group_is_orphaned(self.process.group(), None)
    }

    fn is_session_leader(&self) -> bool {
        self.process.session() == self.process.pid
    }
}
