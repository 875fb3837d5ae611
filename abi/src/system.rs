//! The whole system: uname(2), sysinfo(2), reboot(2), getrandom(2), membarrier(2), and the flags of
//! calls that make a descriptor out of something.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct new_utsname`: six NUL-terminated fields of 65 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see uname(2)")]
pub struct Utsname {
    pub sysname: [u8; 65],
    pub nodename: [u8; 65],
    pub release: [u8; 65],
    pub version: [u8; 65],
    pub machine: [u8; 65],
    pub domainname: [u8; 65],
}

/// `struct sysinfo`, 112 bytes.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see sysinfo(2)")]
pub struct Sysinfo {
    pub uptime: i64,
    pub loads: [u64; 3],
    pub totalram: u64,
    pub freeram: u64,
    pub sharedram: u64,
    pub bufferram: u64,
    pub totalswap: u64,
    pub freeswap: u64,
    pub procs: u16,
    pub pad: u16,
    pub pad0: u32,
    pub totalhigh: u64,
    pub freehigh: u64,
    pub mem_unit: u32,
    pub pad1: u32,
}

/// reboot(2) magic numbers and commands.
#[expect(missing_docs, reason = "Linux's names, see reboot(2)")]
pub mod reboot {
    pub const MAGIC1: u32 = 0xfee1_dead;
    pub const MAGIC2: [u32; 4] = [672_274_793, 85_072_278, 369_367_448, 537_993_216];
    pub const CMD_RESTART: u32 = 0x0123_4567;
    pub const CMD_HALT: u32 = 0xcdef_0123;
    pub const CMD_CAD_ON: u32 = 0x89ab_cdef;
    pub const CMD_CAD_OFF: u32 = 0;
    pub const CMD_POWER_OFF: u32 = 0x4321_fedc;
    pub const CMD_RESTART2: u32 = 0xa1b2_c3d4;
    pub const CMD_SW_SUSPEND: u32 = 0xd000_fce2;
    pub const CMD_KEXEC: u32 = 0x4558_4543;
}

bitflags::bitflags! {
    /// `GRND_*` (getrandom(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct GrndFlags: u32 {
        /// Fail rather than wait.
        const NONBLOCK = 1;
        /// The blocking pool.
        const RANDOM = 2;
        /// Even before the pool is ready.
        const INSECURE = 4;
    }
}

/// membarrier(2) commands.
#[expect(missing_docs, reason = "Linux's names, see membarrier(2)")]
pub mod membarrier {
    pub const QUERY: u32 = 0;
    pub const GLOBAL: u32 = 1;
    pub const GLOBAL_EXPEDITED: u32 = 2;
    pub const REGISTER_GLOBAL_EXPEDITED: u32 = 4;
    pub const PRIVATE_EXPEDITED: u32 = 8;
    pub const REGISTER_PRIVATE_EXPEDITED: u32 = 16;
    pub const PRIVATE_EXPEDITED_SYNC_CORE: u32 = 32;
    pub const REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: u32 = 64;
    pub const PRIVATE_EXPEDITED_RSEQ: u32 = 128;
    pub const REGISTER_PRIVATE_EXPEDITED_RSEQ: u32 = 256;
    pub const GET_REGISTRATIONS: u32 = 512;
}

/// `EFD_SEMAPHORE` (eventfd(2)); `EFD_NONBLOCK` and `EFD_CLOEXEC` are the `O_*` ones.
pub const EFD_SEMAPHORE: u32 = 1;
/// `TFD_TIMER_ABSTIME` (timerfd_create(2)).
pub const TFD_TIMER_ABSTIME: u32 = 1;
/// `TFD_TIMER_CANCEL_ON_SET`.
pub const TFD_TIMER_CANCEL_ON_SET: u32 = 2;

/// `struct signalfd_siginfo`, 128 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see signalfd(2)")]
pub struct SignalfdSiginfo {
    pub ssi_signo: u32,
    pub ssi_errno: i32,
    pub ssi_code: i32,
    pub ssi_pid: u32,
    pub ssi_uid: u32,
    pub ssi_fd: i32,
    pub ssi_tid: u32,
    pub ssi_band: u32,
    pub ssi_overrun: u32,
    pub ssi_trapno: u32,
    pub ssi_status: i32,
    pub ssi_int: i32,
    pub ssi_ptr: u64,
    pub ssi_utime: u64,
    pub ssi_stime: u64,
    pub ssi_addr: u64,
    pub ssi_addr_lsb: u16,
    pub pad2: u16,
    pub ssi_syscall: i32,
    pub ssi_call_addr: u64,
    pub ssi_arch: u32,
    pub pad: [u8; 28],
}

/// syslog(2) actions.
#[expect(missing_docs, reason = "Linux's names, see syslog(2)")]
pub mod syslog {
    pub const CLOSE: i32 = 0;
    pub const OPEN: i32 = 1;
    pub const READ: i32 = 2;
    pub const READ_ALL: i32 = 3;
    pub const READ_CLEAR: i32 = 4;
    pub const CLEAR: i32 = 5;
    pub const CONSOLE_OFF: i32 = 6;
    pub const CONSOLE_ON: i32 = 7;
    pub const CONSOLE_LEVEL: i32 = 8;
    pub const SIZE_UNREAD: i32 = 9;
    pub const SIZE_BUFFER: i32 = 10;
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};
    use linux_raw_sys::{general as linux, system};

    #[test]
    fn layouts_match_linux() {
        assert_eq!(size_of::<Utsname>(), size_of::<system::new_utsname>());
        assert_eq!(size_of::<Sysinfo>(), size_of::<system::sysinfo>());
        assert_eq!(offset_of!(Sysinfo, mem_unit), offset_of!(system::sysinfo, mem_unit));
        assert_eq!(size_of::<SignalfdSiginfo>(), 128);
    }

    #[test]
    fn values_match_linux() {
        assert_eq!(reboot::MAGIC1, linux::LINUX_REBOOT_MAGIC1);
        assert_eq!(reboot::MAGIC2[3], linux::LINUX_REBOOT_MAGIC2C);
        assert_eq!(reboot::CMD_POWER_OFF, linux::LINUX_REBOOT_CMD_POWER_OFF);
        assert_eq!(reboot::CMD_RESTART2, linux::LINUX_REBOOT_CMD_RESTART2);
        assert_eq!(GrndFlags::INSECURE.bits(), linux::GRND_INSECURE);
    }
}
