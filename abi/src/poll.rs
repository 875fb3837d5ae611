//! Waiting for files: poll(2), epoll(7), select(2).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags::bitflags! {
    /// `POLL*`, which are also the low `EPOLL*` bits.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct PollEvents: u32 {
        /// Data to read.
        const IN = 0x1;
        /// Urgent data.
        const PRI = 0x2;
        /// Room to write.
        const OUT = 0x4;
        /// An error; always reported.
        const ERR = 0x8;
        /// Hang-up; always reported.
        const HUP = 0x10;
        /// Not an open descriptor (poll only).
        const NVAL = 0x20;
        /// Like `IN`.
        const RDNORM = 0x40;
        /// Priority band data.
        const RDBAND = 0x80;
        /// Like `OUT`.
        const WRNORM = 0x100;
        /// Priority data may be written.
        const WRBAND = 0x200;
        /// Unused on Linux.
        const MSG = 0x400;
        /// The other end shut down writing.
        const RDHUP = 0x2000;
    }
}

impl PollEvents {
    /// What is reported without being asked for.
    pub const ALWAYS: Self = Self::ERR.union(Self::HUP);
    /// Readable in every sense that select(2) means.
    pub const READABLE: Self = Self::IN.union(Self::RDNORM);
    /// Writable likewise.
    pub const WRITABLE: Self = Self::OUT.union(Self::WRNORM);
}

bitflags::bitflags! {
    /// The flags of an epoll registration beside the events (epoll_ctl(2)).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct EpollFlags: u32 {
        /// Wake one of several instances only.
        const EXCLUSIVE = 1 << 28;
        /// Keep the system awake.
        const WAKEUP = 1 << 29;
        /// Report once, then disable.
        const ONESHOT = 1 << 30;
        /// Report changes only.
        const ET = 1 << 31;
    }
}

/// `EPOLL_CTL_ADD`.
pub const EPOLL_CTL_ADD: i32 = 1;
/// `EPOLL_CTL_DEL`.
pub const EPOLL_CTL_DEL: i32 = 2;
/// `EPOLL_CTL_MOD`.
pub const EPOLL_CTL_MOD: i32 = 3;
/// `EPOLL_CLOEXEC`.
pub const EPOLL_CLOEXEC: u32 = 0o2000000;

/// `struct pollfd`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PollFd {
    /// Descriptor; a negative one is skipped.
    pub fd: i32,
    /// Events asked for.
    pub events: u16,
    /// Events that came.
    pub revents: u16,
}

/// `struct epoll_event`, packed on x86_64: 12 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, packed)]
pub struct EpollEvent {
    /// Events and flags.
    pub events: u32,
    /// The caller's cookie.
    pub data: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::size_of;
    use linux_raw_sys::general as linux;

    #[test]
    fn layouts_and_bits_match_linux() {
        assert_eq!(size_of::<PollFd>(), size_of::<linux::pollfd>());
        assert_eq!(size_of::<EpollEvent>(), size_of::<linux::epoll_event>());
        assert_eq!(PollEvents::RDHUP.bits(), linux::POLLRDHUP);
        assert_eq!(PollEvents::NVAL.bits(), linux::POLLNVAL);
        assert_eq!(PollEvents::WRBAND.bits(), linux::POLLWRBAND);
        assert_eq!(EpollFlags::ET.bits(), linux::EPOLLET);
        assert_eq!(EpollFlags::EXCLUSIVE.bits(), linux::EPOLLEXCLUSIVE);
        assert_eq!(EPOLL_CTL_MOD as u32, linux::EPOLL_CTL_MOD);
    }
}
