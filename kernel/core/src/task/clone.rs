//! Making threads and processes: fork(2), vfork(2), clone(2), clone3(2).
//!
//! One path for all: check the request, reserve (pid, user's count), inherit (each resource is
//! shared or copied), build, publish in the tree, start. Everything before publishing gives back
//! what it took when it is dropped; after publishing nothing fails.

use alloc::boxed::Box;
use alloc::sync::Arc;

use abi::{CloneFlags, Errno};
use machine::addr::{USER_END, UserAddr};
use machine::sync::Once;
use machine::thread::KernelThread;

use super::current::{CurrentThread, ThreadStart, VforkDone};
use super::pidfd;
use super::process::Process;
use super::signal::{OwnSignals, SignalActions, Slot};
use super::thread::{NewThread, Thread, ThreadFiles};
use super::tree::{self, Creation, NewProcess, Pid, PidReservation};
use super::users::UserCharge;
use crate::error::{Restart, Result};
use crate::fs::fd_table::Reserved;
use crate::fs::{FdTable, FsInfo};
use crate::mm::AddressSpace;
use crate::sched::{self, Activate, Task, TaskRef};

/// What to make; clone(2), clone3(2) and fork(2) all come down to this.
#[derive(Clone, Copy, Debug)]
pub struct CloneRequest {
    /// What is shared, and more.
    pub flags: CloneFlags,
    /// The signal that tells the parent of the end; 0 for none. clone(2) takes any byte.
    pub exit_signal: u32,
    /// The first stack pointer; `None` to go on with the parent's value.
    pub stack: Option<u64>,
    /// The thread pointer, with `CLONE_SETTLS`.
    pub tls: u64,
    /// Where to store the tid in the parent's memory, with `CLONE_PARENT_SETTID`.
    pub parent_tid: UserAddr,
    /// Where to store the tid, or 0 at the end, in the child's memory.
    pub child_tid: UserAddr,
    /// Where to store a descriptor of the child, with `CLONE_PIDFD`.
    pub pidfd: UserAddr,
    /// The id that the child is to have.
    pub set_tid: Option<Pid>,
}

impl CloneRequest {
    /// What fork(2) asks for.
    pub fn fork() -> Self {
        Self {
            flags: CloneFlags::empty(),
            exit_signal: abi::Signal::SIGCHLD.number(),
            stack: None,
            tls: 0,
            parent_tid: UserAddr::NULL,
            child_tid: UserAddr::NULL,
            pidfd: UserAddr::NULL,
            set_tid: None,
        }
    }

    /// What vfork(2) asks for.
    pub fn vfork() -> Self {
        Self { flags: CloneFlags::CLONE_VFORK.union(CloneFlags::CLONE_VM), ..Self::fork() }
    }

    fn has(&self, flags: CloneFlags) -> bool {
        self.flags.contains(flags)
    }

    /// The checks that need nothing but the request and the caller, in Linux's order.
    fn check(&self, cx: &CurrentThread) -> Result<()> {
        let has = |flags| self.has(flags);
        let both = |one: CloneFlags, other: CloneFlags| has(one) && has(other);
        let is_init = cx.pid() == tree::INIT;
        let invalid = both(CloneFlags::CLONE_NEWNS, CloneFlags::CLONE_FS)
            || both(CloneFlags::CLONE_NEWUSER, CloneFlags::CLONE_FS)
            || (has(CloneFlags::CLONE_THREAD) && !has(CloneFlags::CLONE_SIGHAND))
            || (has(CloneFlags::CLONE_SIGHAND) && !has(CloneFlags::CLONE_VM))
            // A sibling of process 1 would have nobody to wait for it.
            || (has(CloneFlags::CLONE_PARENT) && is_init)
            || (has(CloneFlags::CLONE_THREAD)
                && self.flags.intersects(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID))
            || both(CloneFlags::CLONE_PIDFD, CloneFlags::CLONE_DETACHED);
        if invalid {
            return Err(Errno::EINVAL.into());
        }
        // A signal to the whole group must not hit the parent but miss the child: deliver first.
        if cx.task.is_interrupted() {
            return Err(Restart::Always.into());
        }
        // There are no user namespaces, as on a Linux without CONFIG_USER_NS.
        if has(CloneFlags::CLONE_NEWUSER) {
            return Err(Errno::EINVAL.into());
        }
        Ok(())
    }

    /// The other namespaces do not exist either; Linux asks for the right to make one first.
    fn check_namespaces(&self, cx: &CurrentThread) -> Result<()> {
        if !self.flags.intersects(CloneFlags::NAMESPACES) {
            return Ok(());
        }
        let allowed = cx.cred().capable(abi::cap::CAP_SYS_ADMIN);
        Err(if allowed { Errno::EINVAL } else { Errno::EPERM }.into())
    }
}

/// What every new thread runs, with its own object: the user loop. Set once, by the layer that has
/// the system calls.
static THREAD_MAIN: Once<fn(CurrentThread)> = Once::new();

/// Sets what new threads run. It returns when the thread has ended.
pub fn set_thread_main(main: fn(CurrentThread)) {
    THREAD_MAIN.call_once(|| main);
}

/// Makes a thread or a process as `request` says; returns its id. With `CLONE_VFORK`, after the
/// child has ended or called exec.
///
/// # Errors
/// `EINVAL` for combinations that make no sense; `EPERM` for what the caller may not do; `EAGAIN`
/// at the limits of processes or ids; `EEXIST` when the wanted id is taken; `ENOMEM`.
pub fn clone(cx: &mut CurrentThread, request: &CloneRequest) -> Result<Pid> {
    request.check(cx)?;
    machine::frame::check_reserve()?;
    let charge = charge_user(cx)?;
    cx.over_process_limit = false;
    let inherited = Inherited::from(cx, request)?;
    let bases = child_bases(request)?;
    let reservation = reserve_id(cx, request)?;
    let pid = reservation.pid();

    let vfork_done = request.has(CloneFlags::CLONE_VFORK).then(Arc::<VforkDone>::default);
    let child = build(cx, request, inherited, charge, pid)?;
    let start = child.start(cx, request, bases, vfork_done.clone());
    let (process, task) = (child.thread.process.clone(), child.thread.task.clone());
    let kthread = kernel_thread(start)?;
    // The table is borrowed by the reserved descriptor, so a reference of its own.
    let files = cx.files.clone();
    let descriptor = reserve_pidfd(cx, request, &files)?;
    // The last moment to give up: a killed parent leaves no child behind.
    if cx.task.is_killed() {
        return Err(Restart::Always.into());
    }
    child.publish(cx, request, reservation)?;

    if let Some(descriptor) = descriptor {
        descriptor.install(pidfd::open(cx, process, false));
    }
    if request.has(CloneFlags::CLONE_PARENT_SETTID) {
        // clone(2) does not report a bad pointer here: the child exists already.
        let _ = crate::mm::user::store_u32(&cx.space, request.parent_tid, pid);
    }
    sched::start(&task, kthread);
    if let Some(done) = vfork_done {
        done.wait();
    }
    Ok(pid)
}

/// Counts the child for its user, within RLIMIT_NPROC (which root and the privileged exceed).
fn charge_user(cx: &CurrentThread) -> Result<UserCharge> {
    let cred = cx.cred();
    let charge = UserCharge::new(cred.ruid);
    let over = charge.count() > cx.process.limits.soft(abi::limits::RLIMIT_NPROC);
    let exempt = cred.ruid == 0
        || cred.capable(abi::cap::CAP_SYS_RESOURCE)
        || cred.capable(abi::cap::CAP_SYS_ADMIN);
    if (over && !exempt) || tree::read().thread_count() >= max_threads() {
        return Err(Errno::EAGAIN.into());
    }
    Ok(charge)
}

/// How many threads there may be in all (kernel.threads-max): as many as would take an eighth of
/// memory with kernel stack, tables and descriptors.
pub fn max_threads() -> usize {
    const FRAMES_PER_THREAD: u64 = 10;
    static LIMIT: Once<usize> = Once::new();
    *LIMIT.call_once(|| {
        let threads = (machine::frame::stats().total / FRAMES_PER_THREAD / 8).max(64);
        usize::try_from(threads).unwrap_or(usize::MAX)
    })
}

/// The resources of the child, shared or copied.
struct Inherited {
    files: Arc<FdTable>,
    fs: Arc<FsInfo>,
    actions: Arc<SignalActions>,
    space: Arc<AddressSpace>,
}

impl Inherited {
    fn from(cx: &CurrentThread, request: &CloneRequest) -> Result<Self> {
        let has = |flags| request.has(flags);
        let files = match has(CloneFlags::CLONE_FILES) {
            true => cx.files.clone(),
            false => cx.files.duplicate()?,
        };
        let fs = match has(CloneFlags::CLONE_FS) {
            true => cx.fs.clone(),
            false => cx.fs.duplicate(),
        };
        let actions = cx.process.signals.actions();
        let actions = if has(CloneFlags::CLONE_SIGHAND) {
            actions
        } else if has(CloneFlags::CLONE_CLEAR_SIGHAND) {
            Arc::new(actions.without_handlers())
        } else {
            Arc::new(actions.duplicate())
        };
        request.check_namespaces(cx)?;
        // The most expensive last.
        let space = match has(CloneFlags::CLONE_VM) {
            true => cx.space.clone(),
            false => cx.space.fork()?,
        };
        Ok(Self { files, fs, actions, space })
    }
}

/// The child's FS and GS base.
fn child_bases(request: &CloneRequest) -> Result<(u64, u64)> {
    let gs = machine::user::gs_base();
    if !request.has(CloneFlags::CLONE_SETTLS) {
        return Ok((machine::user::fs_base(), gs));
    }
    // As arch_prctl(ARCH_SET_FS) says it.
    if request.tls >= USER_END.as_u64() {
        return Err(Errno::EPERM.into());
    }
    Ok((request.tls, gs))
}

fn reserve_id(cx: &CurrentThread, request: &CloneRequest) -> Result<PidReservation> {
    let Some(wanted) = request.set_tid else { return Ok(tree::reserve()?) };
    let cred = cx.cred();
    if wanted == 0 || wanted >= tree::pid_max() {
        return Err(Errno::EINVAL.into());
    }
    if !cred.capable(abi::cap::CAP_CHECKPOINT_RESTORE) && !cred.capable(abi::cap::CAP_SYS_ADMIN) {
        return Err(Errno::EPERM.into());
    }
    Ok(tree::reserve_exact(wanted)?)
}

/// A descriptor for the child, already stored in the parent's memory.
fn reserve_pidfd<'a>(
    cx: &CurrentThread,
    request: &CloneRequest,
    files: &'a FdTable,
) -> Result<Option<Reserved<'a>>> {
    if !request.has(CloneFlags::CLONE_PIDFD) {
        return Ok(None);
    }
    let limit = cx.process.limits.soft(abi::limits::RLIMIT_NOFILE);
    let descriptor = files.reserve(limit, true)?;
    let number = descriptor.number().cast_unsigned();
    crate::mm::user::store_u32(&cx.space, request.pidfd, number)?;
    Ok(Some(descriptor))
}

/// A child that nobody knows of yet. Dropping it takes it apart again.
struct Child {
    thread: Arc<Thread>,
    /// The thread's place in its process is given back when the child is dropped.
    attached: Attached,
    inherited: Inherited,
}

/// A slot in the signal state of a process, given back when this is dropped before `keep`.
struct Attached {
    process: Arc<Process>,
    slot: Slot,
    kept: bool,
}

impl Attached {
    fn new(process: &Arc<Process>, task: &TaskRef, blocked: abi::SigSet) -> Result<Self> {
        let slot = process.signals.attach(task.clone(), blocked)?;
        Ok(Self { process: process.clone(), slot, kept: false })
    }

    fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if !self.kept {
            // A thread that never ran took part in no stop.
            let _ = self.process.signals.detach(self.slot);
        }
    }
}

fn build(
    cx: &CurrentThread,
    request: &CloneRequest,
    inherited: Inherited,
    charge: UserCharge,
    pid: Pid,
) -> Result<Child> {
    let space: Arc<dyn Activate> = inherited.space.clone();
    let task = Task::new(cx.task.competition().for_child(), Some(space));
    let process = if request.has(CloneFlags::CLONE_THREAD) {
        cx.process.clone()
    } else {
        Process::new(pid, Some(&cx.process), inherited.actions.clone())
    };
    let blocked = cx.process.signals.blocked(cx.thread.slot);
    let attached = Attached::new(&process, &task, blocked)?;
    let thread = Thread::new(NewThread {
        process,
        task,
        slot: attached.slot,
        tid: pid,
        comm: cx.thread.comm(),
        cred: cx.cred().clone(),
        files: ThreadFiles {
            space: Some(inherited.space.clone()),
            files: Some(inherited.files.clone()),
            fs: Some(inherited.fs.clone()),
        },
        charge,
        traits: cx.thread.traits(),
    });
    Ok(Child { thread, attached, inherited })
}

impl Child {
    /// What the new thread takes along to its own stack.
    fn start(
        &self,
        cx: &CurrentThread,
        request: &CloneRequest,
        bases: (u64, u64),
        vfork_done: Option<Arc<VforkDone>>,
    ) -> ThreadStart {
        let mut user = cx.user;
        user.regs.rax = 0;
        if let Some(stack) = request.stack {
            user.regs.rsp = stack;
        }
        // clone(2), CLONE_VM: two threads cannot run handlers on one alternate stack.
        let shares_stack = request.has(CloneFlags::CLONE_VM) && vfork_done.is_none();
        let own_signals = match shares_stack {
            true => OwnSignals::default(),
            false => cx.own_signals.inherited(),
        };
        let when = |flag, address| if request.has(flag) { address } else { UserAddr::NULL };
        ThreadStart {
            user,
            bases,
            thread: self.thread.clone(),
            space: self.inherited.space.clone(),
            files: self.inherited.files.clone(),
            fs: self.inherited.fs.clone(),
            own_signals,
            set_child_tid: when(CloneFlags::CLONE_CHILD_SETTID, request.child_tid),
            clear_child_tid: when(CloneFlags::CLONE_CHILD_CLEARTID, request.child_tid),
            vfork_done,
        }
    }

    /// Makes the child visible. Fails for want of memory, and when a signal came first.
    fn publish(
        mut self,
        cx: &CurrentThread,
        request: &CloneRequest,
        reservation: PidReservation,
    ) -> Result<()> {
        let mut tree = tree::write();
        // A signal to the whole group is sent under the tree's lock. One that the parent has got must
        // not miss the child: the parent takes it first, and then clones again.
        if cx.task.is_interrupted() {
            drop(tree);
            return Err(Restart::Always.into());
        }
        let refused = if request.has(CloneFlags::CLONE_THREAD) {
            let added = tree.add_thread(reservation, &self.thread);
            added.err().map(|(errno, reservation)| (errno, Some(reservation), None))
        } else {
            let new = NewProcess {
                pid: reservation,
                process: self.thread.process.clone(),
                leader: self.thread.clone(),
                created: match request.has(CloneFlags::CLONE_PARENT) {
                    true => Creation::SiblingOf(cx.pid()),
                    false => Creation::ChildOf(cx.pid(), cx.tid()),
                },
                exit_signal: request.exit_signal,
            };
            let added = tree.add_process(new);
            added.err().map(|(errno, new)| (errno, None, Some(new)))
        };
        drop(tree);
        // What was refused is dropped here, after the tree's lock.
        match refused {
            Some((errno, ..)) => Err(errno.into()),
            None => {
                self.attached.keep();
                Ok(())
            }
        }
    }
}

/// The kernel thread of a new thread, with the FPU state of the caller.
fn kernel_thread(start: ThreadStart) -> Result<Arc<KernelThread>> {
    let fpu = machine::fpu::save_current();
    Ok(KernelThread::new(entry_of(start), Some(fpu))?)
}

/// What a kernel thread runs for `start`.
pub(super) fn entry_of(start: ThreadStart) -> Box<dyn FnOnce() + Send> {
    let main = *THREAD_MAIN.get().expect("invariant: the user loop is set before threads are made");
    Box::new(move || {
        sched::first_run();
        main(start.into_current());
    })
}
