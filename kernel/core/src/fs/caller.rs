//! What file-system code may know of the thread that calls it.
//!
//! `fs` stands left of `task` and must not name it, so `task` implements these traits for its
//! `CurrentThread`. Everything here is about the caller only, and cheap.

use alloc::sync::Arc;

use super::fd_table::FdTable;
use super::info::FsInfo;
use crate::cred::Cred;
use crate::mm::AddressSpace;

/// The thread that makes a call, as seen from below.
pub trait Caller {
    /// The credentials that its checks use.
    fn cred(&self) -> &Arc<Cred>;
    /// Its thread id.
    fn tid(&self) -> u32;
    /// Its process id (thread group id).
    fn tgid(&self) -> u32;
    /// The process group it belongs to.
    fn pgid(&self) -> u32;
    /// The session it belongs to.
    fn sid(&self) -> u32;
    /// Root, working directory and umask.
    fn fs(&self) -> &Arc<FsInfo>;
    /// Its open files.
    fn files(&self) -> &Arc<FdTable>;
    /// The address space it runs in.
    fn space(&self) -> &AddressSpace;
    /// The soft limit of `resource`, one of `RLIMIT_*`.
    fn soft_limit(&self, resource: u32) -> u64;
    /// Whether a signal waits that it would take.
    fn signal_pending(&self) -> bool;
    /// Sends `signal` to the caller itself, as `SIGPIPE` and `SIGXFSZ` are.
    fn signal_self(&self, signal: abi::Signal);
    /// Sends `signal` from the kernel to every process of group `pgid`.
    fn signal_group(&self, pgid: u32, signal: abi::Signal);
    /// Whether the caller blocks or ignores `signal`: then job control lets it through.
    fn blocks_or_ignores(&self, signal: abi::Signal) -> bool;
    /// Whether its process group is orphaned: no parent in the session could continue it.
    fn group_is_orphaned(&self) -> bool;
    /// Whether it leads its session.
    fn is_session_leader(&self) -> bool;
}
