//! From a machine that is up to process 1.
//!
//! [`start`] prepares the scheduler and starts one kernel thread, which unpacks the initrds, makes
//! itself process 1 and executes its program; the boot threads become the idle tasks.

mod command_line;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::OpenFlags;
use machine::boot::BootInfo;
use machine::cpu::CpuId;
use machine::deferred::Pending;
use machine::thread::KernelThread;

use crate::error::{Error, Result};
use crate::fs::file::OpenFile;
use crate::fs::open::{self, OpenRequest};
use crate::fs::walk::{Start, WalkCx};
use crate::fs::{FsInfo, Path, host_link, initramfs, tty};
use crate::mm;
use crate::procfs;
use crate::sched::{self, Competition, Task, timer};
use crate::syscall::user_loop;
use crate::task::exec::{self, ExecRequest};
use crate::task::{CurrentThread, clone, exit, first, oom, session};

use command_line::CommandLine;

/// Programs to try when the command line names none that works, as on Linux.
const FALLBACKS: [&[u8]; 4] = [b"/sbin/init", b"/etc/init", b"/bin/init", b"/bin/sh"];
/// What every init finds in its environment.
const ENVIRONMENT: [&[u8]; 2] = [b"HOME=/", b"TERM=linux"];

/// The scheduler is ready for the other processors.
static READY: AtomicBool = AtomicBool::new(false);

/// Takes over the machine. Called once, on the boot processor.
pub fn start(boot: &'static BootInfo) -> ! {
    machine::cpu::start_others(start_other);
    sched::init(machine::cpu::count());
    let line = CommandLine::parse(boot.cmdline());
    exit::set_panic_timeout(line.panic_timeout);
    if line.fixed_layout {
        exec::set_randomize_va_space(0);
    }
    if line.host_link {
        // Before input is looked at: it must not reach a terminal.
        tty::serial::claim(host_link::PORT);
    }
    machine::deferred::set_handler(deferred_work);
    mm::oom::set_chooser(oom::choose);
    clone::set_thread_main(user_loop::run);
    tty::job::set_process_groups(&session::Groups);
    sched::enter_idle();
    let entry = Box::new(move || {
        sched::first_run();
        run_first_process(boot, &line);
    });
    let kthread = KernelThread::new(entry, None).expect("invariant: there is memory at boot");
    sched::start(&Task::new(Competition::default(), None), kthread);
    READY.store(true, Ordering::Release);
    sched::run_idle()
}

/// Where the other processors begin.
fn start_other(_: CpuId) -> ! {
    while !READY.load(Ordering::Acquire) {
        core::hint::spin_loop();
    }
    sched::enter_idle();
    sched::run_idle()
}

/// What interrupts leave behind.
fn deferred_work(pending: Pending) {
    if pending.contains(Pending::TIMER) {
        timer::on_interrupt();
    }
    if pending.contains(Pending::SERIAL) {
        tty::serial::on_input();
        host_link::on_serial();
    }
}

/// The life of process 1, on its own kernel thread.
fn run_first_process(boot: &'static BootInfo, line: &CommandLine) {
    let root = match prepare_files(boot, line) {
        Ok(root) => root,
        Err(error) => fail(&alloc::format!("no root file system: {error:?}")),
    };
    let mut cx = match first::become_first(FsInfo::new(root)) {
        Ok(cx) => cx,
        Err(error) => fail(&alloc::format!("no memory for process 1: {error:?}")),
    };
    open_console(&mut cx);
    execute_init(&mut cx, line);
    user_loop::run(cx);
}

/// Makes the root file system and registers what can be mounted and opened.
fn prepare_files(boot: &'static BootInfo, line: &CommandLine) -> Result<Path> {
    let root = initramfs::mount_root()?;
    crate::fs::init();
    procfs::init();
    if let Some(port) = line.console {
        tty::serial::set_console(port);
    }
    if line.host_link {
        host_link::init();
    }
    // What came before interrupts did.
    deferred_work(Pending::SERIAL);
    unpack(&root, &initramfs::default_archive());
    if let Some(initrds) = boot.take_initrds() {
        for image in initrds.iter() {
            unpack(&root, image);
        }
    }
    Ok(root)
}

fn unpack(root: &Path, image: &[u8]) {
    match initramfs::unpack(root, image) {
        Ok(summary) => {
            log::info!("initrd: {} entries, {} bytes in files", summary.entries, summary.bytes)
        }
        Err(why) => {
            log::error!("oxbow: initrd: {why}");
            machine::power::exit(machine::power::exit_code::BAD_INITRD);
        }
    }
}

/// Descriptors 0, 1 and 2 of process 1 are the console.
fn open_console(cx: &mut CurrentThread) {
    match open_path(cx, b"/dev/console", OpenFlags::O_RDWR) {
        Ok(console) => {
            for _ in 0..3 {
                // The table is empty, so the numbers are 0, 1, 2.
                if cx.files.add(console.clone(), 0, 3, false).is_err() {
                    log::warn!("no memory for the console's descriptors");
                }
            }
        }
        Err(_) => log::warn!("Warning: unable to open an initial console."),
    }
}

fn open_path(cx: &CurrentThread, path: &[u8], flags: OpenFlags) -> Result<Arc<OpenFile>> {
    let walk = WalkCx::of(cx);
    open::open(&walk, &Start::Cwd, path, &OpenRequest::existing(flags).validate()?)
}

/// Becomes the first program that works, in Linux's order.
fn execute_init(cx: &mut CurrentThread, line: &CommandLine) {
    let in_initrd = line.rdinit.as_deref().unwrap_or(b"/init");
    match execute(cx, in_initrd, line) {
        Ok(()) => return,
        Err(error) => {
            if line.rdinit.is_some() || !is_missing(&error) {
                log::error!("Failed to execute {} ({error:?})", in_initrd.escape_ascii());
            }
        }
    }
    if let Some(path) = &line.init {
        match execute(cx, path, line) {
            Ok(()) => return,
            Err(error) => {
                fail(&alloc::format!("Requested init {} failed ({error:?}).", path.escape_ascii()))
            }
        }
    }
    for path in FALLBACKS {
        match execute(cx, path, line) {
            Ok(()) => return,
            Err(error) if is_missing(&error) => {}
            Err(error) => log::error!(
                "Starting init: {} exists but couldn't execute it ({error:?})",
                path.escape_ascii()
            ),
        }
    }
    fail("No working init found. Try passing init= option to kernel.");
}

fn execute(cx: &mut CurrentThread, path: &[u8], line: &CommandLine) -> Result<()> {
    let mut argv: Vec<Vec<u8>> = Vec::new();
    argv.push(path.to_vec());
    argv.extend(line.args.iter().cloned());
    let mut envp: Vec<Vec<u8>> = Vec::new();
    for variable in ENVIRONMENT {
        // `TERM=vt100` among the boot words replaces the default.
        let name = variable.split_inclusive(|&byte| byte == b'=').next().unwrap_or(variable);
        if !line.env.iter().any(|given| given.starts_with(name)) {
            envp.push(variable.to_vec());
        }
    }
    envp.extend(line.env.iter().cloned());
    log::info!("Run {} as init process", path.escape_ascii());
    exec::exec(cx, ExecRequest::kernel(path.to_vec(), argv, envp))
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Errno(abi::Errno::ENOENT))
}

/// There is nothing to run: that is a panic on Linux, too.
fn fail(why: &str) -> ! {
    log::error!("Kernel panic - not syncing: {why}");
    exit::no_init()
}
