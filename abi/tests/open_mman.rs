//! Flags of files and mappings against the kernel's headers.
#[macro_use]
mod common;

use abi::mman::{MapFlags, MemfdFlags, MlockFlags, MlockallFlags, MremapFlags, MsyncFlags};
use abi::mman::{PkeyRights, ProtFlags};
use abi::open::{AtFlags, FdFlags, OpenFlags};

#[test]
fn open_flags() {
    same_values!(OpenFlags as flags, linux_raw_sys::general,
        O_RDONLY O_WRONLY O_RDWR O_ACCMODE O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK
        O_NDELAY O_DSYNC O_DIRECT O_LARGEFILE O_DIRECTORY O_NOFOLLOW O_NOATIME O_CLOEXEC __O_SYNC
        O_SYNC O_PATH __O_TMPFILE O_TMPFILE);
    same_values!(OpenFlags as flags, libc_only, O_ASYNC);
    same_values!(FdFlags as flags, linux_raw_sys::general, FD_CLOEXEC);
    same_values!(abi::open, linux_raw_sys::general, AT_FDCWD);
    same_values!(AtFlags as flags, linux_raw_sys::general,
        AT_SYMLINK_NOFOLLOW AT_REMOVEDIR AT_EACCESS AT_SYMLINK_FOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH
        AT_STATX_FORCE_SYNC AT_STATX_DONT_SYNC AT_STATX_SYNC_TYPE AT_RECURSIVE AT_EXECVE_CHECK);
}

/// What linux-raw-sys leaves out.
mod libc_only {
    pub const O_ASYNC: u32 = 0o20000;
}

#[test]
fn access_modes() {
    let mode = |flags: OpenFlags| (flags.is_readable(), flags.is_writable());
    assert_eq!(mode(OpenFlags::O_RDONLY | OpenFlags::O_CREAT), (true, false));
    assert_eq!(mode(OpenFlags::O_WRONLY), (false, true));
    assert_eq!(mode(OpenFlags::O_RDWR | OpenFlags::O_APPEND), (true, true));
    assert_eq!(mode(OpenFlags::O_ACCMODE), (false, false));
}

#[test]
fn mapping_flags() {
    same_values!(ProtFlags as flags, linux_raw_sys::general,
        PROT_NONE PROT_READ PROT_WRITE PROT_EXEC PROT_SEM PROT_GROWSDOWN PROT_GROWSUP);
    same_values!(MapFlags as flags, linux_raw_sys::general,
        MAP_FILE MAP_SHARED MAP_PRIVATE MAP_SHARED_VALIDATE MAP_DROPPABLE MAP_TYPE MAP_FIXED
        MAP_ANONYMOUS MAP_32BIT MAP_ABOVE4G MAP_GROWSDOWN MAP_DENYWRITE MAP_EXECUTABLE MAP_LOCKED
        MAP_NORESERVE MAP_POPULATE MAP_NONBLOCK MAP_STACK MAP_HUGETLB MAP_SYNC MAP_FIXED_NOREPLACE
        MAP_UNINITIALIZED);
    same_values!(MremapFlags as flags, linux_raw_sys::general,
        MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP);
    same_values!(MsyncFlags as flags, linux_raw_sys::general, MS_ASYNC MS_INVALIDATE MS_SYNC);
    same_values!(MlockFlags as flags, linux_raw_sys::general, MLOCK_ONFAULT);
    same_values!(MlockallFlags as flags, linux_raw_sys::general, MCL_CURRENT MCL_FUTURE MCL_ONFAULT);
    same_values!(MemfdFlags as flags, linux_raw_sys::general,
        MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB MFD_NOEXEC_SEAL MFD_EXEC);
    same_values!(PkeyRights as flags, linux_raw_sys::general, PKEY_DISABLE_ACCESS PKEY_DISABLE_WRITE);
    same_values!(abi::mman, linux_raw_sys::general,
        MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED MADV_FREE MADV_REMOVE
        MADV_DONTFORK MADV_DOFORK MADV_HWPOISON MADV_SOFT_OFFLINE MADV_MERGEABLE MADV_UNMERGEABLE
        MADV_HUGEPAGE MADV_NOHUGEPAGE MADV_DONTDUMP MADV_DODUMP MADV_WIPEONFORK MADV_KEEPONFORK
        MADV_COLD MADV_PAGEOUT MADV_POPULATE_READ MADV_POPULATE_WRITE MADV_DONTNEED_LOCKED
        MADV_COLLAPSE MADV_GUARD_INSTALL MADV_GUARD_REMOVE);
}
