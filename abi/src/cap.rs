//! Capabilities: capabilities(7), `capget(2)`.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `capget(2)`'s header, 8 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct CapHeader {
    /// `_LINUX_CAPABILITY_VERSION_*`; the kernel stores the newest when it does not know it.
    pub version: u32,
    /// A thread; 0 is the caller.
    pub pid: i32,
}

/// `capget(2)`'s data, 12 bytes. Versions 2 and 3 have two, the low half first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct CapData {
    /// 32 capabilities of the effective set.
    pub effective: u32,
    /// 32 capabilities of the permitted set.
    pub permitted: u32,
    /// 32 capabilities of the inheritable set.
    pub inheritable: u32,
}

/// One [`CapData`].
pub const LINUX_CAPABILITY_VERSION_1: u32 = 0x1998_0330;
/// Two [`CapData`]; deprecated.
pub const LINUX_CAPABILITY_VERSION_2: u32 = 0x2007_1026;
/// Two [`CapData`].
pub const LINUX_CAPABILITY_VERSION_3: u32 = 0x2008_0522;

bitflags! {
    /// What of root's special treatment is off: `PR_SET_SECUREBITS`. Each has a lock beside it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SecureBits: u32 {
        /// `execve(2)` gives root no capabilities.
        const SECBIT_NOROOT = 0x01;
        /// Locks the bit before.
        const SECBIT_NOROOT_LOCKED = 0x02;
        /// Changes of user ids do not touch capabilities.
        const SECBIT_NO_SETUID_FIXUP = 0x04;
        /// Locks the bit before.
        const SECBIT_NO_SETUID_FIXUP_LOCKED = 0x08;
        /// Giving up user id 0 keeps the permitted set; `execve(2)` clears it.
        const SECBIT_KEEP_CAPS = 0x10;
        /// Locks the bit before.
        const SECBIT_KEEP_CAPS_LOCKED = 0x20;
        /// Ambient capabilities cannot be raised.
        const SECBIT_NO_CAP_AMBIENT_RAISE = 0x40;
        /// Locks the bit before.
        const SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED = 0x80;
        /// Interpreters should check whether a file may be executed.
        const SECBIT_EXEC_RESTRICT_FILE = 0x100;
        /// Locks the bit before.
        const SECBIT_EXEC_RESTRICT_FILE_LOCKED = 0x200;
        /// Interpreters should refuse commands from elsewhere.
        const SECBIT_EXEC_DENY_INTERACTIVE = 0x400;
        /// Locks the bit before.
        const SECBIT_EXEC_DENY_INTERACTIVE_LOCKED = 0x800;
    }
}

// The capabilities: what each allows is long to tell, see capabilities(7).
/// See capabilities(7).
pub const CAP_CHOWN: u32 = 0;
/// See capabilities(7).
pub const CAP_DAC_OVERRIDE: u32 = 1;
/// See capabilities(7).
pub const CAP_DAC_READ_SEARCH: u32 = 2;
/// See capabilities(7).
pub const CAP_FOWNER: u32 = 3;
/// See capabilities(7).
pub const CAP_FSETID: u32 = 4;
/// See capabilities(7).
pub const CAP_KILL: u32 = 5;
/// See capabilities(7).
pub const CAP_SETGID: u32 = 6;
/// See capabilities(7).
pub const CAP_SETUID: u32 = 7;
/// See capabilities(7).
pub const CAP_SETPCAP: u32 = 8;
/// See capabilities(7).
pub const CAP_LINUX_IMMUTABLE: u32 = 9;
/// See capabilities(7).
pub const CAP_NET_BIND_SERVICE: u32 = 10;
/// See capabilities(7).
pub const CAP_NET_BROADCAST: u32 = 11;
/// See capabilities(7).
pub const CAP_NET_ADMIN: u32 = 12;
/// See capabilities(7).
pub const CAP_NET_RAW: u32 = 13;
/// See capabilities(7).
pub const CAP_IPC_LOCK: u32 = 14;
/// See capabilities(7).
pub const CAP_IPC_OWNER: u32 = 15;
/// See capabilities(7).
pub const CAP_SYS_MODULE: u32 = 16;
/// See capabilities(7).
pub const CAP_SYS_RAWIO: u32 = 17;
/// See capabilities(7).
pub const CAP_SYS_CHROOT: u32 = 18;
/// See capabilities(7).
pub const CAP_SYS_PTRACE: u32 = 19;
/// See capabilities(7).
pub const CAP_SYS_PACCT: u32 = 20;
/// See capabilities(7).
pub const CAP_SYS_ADMIN: u32 = 21;
/// See capabilities(7).
pub const CAP_SYS_BOOT: u32 = 22;
/// See capabilities(7).
pub const CAP_SYS_NICE: u32 = 23;
/// See capabilities(7).
pub const CAP_SYS_RESOURCE: u32 = 24;
/// See capabilities(7).
pub const CAP_SYS_TIME: u32 = 25;
/// See capabilities(7).
pub const CAP_SYS_TTY_CONFIG: u32 = 26;
/// See capabilities(7).
pub const CAP_MKNOD: u32 = 27;
/// See capabilities(7).
pub const CAP_LEASE: u32 = 28;
/// See capabilities(7).
pub const CAP_AUDIT_WRITE: u32 = 29;
/// See capabilities(7).
pub const CAP_AUDIT_CONTROL: u32 = 30;
/// See capabilities(7).
pub const CAP_SETFCAP: u32 = 31;
/// See capabilities(7).
pub const CAP_MAC_OVERRIDE: u32 = 32;
/// See capabilities(7).
pub const CAP_MAC_ADMIN: u32 = 33;
/// See capabilities(7).
pub const CAP_SYSLOG: u32 = 34;
/// See capabilities(7).
pub const CAP_WAKE_ALARM: u32 = 35;
/// See capabilities(7).
pub const CAP_BLOCK_SUSPEND: u32 = 36;
/// See capabilities(7).
pub const CAP_AUDIT_READ: u32 = 37;
/// See capabilities(7).
pub const CAP_PERFMON: u32 = 38;
/// See capabilities(7).
pub const CAP_BPF: u32 = 39;
/// See capabilities(7).
pub const CAP_CHECKPOINT_RESTORE: u32 = 40;
/// The highest capability.
pub const CAP_LAST_CAP: u32 = 40;
/// Every capability, as a bit mask.
pub const CAP_FULL_SET: u64 = (1 << (CAP_LAST_CAP + 1)) - 1;
