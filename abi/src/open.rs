//! Flags of `open(2)`, of file descriptors and of the `*at` calls.

use bitflags::bitflags;

bitflags! {
    /// How a file is opened: `open(2)`, and the status flags of `fcntl(2)` `F_GETFL`/`F_SETFL`.
    ///
    /// The access mode is a number in the two lowest bits, not a pair of flags:
    /// ask [`is_readable`](Self::is_readable) and [`is_writable`](Self::is_writable).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OpenFlags: u32 {
        /// Access mode: write only.
        const O_WRONLY = 0o1;
        /// Access mode: read and write.
        const O_RDWR = 0o2;
        /// Mask of the access mode. The mode 3 opens for `ioctl(2)` alone.
        const O_ACCMODE = 0o3;
        /// Create the file if it does not exist.
        const O_CREAT = 0o100;
        /// With `O_CREAT`: fail if the file exists.
        const O_EXCL = 0o200;
        /// A terminal does not become the controlling one.
        const O_NOCTTY = 0o400;
        /// Cut the file to length 0.
        const O_TRUNC = 0o1000;
        /// Every write goes to the end of the file.
        const O_APPEND = 0o2000;
        /// Operations give `EAGAIN` rather than sleep.
        const O_NONBLOCK = 0o4000;
        /// Writes return when the data is safe.
        const O_DSYNC = 0o10000;
        /// `SIGIO` when input or output becomes possible (`FASYNC` in the kernel).
        const O_ASYNC = 0o20000;
        /// Bypass the page cache.
        const O_DIRECT = 0o40000;
        /// Files past 2 GiB; `open` sets it for every 64-bit program, so `F_GETFL` shows it.
        const O_LARGEFILE = 0o100000;
        /// Fail unless the file is a directory.
        const O_DIRECTORY = 0o200000;
        /// Fail if the last component is a symbolic link.
        const O_NOFOLLOW = 0o400000;
        /// Reads leave the access time alone.
        const O_NOATIME = 0o1000000;
        /// The descriptor is closed by `execve(2)`.
        const O_CLOEXEC = 0o2000000;
        /// The bit that `O_SYNC` has besides `O_DSYNC`.
        const __O_SYNC = 0o4000000;
        /// Writes return when data and metadata are safe.
        const O_SYNC = 0o4010000;
        /// A descriptor that only names the file.
        const O_PATH = 0o10000000;
        /// The bit that `O_TMPFILE` has besides `O_DIRECTORY`.
        const __O_TMPFILE = 0o20000000;
        /// Create a file without a name in the given directory.
        const O_TMPFILE = 0o20200000;
    }
}

impl OpenFlags {
    /// Access mode: read only.
    pub const O_RDONLY: Self = Self::empty();
    /// The older name of [`O_NONBLOCK`](Self::O_NONBLOCK).
    pub const O_NDELAY: Self = Self::O_NONBLOCK;

    /// All flags that `open(2)` knows; it ignores others, `openat2(2)` gives `EINVAL`.
    pub const VALID: Self = Self::all();

    /// What `fcntl(2)` `F_SETFL` can change; it ignores the rest.
    pub const SETTABLE: Self = Self::O_APPEND
        .union(Self::O_NONBLOCK)
        .union(Self::O_ASYNC)
        .union(Self::O_DIRECT)
        .union(Self::O_NOATIME);

    /// What stays of the flags when `O_PATH` is among them; `open(2)` ignores the rest.
    pub const WITH_PATH: Self =
        Self::O_PATH.union(Self::O_DIRECTORY).union(Self::O_NOFOLLOW).union(Self::O_CLOEXEC);

    /// The access mode alone.
    #[must_use]
    pub const fn access_mode(self) -> Self {
        self.intersection(Self::O_ACCMODE)
    }

    /// Whether the access mode allows `read(2)`. Says nothing about `O_PATH`.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        matches!(self.bits() & 3, 0 | 2)
    }

    /// Whether the access mode allows `write(2)`. Says nothing about `O_PATH`.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        matches!(self.bits() & 3, 1 | 2)
    }
}

bitflags! {
    /// Flags of a file descriptor: `fcntl(2)` `F_GETFD` and `F_SETFD`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct FdFlags: u32 {
        /// The descriptor is closed by `execve(2)`.
        const FD_CLOEXEC = 1;
    }
}

/// The directory descriptor that means the working directory: `openat(2)`.
pub const AT_FDCWD: i32 = -100;

bitflags! {
    /// Flags of the calls that take a directory descriptor and a path.
    ///
    /// Each call knows a few of them only. `AT_REMOVEDIR`, `AT_EACCESS` and
    /// `AT_HANDLE_FID` are one bit: the call decides what it means.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct AtFlags: u32 {
        /// Do not follow a symbolic link in the last component.
        const AT_SYMLINK_NOFOLLOW = 0x100;
        /// `unlinkat(2)`: remove a directory.
        const AT_REMOVEDIR = 0x200;
        /// `faccessat2(2)`: check with the effective ids.
        const AT_EACCESS = 0x200;
        /// `linkat(2)`: follow a symbolic link in the last component.
        const AT_SYMLINK_FOLLOW = 0x400;
        /// Do not mount what would be mounted on demand.
        const AT_NO_AUTOMOUNT = 0x800;
        /// An empty path means the descriptor's own file.
        const AT_EMPTY_PATH = 0x1000;
        /// `statx(2)`: ask the server.
        const AT_STATX_FORCE_SYNC = 0x2000;
        /// `statx(2)`: do not ask the server.
        const AT_STATX_DONT_SYNC = 0x4000;
        /// Apply to the whole subtree.
        const AT_RECURSIVE = 0x8000;
        /// `execveat(2)`: only check whether the file could be executed.
        const AT_EXECVE_CHECK = 0x1_0000;
    }
}

impl AtFlags {
    /// Mask of the `AT_STATX_*` choice; both bits at once is `EINVAL`.
    pub const AT_STATX_SYNC_TYPE: Self = Self::AT_STATX_FORCE_SYNC.union(Self::AT_STATX_DONT_SYNC);
}
