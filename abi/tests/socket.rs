//! Sockets against the kernel's headers.
#[macro_use]
mod common;

use abi::socket::{
    Cmsghdr, Linger, Mmsghdr, MsgFlags, Msghdr, SockaddrIn, SockaddrIn6, SockaddrUn,
};
use abi::socket::{SocketFlags, Ucred};
use linux_raw_sys::net as linux;

#[test]
fn values() {
    same_values!(abi::socket, linux_raw_sys::net,
        SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET SHUT_RD SHUT_WR SHUT_RDWR SCM_RIGHTS
        SCM_CREDENTIALS);
    same_values!(abi::socket::af, linux_raw_sys::net,
        AF_UNSPEC AF_UNIX AF_INET AF_AX25 AF_INET6 AF_NETLINK AF_PACKET AF_BLUETOOTH
        AF_ALG AF_VSOCK AF_MAX);
    same_values!(abi::socket::so, linux_raw_sys::net,
        SOL_IP SOL_SOCKET SOL_TCP SOL_UDP SOL_IPV6 SO_DEBUG SO_REUSEADDR SO_TYPE
        SO_ERROR SO_DONTROUTE SO_BROADCAST SO_SNDBUF SO_RCVBUF SO_KEEPALIVE SO_OOBINLINE
        SO_NO_CHECK SO_PRIORITY SO_LINGER SO_BSDCOMPAT SO_REUSEPORT SO_PASSCRED
        SO_PEERCRED SO_RCVLOWAT SO_SNDLOWAT SO_RCVTIMEO SO_SNDTIMEO SO_BINDTODEVICE
        SO_ATTACH_FILTER SO_DETACH_FILTER SO_PEERNAME SO_TIMESTAMP SO_ACCEPTCONN
        SO_PEERSEC SO_SNDBUFFORCE SO_RCVBUFFORCE SO_PASSSEC SO_TIMESTAMPNS SO_MARK
        SO_PROTOCOL SO_DOMAIN SO_PEEK_OFF SO_INCOMING_CPU SO_COOKIE SO_PEERGROUPS
        SO_ZEROCOPY SO_PASSPIDFD SO_PEERPIDFD);
    same_values!(MsgFlags as flags, linux_raw_sys::net,
        MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_CTRUNC MSG_TRUNC MSG_DONTWAIT MSG_EOR MSG_WAITALL
        MSG_CONFIRM MSG_ERRQUEUE MSG_NOSIGNAL MSG_MORE MSG_CMSG_CLOEXEC);
    assert_eq!(SocketFlags::SOCK_NONBLOCK.bits(), linux_raw_sys::general::O_NONBLOCK);
    assert_eq!(SocketFlags::SOCK_CLOEXEC.bits(), linux_raw_sys::general::O_CLOEXEC);
}

#[test]
fn layouts() {
    same_layout!(Msghdr, linux::msghdr,
        msg_name msg_namelen msg_iov msg_iovlen msg_control msg_controllen msg_flags);
    same_layout!(Mmsghdr, linux::mmsghdr, msg_hdr msg_len);
    same_layout!(Cmsghdr, linux::cmsghdr, cmsg_len cmsg_level cmsg_type);
    same_layout!(Ucred, linux::ucred, pid uid gid);
    same_layout!(Linger, linux::linger, l_onoff l_linger);
    same_layout!(SockaddrUn, linux::sockaddr_un, sun_family sun_path);
}

/// The addresses hold bytes in network order here, so only size and place can be the same.
#[test]
fn addresses() {
    use core::mem::offset_of;
    assert_eq!(size_of::<SockaddrIn>(), size_of::<linux::sockaddr_in>());
    assert_eq!(offset_of!(SockaddrIn, sin_addr), offset_of!(linux::sockaddr_in, sin_addr));
    assert_eq!(size_of::<SockaddrIn6>(), size_of::<linux::sockaddr_in6>());
    assert_eq!(offset_of!(SockaddrIn6, sin6_addr), offset_of!(linux::sockaddr_in6, sin6_addr));
    assert_eq!(
        offset_of!(SockaddrIn6, sin6_scope_id),
        offset_of!(linux::sockaddr_in6, sin6_scope_id)
    );
}
