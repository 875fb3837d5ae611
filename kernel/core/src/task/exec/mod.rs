//! Becoming another program: execve(2), execveat(2), and process 1's first program.
//!
//! Everything that can fail happens first, while the old program is untouched: [`program`] finds
//! the files (through scripts), [`args`] reads the strings, [`load`] builds the new memory at the
//! [`layout`]'s places. Then [`exec`] ends the other threads, which is the point of no return, and
//! puts the new parts in place; from there on nothing fails.
//!
//! Linux builds the memory after that point, and kills the process when a file's headers ask for
//! the impossible. So does this: such files are found early, but the process dies all the same.

mod args;
pub mod layout;
mod load;
pub mod program;
pub mod script;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use abi::elf::{self, AuxEntry};
use abi::limits::{RLIMIT_NPROC, RLIMIT_STACK};
use abi::process::Personality;
use abi::{Errno, Signal};
use machine::addr::{PAGE_SIZE, UserAddr};
use machine::user::{Registers, UserContext};
use zerocopy::IntoBytes;

use super::credentials::on_exec::{self, ExecCred, ProgramFile, Unsafe};
use super::limits::Limit;
use super::signal::{Force, SigInfo};
use super::thread::Comm;
use super::{CurrentThread, ProcessFlags, credentials, exit, futex, timers, tree};
use crate::elf::Strings;
use crate::error::Result;
use crate::fs::FdTable;
use crate::fs::walk::Start;
use crate::mm::layout::MemoryLimit;
use args::Budget;
use layout::Places;
use load::{AUXV_LEN, Addresses, LoadError, Loaded, ProgramStrings, StartParts};
use program::{Executable, Lookup, Programs};

/// Who is to be executed.
pub struct Target {
    /// Where a relative path starts.
    pub start: Start,
    /// The path; empty for `start` itself.
    pub path: Vec<u8>,
    /// What the program is told its path is (`AT_EXECFN`), and a script's interpreter opens.
    pub filename: Vec<u8>,
    /// A symbolic link at the end of the path is an error.
    pub no_follow: bool,
    /// `filename` goes through a descriptor that is closed by then: no use for scripts.
    pub inaccessible: bool,
    /// Only find out whether it could be executed (`AT_EXECVE_CHECK`).
    pub check_only: bool,
}

impl Target {
    /// The program at a path, as execve(2) has it.
    pub fn at_path(path: Vec<u8>) -> Self {
        Self {
            start: Start::Cwd,
            filename: path.clone(),
            path,
            no_follow: false,
            inaccessible: false,
            check_only: false,
        }
    }
}

/// Where arguments and environment are.
pub enum Arguments {
    /// In the memory of the caller, as arrays of pointers.
    User {
        /// The arguments.
        argv: UserAddr,
        /// The environment.
        envp: UserAddr,
    },
    /// In the kernel.
    Kernel {
        /// The arguments.
        argv: Vec<Vec<u8>>,
        /// The environment.
        envp: Vec<Vec<u8>>,
    },
}

/// What to execute, and with what.
pub struct ExecRequest {
    /// The program.
    pub target: Target,
    /// Its arguments.
    pub arguments: Arguments,
}

impl ExecRequest {
    /// A program that the kernel itself starts.
    pub fn kernel(path: Vec<u8>, argv: Vec<Vec<u8>>, envp: Vec<Vec<u8>>) -> Self {
        Self { target: Target::at_path(path), arguments: Arguments::Kernel { argv, envp } }
    }
}

/// `/proc/sys/kernel/randomize_va_space`: 0 places everything where it always is.
static RANDOMIZE: AtomicU32 = AtomicU32::new(2);

/// Whether new programs are placed at random.
pub fn randomize_va_space() -> u32 {
    RANDOMIZE.load(Ordering::Relaxed)
}

/// Sets whether new programs are placed at random.
pub fn set_randomize_va_space(mode: u32) {
    RANDOMIZE.store(mode, Ordering::Relaxed);
}

/// Makes the calling process execute another program. When this succeeds, the registers are the
/// new program's.
///
/// # Errors
/// Those of execve(2), with the old program as it was.
pub fn exec(cx: &mut CurrentThread, request: ExecRequest) -> Result<()> {
    check_process_limit(cx)?;
    let ExecRequest { target, arguments } = request;
    let lookup =
        Lookup { start: target.start.clone(), path: &target.path, no_follow: target.no_follow };
    let executable = program::open(cx, &lookup)?;
    let stack_limit = cx.process.limits.soft(RLIMIT_STACK);
    let mut strings = read_arguments(cx, arguments, &target.filename, stack_limit)?;
    if target.check_only {
        return Ok(());
    }
    let name = name_of(&target, &executable);
    let programs = program::resolve(cx, executable, &target, &mut strings.argv)?;
    let privileges = privileges(cx, &programs);
    let loaded = match load(cx, &programs, &privileges, &strings) {
        Ok(loaded) => loaded,
        Err(LoadError::Failed(error)) => return Err(error),
        Err(LoadError::Deadly) => {
            let info = SigInfo::kernel(Signal::SIGSEGV);
            cx.process.signals.force(cx.thread.slot, info, Force::Kill);
            return Err(Errno::ENOEXEC.into());
        }
    };
    let prepared = Prepared { programs, privileges, loaded, files: own_files(cx)?, name };
    exit::kill_other_threads(cx)?;
    commit(cx, prepared);
    Ok(())
}

/// Everything that the new program needs.
struct Prepared {
    programs: Programs,
    privileges: ExecCred,
    loaded: Loaded,
    /// The descriptor table, if the present one is shared.
    files: Option<Arc<FdTable>>,
    name: Comm,
}

/// After a set*id call that took the process over its user's limit, exec is where that is refused:
/// setuid(2) itself must not fail, or careless programs would go on as root.
fn check_process_limit(cx: &mut CurrentThread) -> Result<()> {
    if core::mem::take(&mut cx.over_process_limit)
        && cx.thread.user_threads() > cx.process.limits.soft(RLIMIT_NPROC)
    {
        cx.over_process_limit = true;
        return Err(Errno::EAGAIN.into());
    }
    Ok(())
}

fn read_arguments(
    cx: &CurrentThread,
    arguments: Arguments,
    filename: &[u8],
    stack_limit: u64,
) -> Result<ProgramStrings> {
    let filename = filename.to_vec();
    let mut strings =
        ProgramStrings { filename, argv: Strings::default(), envp: Strings::default() };
    match arguments {
        Arguments::User { argv, envp } => {
            let argv = args::read_pointers(&cx.space, argv)?;
            let envp = args::read_pointers(&cx.space, envp)?;
            let mut budget = Budget::new(stack_limit, argv.len(), envp.len())?;
            budget.take(strings.filename.len())?;
            strings.envp = args::read_strings(&cx.space, &envp, &mut budget)?;
            strings.argv = args::read_strings(&cx.space, &argv, &mut budget)?;
        }
        Arguments::Kernel { argv, envp } => {
            argv.iter().try_for_each(|string| strings.argv.push(string))?;
            envp.iter().try_for_each(|string| strings.envp.push(string))?;
        }
    }
    if strings.argv.count() == 0 {
        // A program without even a name is something that few are prepared for.
        strings.argv.push(b"")?;
    }
    Ok(strings)
}

/// The name that the thread gets: the last part of the path, and for a bare descriptor that of the
/// file.
fn name_of(target: &Target, executable: &Executable) -> Comm {
    let path = executable.path();
    if !target.path.is_empty() {
        let last = target.filename.rsplit(|&byte| byte == b'/').next();
        return Comm::new(last.unwrap_or_default());
    }
    match path.inode().anonymous_name() {
        Some(name) => Comm::new(name.strip_prefix(b"/").unwrap_or(&name)),
        None => Comm::new(&path.dentry.place().1),
    }
}

/// Who the new program acts as.
fn privileges(cx: &CurrentThread, programs: &Programs) -> ExecCred {
    let path = programs.main.executable.path();
    let meta = path.inode().meta();
    let file = ProgramFile {
        mode: meta.mode(),
        uid: meta.uid(),
        gid: meta.gid(),
        may_set_id: !path.mount.options().contains(abi::file::MountFlags::NOSUID),
    };
    let danger = Unsafe { traced: false, shares_fs: shares_fs(cx) };
    on_exec::transform(cx.cred(), &file, danger)
}

/// Whether another process could change the caller's root or working directory.
fn shares_fs(cx: &CurrentThread) -> bool {
    /// Each thread has one reference of its own and one that others look at.
    const PER_THREAD: usize = 2;
    let references = Arc::strong_count(&cx.fs);
    if references <= PER_THREAD {
        return false;
    }
    let threads = tree::threads(cx.pid());
    let same =
        |thread: &Arc<super::Thread>| thread.files().fs.is_some_and(|fs| Arc::ptr_eq(&fs, &cx.fs));
    references > PER_THREAD * threads.iter().filter(|thread| same(thread)).count()
}

fn load(
    cx: &CurrentThread,
    programs: &Programs,
    privileges: &ExecCred,
    strings: &ProgramStrings,
) -> Result<Loaded, LoadError> {
    let mut personality = cx.thread.personality();
    if privileges.clears_personality {
        personality -= Personality::CLEAR_ON_SETID;
    }
    let mut random = [0u64; 4];
    machine::entropy::fill(random.as_mut_bytes());
    let [seed_low, seed_high, places @ ..] = random;
    let randomize =
        randomize_va_space() != 0 && !personality.contains(Personality::ADDR_NO_RANDOMIZE);
    let stack_limit = stack_limit(cx, privileges);
    let parts = StartParts {
        places: Places::choose(stack_limit, randomize.then_some(places)),
        strings,
        random: [seed_low, seed_high],
        stack_limit,
        limits: cx.space.limits(),
        page_zero: personality.contains(Personality::MMAP_PAGE_ZERO),
    };
    load::load(programs, &parts, |addresses| auxv(addresses, privileges))
}

/// `RLIMIT_STACK`, which a privileged program does not take over boundlessly.
fn stack_limit(cx: &CurrentThread, privileges: &ExecCred) -> u64 {
    const PRIVILEGED: u64 = 8 << 20;
    let limit = cx.process.limits.soft(RLIMIT_STACK);
    if privileges.secure { limit.min(PRIVILEGED) } else { limit }
}

/// The auxiliary vector (getauxval(3)), in Linux's order.
fn auxv(addresses: &Addresses, privileges: &ExecCred) -> [AuxEntry; AUXV_LEN] {
    const CLOCK_TICKS: u64 = 100;
    let cred = &privileges.cred;
    [
        (elf::AT_MINSIGSTKSZ, machine::cpu::min_sigstack() as u64),
        (elf::AT_HWCAP, machine::cpu::hwcap()),
        (elf::AT_PAGESZ, PAGE_SIZE as u64),
        (elf::AT_CLKTCK, CLOCK_TICKS),
        (elf::AT_PHDR, addresses.headers),
        (elf::AT_PHENT, elf::PHDR_SIZE as u64),
        (elf::AT_PHNUM, addresses.headers_count),
        (elf::AT_BASE, addresses.linker_base),
        (elf::AT_FLAGS, 0),
        (elf::AT_ENTRY, addresses.entry),
        (elf::AT_UID, cred.ruid.into()),
        (elf::AT_EUID, cred.euid.into()),
        (elf::AT_GID, cred.rgid.into()),
        (elf::AT_EGID, cred.egid.into()),
        (elf::AT_SECURE, privileges.secure.into()),
        // The values of these three are addresses on the stack.
        (elf::AT_RANDOM, 0),
        (elf::AT_HWCAP2, machine::cpu::hwcap2()),
        (elf::AT_EXECFN, 0),
        (elf::AT_PLATFORM, 0),
    ]
    .map(|(key, value)| AuxEntry::new(key, value))
}

/// The descriptor table, if it has to be copied since another process uses it, too.
fn own_files(cx: &CurrentThread) -> Result<Option<Arc<FdTable>>, Errno> {
    /// The thread has one reference, and others look at it through a second. Those of the threads
    /// that are about to end lead to a copy that was not needed, which does no harm.
    const OWN_REFERENCES: usize = 2;
    (Arc::strong_count(&cx.files) > OWN_REFERENCES).then(|| cx.files.duplicate()).transpose()
}

/// Puts the new program in place of the old one, in Linux's order. Nothing in here fails.
fn commit(cx: &mut CurrentThread, prepared: Prepared) {
    let Prepared { programs, privileges, loaded, files, name } = prepared;
    futex::leave_thread(cx);
    let old_space = cx.set_space(loaded.space);
    cx.release_vfork_parent();
    drop(old_space);
    let old_executable = cx.process.set_executable(Some(programs.main.executable.path().clone()));
    drop(old_executable);
    if let Some(files) = files {
        let shared = cx.set_files(files);
        drop(shared);
    }
    let actions = cx.process.signals.actions().without_handlers();
    cx.process.signals.set_actions(Arc::new(actions));
    timers::process_execs(&cx.process);
    cx.own_signals.reset();
    reset_registers(cx, loaded.entry, loaded.stack_pointer);
    cx.files.close_on_exec();
    cx.thread.set_comm(name);
    cx.process.set_flags(ProcessFlags::HAS_EXECED, true);
    cx.process.set_flags(ProcessFlags::BARRIERS, false);
    take_privileges(cx, programs.readable, privileges);
}

fn reset_registers(cx: &mut CurrentThread, entry: u64, stack_pointer: u64) {
    machine::fpu::reset_current();
    machine::user::set_fs_base(0);
    machine::user::set_gs_base(0);
    cx.user = UserContext::new(entry, stack_pointer);
    // No system call to go back to: all registers are what they are here.
    cx.user.regs.orig_rax = Registers::NO_SYSCALL;
}

fn take_privileges(cx: &mut CurrentThread, readable: bool, privileges: ExecCred) {
    let mut personality = cx.thread.personality() - Personality::READ_IMPLIES_EXEC;
    if privileges.clears_personality {
        personality -= Personality::CLEAR_ON_SETID;
    }
    cx.thread.set_personality(personality);
    if privileges.secure {
        cx.thread.set_parent_death_signal(None);
        let soft = stack_limit(cx, &privileges);
        if let Some(limit) = cx.process.limits.get(RLIMIT_STACK) {
            cx.process.limits.set(RLIMIT_STACK, Limit { soft, ..limit });
            cx.space.limits().set(MemoryLimit::Stack, soft);
        }
    }
    let cred = cx.cred();
    let dumpable = readable && cred.euid == cred.ruid && cred.egid == cred.rgid;
    cx.process.set_flags(ProcessFlags::DUMPABLE, dumpable);
    if **cx.cred() != privileges.cred {
        credentials::commit(cx, privileges.cred);
    }
}
