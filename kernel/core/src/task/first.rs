//! Process 1: the one process that is not forked.

use alloc::sync::Arc;

use machine::addr::UserAddr;
use machine::user::UserContext;

use super::current::{CurrentThread, ThreadStart};
use super::process::Process;
use super::signal::{OwnSignals, SignalActions};
use super::thread::{Comm, NewThread, Thread, ThreadFiles, Traits};
use super::tree::{self, Creation, NewProcess};
use super::users::UserCharge;
use crate::cred::Cred;
use crate::error::Result;
use crate::fs::{FdTable, FsInfo};
use crate::mm::AddressSpace;
use crate::sched;

/// Makes the calling kernel thread the thread of process 1, with empty memory and no open files.
/// It becomes a program by exec.
///
/// # Errors
/// `ENOMEM`.
pub fn become_first(fs: Arc<FsInfo>) -> Result<CurrentThread> {
    let reservation = tree::reserve()?;
    let pid = reservation.pid();
    let task = sched::current();
    let space = AddressSpace::new()?;
    let files = FdTable::new();
    let actions = Arc::new(SignalActions::new());
    let process = Process::new(pid, None, actions);
    let cred = Arc::new(Cred::root());
    let slot = process.signals.attach(task.clone(), abi::SigSet::EMPTY)?;
    let thread = Thread::new(NewThread {
        process: process.clone(),
        task: task.clone(),
        slot,
        tid: pid,
        comm: Comm::new(b"init"),
        charge: UserCharge::new(cred.ruid),
        cred,
        traits: Traits::default(),
        files: ThreadFiles {
            space: Some(space.clone()),
            files: Some(files.clone()),
            fs: Some(fs.clone()),
        },
    });
    task.set_space(Some(space.clone()));
    let new = NewProcess {
        pid: reservation,
        process,
        leader: thread.clone(),
        created: Creation::First,
        exit_signal: 0,
    };
    let added = tree::write().add_process(new);
    if let Err((errno, _)) = added {
        return Err(errno.into());
    }
    let start = ThreadStart {
        user: UserContext::new(0, 0),
        bases: (0, 0),
        thread,
        space,
        files,
        fs,
        own_signals: OwnSignals::default(),
        set_child_tid: UserAddr::NULL,
        clear_child_tid: UserAddr::NULL,
        vfork_done: None,
    };
    Ok(start.into_current())
}
