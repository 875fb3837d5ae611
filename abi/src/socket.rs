//! Sockets: `socket(2)`, `sendmsg(2)`, socket(7), unix(7).

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Mask of the kind in `socket(2)`'s type; the rest is [`SocketFlags`].
pub const SOCK_TYPE_MASK: u32 = 0xf;
/// A stream of bytes.
pub const SOCK_STREAM: u32 = 1;
/// Datagrams.
pub const SOCK_DGRAM: u32 = 2;
/// The network protocol itself.
pub const SOCK_RAW: u32 = 3;
/// Datagrams that arrive.
pub const SOCK_RDM: u32 = 4;
/// Datagrams that arrive, in order, over a connection.
pub const SOCK_SEQPACKET: u32 = 5;

/// `shutdown(2)`: this end receives no more.
pub const SHUT_RD: i32 = 0;
/// `shutdown(2)`: this end sends no more.
pub const SHUT_WR: i32 = 1;
/// `shutdown(2)`: both.
pub const SHUT_RDWR: i32 = 2;

/// The message is descriptors: unix(7).
pub const SCM_RIGHTS: i32 = 1;
/// The message is a [`Ucred`]: unix(7).
pub const SCM_CREDENTIALS: i32 = 2;
/// The most descriptors in one message.
pub const SCM_MAX_FD: usize = 253;

/// The longest address (`struct sockaddr_storage`).
pub const SOCKADDR_STORAGE_SIZE: usize = 128;
/// The longest queue of connections by default (`net.core.somaxconn`).
pub const SOMAXCONN: u32 = 4096;
/// The most buffers of one message; more is `EMSGSIZE`.
pub const UIO_MAXIOV: usize = 1024;

bitflags! {
    /// Flags in the type of `socket(2)`, `socketpair(2)` and of `accept4(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct SocketFlags: u32 {
        /// Operations give `EAGAIN` rather than sleep.
        const SOCK_NONBLOCK = 0o4000;
        /// The descriptor is closed by `execve(2)`.
        const SOCK_CLOEXEC = 0o2000000;
    }
}

bitflags! {
    /// Flags of `sendmsg(2)` and `recvmsg(2)`, on the way in and out.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MsgFlags: u32 {
        /// Out-of-band data.
        const MSG_OOB = 0x1;
        /// Leave the data in the queue.
        const MSG_PEEK = 0x2;
        /// Only to hosts that are reached without a gateway.
        const MSG_DONTROUTE = 0x4;
        /// Control data was cut.
        const MSG_CTRUNC = 0x8;
        /// Data was cut; on the way in, return its full length.
        const MSG_TRUNC = 0x20;
        /// Do not sleep.
        const MSG_DONTWAIT = 0x40;
        /// The end of a record.
        const MSG_EOR = 0x80;
        /// Wait for everything.
        const MSG_WAITALL = 0x100;
        /// The other side is alive.
        const MSG_CONFIRM = 0x800;
        /// Read from the queue of errors.
        const MSG_ERRQUEUE = 0x2000;
        /// No `SIGPIPE`.
        const MSG_NOSIGNAL = 0x4000;
        /// More follows.
        const MSG_MORE = 0x8000;
        /// `recvmmsg(2)`: sleep for the first message only.
        const MSG_WAITFORONE = 0x1_0000;
        /// Send without a copy.
        const MSG_ZEROCOPY = 0x400_0000;
        /// Connect and send.
        const MSG_FASTOPEN = 0x2000_0000;
        /// Received descriptors are closed by `execve(2)`.
        const MSG_CMSG_CLOEXEC = 0x4000_0000;
    }
}

/// `struct msghdr`, 56 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Msghdr {
    /// The other side's address.
    pub msg_name: u64,
    /// Its length.
    pub msg_namelen: i32,
    /// Padding.
    pub pad0: u32,
    /// The buffers, `struct iovec`.
    pub msg_iov: u64,
    /// How many.
    pub msg_iovlen: u64,
    /// Control data, [`Cmsghdr`].
    pub msg_control: u64,
    /// Its length.
    pub msg_controllen: u64,
    /// [`MsgFlags`], on the way out.
    pub msg_flags: u32,
    /// Padding.
    pub pad1: u32,
}

/// `struct mmsghdr`, 64 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Mmsghdr {
    /// The message.
    pub msg_hdr: Msghdr,
    /// How many bytes were sent or received.
    pub msg_len: u32,
    /// Padding.
    pub pad0: u32,
}

/// `struct cmsghdr`, 16 bytes before the data; the next one starts at a multiple of 8.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Cmsghdr {
    /// Length, with this header.
    pub cmsg_len: u64,
    /// `SOL_*`.
    pub cmsg_level: i32,
    /// `SCM_*`.
    pub cmsg_type: i32,
}

/// `struct ucred`, 12 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Ucred {
    /// The sender.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// `struct linger`, 8 bytes: `SO_LINGER`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Linger {
    /// Whether `close(2)` waits.
    pub l_onoff: i32,
    /// How many seconds.
    pub l_linger: i32,
}

/// `struct sockaddr_un`, 110 bytes: unix(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SockaddrUn {
    /// [`AF_UNIX`](af::AF_UNIX).
    pub sun_family: u16,
    /// A path, or a NUL and a name.
    pub sun_path: [u8; 108],
}

/// `struct sockaddr_in`, 16 bytes: ip(7).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SockaddrIn {
    /// [`AF_INET`](af::AF_INET).
    pub sin_family: u16,
    /// Big-endian.
    pub sin_port: [u8; 2],
    /// Big-endian.
    pub sin_addr: [u8; 4],
    /// Padding.
    pub sin_zero: [u8; 8],
}

/// `struct sockaddr_in6`, 28 bytes: ipv6(7).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SockaddrIn6 {
    /// [`AF_INET6`](af::AF_INET6).
    pub sin6_family: u16,
    /// Big-endian.
    pub sin6_port: [u8; 2],
    /// Big-endian.
    pub sin6_flowinfo: [u8; 4],
    /// Big-endian.
    pub sin6_addr: [u8; 16],
    /// The interface.
    pub sin6_scope_id: u32,
}

/// `struct sockaddr_nl`, 12 bytes: netlink(7).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SockaddrNl {
    /// [`AF_NETLINK`](af::AF_NETLINK).
    pub nl_family: u16,
    /// Padding.
    pub nl_pad: u16,
    /// The port.
    pub nl_pid: u32,
    /// Multicast groups.
    pub nl_groups: u32,
}

/// Families of addresses.
#[expect(missing_docs, reason = "the names are Linux's, see address_families(7)")]
pub mod af {
    pub const AF_UNSPEC: u16 = 0;
    pub const AF_UNIX: u16 = 1;
    pub const AF_INET: u16 = 2;
    pub const AF_AX25: u16 = 3;
    pub const AF_INET6: u16 = 10;
    pub const AF_NETLINK: u16 = 16;
    pub const AF_PACKET: u16 = 17;
    pub const AF_BLUETOOTH: u16 = 31;
    pub const AF_ALG: u16 = 38;
    pub const AF_VSOCK: u16 = 40;
    pub const AF_MAX: u16 = 46;
}

/// Levels and options of `getsockopt(2)`.
#[expect(missing_docs, reason = "the names are Linux's, see socket(7)")]
pub mod so {
    pub const SOL_IP: i32 = 0;
    pub const SOL_SOCKET: i32 = 1;
    pub const SOL_TCP: i32 = 6;
    pub const SOL_UDP: i32 = 17;
    pub const SOL_IPV6: i32 = 41;
    pub const SO_DEBUG: i32 = 1;
    pub const SO_REUSEADDR: i32 = 2;
    pub const SO_TYPE: i32 = 3;
    pub const SO_ERROR: i32 = 4;
    pub const SO_DONTROUTE: i32 = 5;
    pub const SO_BROADCAST: i32 = 6;
    pub const SO_SNDBUF: i32 = 7;
    pub const SO_RCVBUF: i32 = 8;
    pub const SO_KEEPALIVE: i32 = 9;
    pub const SO_OOBINLINE: i32 = 10;
    pub const SO_NO_CHECK: i32 = 11;
    pub const SO_PRIORITY: i32 = 12;
    pub const SO_LINGER: i32 = 13;
    pub const SO_BSDCOMPAT: i32 = 14;
    pub const SO_REUSEPORT: i32 = 15;
    pub const SO_PASSCRED: i32 = 16;
    pub const SO_PEERCRED: i32 = 17;
    pub const SO_RCVLOWAT: i32 = 18;
    pub const SO_SNDLOWAT: i32 = 19;
    pub const SO_RCVTIMEO: i32 = 20;
    pub const SO_SNDTIMEO: i32 = 21;
    pub const SO_BINDTODEVICE: i32 = 25;
    pub const SO_ATTACH_FILTER: i32 = 26;
    pub const SO_DETACH_FILTER: i32 = 27;
    pub const SO_PEERNAME: i32 = 28;
    pub const SO_TIMESTAMP: i32 = 29;
    pub const SO_ACCEPTCONN: i32 = 30;
    pub const SO_PEERSEC: i32 = 31;
    pub const SO_SNDBUFFORCE: i32 = 32;
    pub const SO_RCVBUFFORCE: i32 = 33;
    pub const SO_PASSSEC: i32 = 34;
    pub const SO_TIMESTAMPNS: i32 = 35;
    pub const SO_MARK: i32 = 36;
    pub const SO_PROTOCOL: i32 = 38;
    pub const SO_DOMAIN: i32 = 39;
    pub const SO_PEEK_OFF: i32 = 42;
    pub const SO_INCOMING_CPU: i32 = 49;
    pub const SO_COOKIE: i32 = 57;
    pub const SO_PEERGROUPS: i32 = 59;
    pub const SO_ZEROCOPY: i32 = 60;
    pub const SO_PASSPIDFD: i32 = 76;
    pub const SO_PEERPIDFD: i32 = 77;
}

/// Protocols of the internet families.
#[expect(missing_docs, reason = "the names are Linux's, see ip(7)")]
pub mod ipproto {
    pub const IPPROTO_IP: i32 = 0;
    pub const IPPROTO_ICMP: i32 = 1;
    pub const IPPROTO_TCP: i32 = 6;
    pub const IPPROTO_UDP: i32 = 17;
    pub const IPPROTO_IPV6: i32 = 41;
    pub const IPPROTO_ICMPV6: i32 = 58;
    pub const IPPROTO_RAW: i32 = 255;
}
