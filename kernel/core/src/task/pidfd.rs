//! A process as a file: pidfd_open(2), `CLONE_PIDFD`.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::poll::PollEvents;
use abi::{Errno, OpenFlags};

use super::current::CurrentThread;
use super::process::Process;
use super::tree::{self, Pid};
use crate::error::Result;
use crate::fs::{Caller, FileOps, OpenFile, anon};
use crate::sched::PollTable;

/// An open pidfd. It stays this process's, even when the id belongs to another by now.
pub struct PidFd {
    process: Arc<Process>,
}

impl FileOps for PidFd {
    fn poll(&self, _: &OpenFile, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.process.ended);
        }
        if self.is_alive() { PollEvents::empty() } else { PollEvents::READABLE }
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn info(&self, _: &OpenFile, out: &mut Vec<u8>) {
        // proc(5): -1 once it was waited for.
        let known = tree::read().node(self.process.pid).is_some_and(|node| self.is(node));
        let pid = if known { i64::from(self.process.pid) } else { -1 };
        out.extend_from_slice(format!("Pid:\t{pid}\nNSpid:\t{pid}\n").as_bytes());
    }
}

impl PidFd {
    fn is(&self, node: &tree::Node) -> bool {
        Arc::ptr_eq(&node.process, &self.process)
    }

    fn is_alive(&self) -> bool {
        tree::read()
            .node(self.process.pid)
            .is_some_and(|node| self.is(node) && node.zombie.is_none())
    }
}

/// Makes a pidfd for `process`.
pub fn open(caller: &dyn Caller, process: Arc<Process>, nonblock: bool) -> Arc<OpenFile> {
    let mut flags = OpenFlags::O_RDWR;
    flags.set(OpenFlags::O_NONBLOCK, nonblock);
    anon::open("[pidfd]", Arc::new(PidFd { process }), flags, caller)
}

/// The process of pidfd `fd`.
///
/// # Errors
/// `EBADF` when it is not open or no pidfd.
pub fn of_descriptor(cx: &CurrentThread, fd: i32) -> Result<(Arc<Process>, Arc<OpenFile>)> {
    let file = cx.files.get(fd)?;
    let process = file.ops_as::<PidFd>().ok_or(Errno::EBADF)?.process.clone();
    Ok((process, file))
}

/// The id of the process of pidfd `fd`, and whether the pidfd is non-blocking.
///
/// # Errors
/// `EBADF` when it is not open or no pidfd.
pub fn process_of(cx: &CurrentThread, fd: i32) -> Result<(Pid, bool)> {
    let (process, file) = of_descriptor(cx, fd)?;
    Ok((process.pid, file.nonblock()))
}
