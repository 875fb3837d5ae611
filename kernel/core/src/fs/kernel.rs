//! The kernel itself as a caller, for what it does with files before there is a process.

use alloc::sync::Arc;

use abi::Signal;

use super::caller::Caller;
use super::fd_table::FdTable;
use super::info::FsInfo;
use crate::cred::Cred;
use crate::error::Result;
use crate::mm::AddressSpace;

/// Acts as the superuser, in no process.
pub struct KernelCaller {
    cred: Arc<Cred>,
    fs: Arc<FsInfo>,
    files: Arc<FdTable>,
    space: Arc<AddressSpace>,
}

impl KernelCaller {
    /// With root and working directory as in `fs`.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(fs: Arc<FsInfo>) -> Result<Self> {
        Ok(Self {
            cred: Arc::new(Cred::root()),
            fs,
            files: FdTable::new(),
            space: AddressSpace::new()?,
        })
    }
}

impl Caller for KernelCaller {
    fn cred(&self) -> &Arc<Cred> {
        &self.cred
    }

    fn tid(&self) -> u32 {
        0
    }

    fn tgid(&self) -> u32 {
        0
    }

    fn pgid(&self) -> u32 {
        0
    }

    fn sid(&self) -> u32 {
        0
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

    fn soft_limit(&self, _resource: u32) -> u64 {
        u64::MAX
    }

    fn signal_pending(&self) -> bool {
        false
    }

    fn signal_self(&self, _signal: Signal) {}

    fn signal_group(&self, _pgid: u32, _signal: Signal) {}

    fn blocks_or_ignores(&self, _signal: Signal) -> bool {
        true
    }

    fn group_is_orphaned(&self) -> bool {
        false
    }

    fn is_session_leader(&self) -> bool {
        false
    }
}
