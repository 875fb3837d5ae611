//! Waiting for children (wait4(2), waitid(2)).
//!
//! A child's end, stop or continuation is looked up under the tree's lock, so that two waiters
//! never report the same end. A waiter sleeps on its process's `child_events`, which every such
//! change wakes after it is visible in the tree.

use abi::siginfo::{CLD_CONTINUED, CLD_STOPPED};
use abi::{Errno, Signal, WaitOptions, WaitStatus};

use super::current::CurrentThread;
use super::process::Process;
use super::signal::{Notice, ReportFilter};
use super::tree::{self, Node, Pid, Tid, Tree, Vanished};
use super::usage::Usage;
use crate::error::{Restart, Result};
use crate::sched::Sleep;

/// Which children are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// All of them.
    Any,
    /// The one with this id.
    Process(Pid),
    /// Those in this group.
    Group(Pid),
}

/// What to wait for.
#[derive(Clone, Copy, Debug)]
pub struct WaitRequest {
    /// Which children.
    pub who: Who,
    /// Which changes, and how.
    pub options: WaitOptions,
}

/// A change of a child.
#[derive(Clone, Copy, Debug)]
pub struct Waited {
    /// The child.
    pub pid: Pid,
    /// Its real user id.
    pub uid: u32,
    /// How it changed, as wait4(2) says it.
    pub status: WaitStatus,
    /// How it changed, as `si_code` and `si_status` of waitid(2) say it.
    pub code_and_status: (i32, i32),
    /// What it and the children that it waited for have used.
    pub usage: Usage,
}

/// Waits for a change of a child. `None`: none has changed, and the options say not to sleep.
///
/// # Errors
/// `ECHILD` when no child is meant; a restart when a signal came first.
pub fn wait(cx: &CurrentThread, request: &WaitRequest) -> Result<Option<Waited>> {
    let mut vanished = Vanished::default();
    let waiter = Waiter { process: &cx.process, tid: cx.tid() };
    let mut look = || match tree::write().look_for(&waiter, request, &mut vanished) {
        Look::Found(waited) => Some(Ok(Some(waited))),
        Look::NoChild => Some(Err(Errno::ECHILD.into())),
        Look::NothingYet if request.options.contains(WaitOptions::WNOHANG) => Some(Ok(None)),
        Look::NothingYet => None,
    };
    let outcome = cx.process.child_events.wait_until(Sleep::Interruptible, None, &mut look);
    drop(vanished);
    outcome.unwrap_or_else(|_| Err(Restart::IfSaRestart.into()))
}

/// Who waits.
pub(super) struct Waiter<'a> {
    pub(super) process: &'a Process,
    pub(super) tid: Tid,
}

/// What a look at the children found.
#[derive(Debug)]
pub(super) enum Look {
    /// This change.
    Found(Waited),
    /// There are such children, but none has changed.
    NothingYet,
    /// No child is meant.
    NoChild,
}

impl WaitRequest {
    /// Whether `child` is meant.
    fn means(&self, waiter: &Waiter<'_>, child: &Node) -> bool {
        let named = match self.who {
            Who::Any => true,
            Who::Process(pid) => child.process.pid == pid,
            Who::Group(group) => child.group == group,
        };
        let kind = self.options.contains(WaitOptions::__WALL)
            || child.is_clone_child() == self.options.contains(WaitOptions::__WCLONE);
        let thread =
            !self.options.contains(WaitOptions::__WNOTHREAD) || child.parent_thread == waiter.tid;
        named && kind && thread
    }

    fn consumes(&self) -> bool {
        !self.options.contains(WaitOptions::WNOWAIT)
    }
}

impl Tree {
    pub(super) fn look_for(
        &mut self,
        waiter: &Waiter<'_>,
        request: &WaitRequest,
        vanished: &mut Vanished,
    ) -> Look {
        let Some(node) = self.node(waiter.process.pid) else { return Look::NoChild };
        let mut none = Look::NoChild;
        let mut found = None;
        for child in node.children.iter().filter_map(|&pid| self.node(pid)) {
            if !request.means(waiter, child) {
                continue;
            }
            if child.zombie.is_none() {
                none = Look::NothingYet;
            }
            found = ended(child, request).or_else(|| changed(child, request));
            if found.is_some() {
                break;
            }
        }
        let Some(waited) = found else { return none };
        let is_zombie = self.node(waited.pid).is_some_and(|child| child.zombie.is_some());
        if is_zombie && request.consumes() {
            waiter.process.add_children_usage(waited.usage);
            self.reap(waited.pid, vanished);
        }
        Look::Found(waited)
    }
}

/// The end of `child`, if it has come and is asked for.
fn ended(child: &Node, request: &WaitRequest) -> Option<Waited> {
    let zombie = child.zombie.filter(|_| request.options.contains(WaitOptions::WEXITED))?;
    let mut usage = zombie.usage;
    usage.add(child.process.children_usage());
    Some(Waited {
        pid: child.process.pid,
        uid: zombie.uid,
        status: zombie.status,
        code_and_status: tree::status_fields(zombie.status),
        usage,
    })
}

/// A stop or continuation of `child`, if there is one and it is asked for.
fn changed(child: &Node, request: &WaitRequest) -> Option<Waited> {
    let filter = ReportFilter {
        stopped: request.options.contains(WaitOptions::WSTOPPED),
        continued: request.options.contains(WaitOptions::WCONTINUED),
    };
    if child.zombie.is_some() || !(filter.stopped || filter.continued) {
        return None;
    }
    let notice = child.process.signals.report(filter, request.consumes())?;
    let (status, code_and_status) = match notice {
        Notice::Stopped(signal) => {
            let number = signal.number().cast_signed();
            (WaitStatus::stopped(signal), (CLD_STOPPED, number))
        }
        Notice::Continued => {
            let number = Signal::SIGCONT.number().cast_signed();
            (WaitStatus::continued(), (CLD_CONTINUED, number))
        }
    };
    let mut usage = child.process.gone_usage();
    for thread in child.threads.iter().filter(|thread| !thread.has_ended()) {
        usage.add(thread.usage());
    }
    usage.add(child.process.children_usage());
    let uid = child.leader().map_or(0, |leader| leader.cred().ruid);
    Some(Waited { pid: child.process.pid, uid, status, code_and_status, usage })
}
