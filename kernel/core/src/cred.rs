//! Credentials: who a thread acts as (credentials(7), capabilities(7)).
//!
//! A [`Cred`] is immutable once it is shared: a change makes a new one and swaps the `Arc`, so that
//! a permission check never sees half of a change.

use alloc::vec::Vec;

/// A user id.
pub type Uid = u32;
/// A group id.
pub type Gid = u32;

/// The full set of ids and privileges of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cred {
    /// Real, effective, saved and file-system user id.
    pub ruid: Uid,
    /// Effective user id.
    pub euid: Uid,
    /// Saved set-user-id.
    pub suid: Uid,
    /// User id for file-system checks.
    pub fsuid: Uid,
    /// Real group id.
    pub rgid: Gid,
    /// Effective group id.
    pub egid: Gid,
    /// Saved set-group-id.
    pub sgid: Gid,
    /// Group id for file-system checks.
    pub fsgid: Gid,
    /// Supplementary groups, sorted.
    pub groups: Vec<Gid>,
    /// Capability sets as bit masks (bit n is capability n).
    pub caps: CapSets,
    /// `SECBIT_*` flags.
    pub securebits: u32,
    /// Set by `PR_SET_NO_NEW_PRIVS`; never cleared.
    pub no_new_privs: bool,
}

/// The five capability sets of capabilities(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapSets {
    /// Permitted.
    pub permitted: u64,
    /// Effective.
    pub effective: u64,
    /// Inheritable.
    pub inheritable: u64,
    /// Bounding.
    pub bounding: u64,
    /// Ambient.
    pub ambient: u64,
}

/// Every capability that Linux 6.x knows (`CAP_LAST_CAP` is 40).
pub const ALL_CAPS: u64 = (1 << 41) - 1;

impl Cred {
    /// The superuser with every capability, as pid 1 starts.
    pub fn root() -> Self {
        Self {
            ruid: 0,
            euid: 0,
            suid: 0,
            fsuid: 0,
            rgid: 0,
            egid: 0,
            sgid: 0,
            fsgid: 0,
            groups: Vec::new(),
            caps: CapSets {
                permitted: ALL_CAPS,
                effective: ALL_CAPS,
                inheritable: 0,
                bounding: ALL_CAPS,
                ambient: 0,
            },
            securebits: 0,
            no_new_privs: false,
        }
    }

    /// Whether `cap` (a `CAP_*` number) is in the effective set.
    pub fn capable(&self, cap: u32) -> bool {
        cap < 64 && self.caps.effective & (1 << cap) != 0
    }

    /// Whether `gid` is the file-system group or one of the supplementary groups.
    pub fn in_group(&self, gid: Gid) -> bool {
        self.fsgid == gid || self.groups.binary_search(&gid).is_ok()
    }
}
