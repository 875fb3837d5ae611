//! Terminals: `struct termios` and its flags (termios(3)), the ioctls of ioctl_tty(2).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// How many control characters the kernel's structures hold.
pub const NCCS: usize = 19;

/// The kernel's `struct termios` (`TCGETS`), 36 bytes; libc's is longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see termios(3)")]
pub struct Termios {
    pub c_iflag: u32,
    pub c_oflag: u32,
    pub c_cflag: u32,
    pub c_lflag: u32,
    pub c_line: u8,
    pub c_cc: [u8; NCCS],
}

/// `struct termios2` (`TCGETS2`), 44 bytes: with speeds as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see ioctl_tty(2)")]
pub struct Termios2 {
    pub c_iflag: u32,
    pub c_oflag: u32,
    pub c_cflag: u32,
    pub c_lflag: u32,
    pub c_line: u8,
    pub c_cc: [u8; NCCS],
    pub c_ispeed: u32,
    pub c_ospeed: u32,
}

/// `struct winsize`, 8 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see ioctl_tty(2)")]
pub struct Winsize {
    pub ws_row: u16,
    pub ws_col: u16,
    pub ws_xpixel: u16,
    pub ws_ypixel: u16,
}

/// Indices into `c_cc`.
#[expect(missing_docs, reason = "Linux's names")]
pub mod cc {
    pub const VINTR: usize = 0;
    pub const VQUIT: usize = 1;
    pub const VERASE: usize = 2;
    pub const VKILL: usize = 3;
    pub const VEOF: usize = 4;
    pub const VTIME: usize = 5;
    pub const VMIN: usize = 6;
    pub const VSWTC: usize = 7;
    pub const VSTART: usize = 8;
    pub const VSTOP: usize = 9;
    pub const VSUSP: usize = 10;
    pub const VEOL: usize = 11;
    pub const VREPRINT: usize = 12;
    pub const VDISCARD: usize = 13;
    pub const VWERASE: usize = 14;
    pub const VLNEXT: usize = 15;
    pub const VEOL2: usize = 16;
}

/// `c_iflag` bits.
#[expect(missing_docs, reason = "Linux's names")]
pub mod iflag {
    pub const IGNBRK: u32 = 0o1;
    pub const BRKINT: u32 = 0o2;
    pub const IGNPAR: u32 = 0o4;
    pub const PARMRK: u32 = 0o10;
    pub const INPCK: u32 = 0o20;
    pub const ISTRIP: u32 = 0o40;
    pub const INLCR: u32 = 0o100;
    pub const IGNCR: u32 = 0o200;
    pub const ICRNL: u32 = 0o400;
    pub const IUCLC: u32 = 0o1000;
    pub const IXON: u32 = 0o2000;
    pub const IXANY: u32 = 0o4000;
    pub const IXOFF: u32 = 0o10000;
    pub const IMAXBEL: u32 = 0o20000;
    pub const IUTF8: u32 = 0o40000;
}

/// `c_oflag` bits.
#[expect(missing_docs, reason = "Linux's names")]
pub mod oflag {
    pub const OPOST: u32 = 0o1;
    pub const OLCUC: u32 = 0o2;
    pub const ONLCR: u32 = 0o4;
    pub const OCRNL: u32 = 0o10;
    pub const ONOCR: u32 = 0o20;
    pub const ONLRET: u32 = 0o40;
    pub const OFILL: u32 = 0o100;
    pub const TABDLY: u32 = 0o14000;
    pub const XTABS: u32 = 0o14000;
}

/// `c_cflag` bits.
#[expect(missing_docs, reason = "Linux's names")]
pub mod cflag {
    pub const CBAUD: u32 = 0o10017;
    pub const B9600: u32 = 0o15;
    pub const B38400: u32 = 0o17;
    pub const B115200: u32 = 0o10002;
    pub const BOTHER: u32 = 0o10000;
    pub const CSIZE: u32 = 0o60;
    pub const CS8: u32 = 0o60;
    pub const CSTOPB: u32 = 0o100;
    pub const CREAD: u32 = 0o200;
    pub const PARENB: u32 = 0o400;
    pub const PARODD: u32 = 0o1000;
    pub const HUPCL: u32 = 0o2000;
    pub const CLOCAL: u32 = 0o4000;
}

/// `c_lflag` bits.
#[expect(missing_docs, reason = "Linux's names")]
pub mod lflag {
    pub const ISIG: u32 = 0o1;
    pub const ICANON: u32 = 0o2;
    pub const XCASE: u32 = 0o4;
    pub const ECHO: u32 = 0o10;
    pub const ECHOE: u32 = 0o20;
    pub const ECHOK: u32 = 0o40;
    pub const ECHONL: u32 = 0o100;
    pub const NOFLSH: u32 = 0o200;
    pub const TOSTOP: u32 = 0o400;
    pub const ECHOCTL: u32 = 0o1000;
    pub const ECHOPRT: u32 = 0o2000;
    pub const ECHOKE: u32 = 0o4000;
    pub const FLUSHO: u32 = 0o10000;
    pub const PENDIN: u32 = 0o40000;
    pub const IEXTEN: u32 = 0o100000;
    pub const EXTPROC: u32 = 0o200000;
}

/// ioctl(2) commands of terminals and of every file.
#[expect(missing_docs, reason = "Linux's names, see ioctl_tty(2)")]
pub mod ioctl {
    pub const TCGETS: u32 = 0x5401;
    pub const TCSETS: u32 = 0x5402;
    pub const TCSETSW: u32 = 0x5403;
    pub const TCSETSF: u32 = 0x5404;
    pub const TCSBRK: u32 = 0x5409;
    pub const TCXONC: u32 = 0x540a;
    pub const TCFLSH: u32 = 0x540b;
    pub const TIOCEXCL: u32 = 0x540c;
    pub const TIOCNXCL: u32 = 0x540d;
    pub const TIOCSCTTY: u32 = 0x540e;
    pub const TIOCGPGRP: u32 = 0x540f;
    pub const TIOCSPGRP: u32 = 0x5410;
    pub const TIOCOUTQ: u32 = 0x5411;
    pub const TIOCSTI: u32 = 0x5412;
    pub const TIOCGWINSZ: u32 = 0x5413;
    pub const TIOCSWINSZ: u32 = 0x5414;
    pub const TIOCMGET: u32 = 0x5415;
    pub const FIONREAD: u32 = 0x541b;
    pub const TIOCINQ: u32 = FIONREAD;
    pub const TIOCCONS: u32 = 0x541d;
    pub const TIOCPKT: u32 = 0x5420;
    pub const FIONBIO: u32 = 0x5421;
    pub const TIOCNOTTY: u32 = 0x5422;
    pub const TIOCSETD: u32 = 0x5423;
    pub const TIOCGETD: u32 = 0x5424;
    pub const TCSBRKP: u32 = 0x5425;
    pub const TIOCSBRK: u32 = 0x5427;
    pub const TIOCCBRK: u32 = 0x5428;
    pub const TIOCGSID: u32 = 0x5429;
    pub const TCGETS2: u32 = 0x802c_542a;
    pub const TCSETS2: u32 = 0x402c_542b;
    pub const TCSETSW2: u32 = 0x402c_542c;
    pub const TCSETSF2: u32 = 0x402c_542d;
    pub const TIOCGPTN: u32 = 0x8004_5430;
    pub const TIOCSPTLCK: u32 = 0x4004_5431;
    pub const TIOCSIG: u32 = 0x4004_5436;
    pub const TIOCVHANGUP: u32 = 0x5437;
    pub const TIOCGPKT: u32 = 0x8004_5438;
    pub const TIOCGPTLCK: u32 = 0x8004_5439;
    pub const TIOCGEXCL: u32 = 0x8004_5440;
    pub const TIOCGPTPEER: u32 = 0x5441;
    pub const FIONCLEX: u32 = 0x5450;
    pub const FIOCLEX: u32 = 0x5451;
    pub const FIOASYNC: u32 = 0x5452;
    pub const FIOQSIZE: u32 = 0x5460;
    pub const FIGETBSZ: u32 = 2;
    pub const FICLONE: u32 = 0x4004_9409;
    pub const TCIFLUSH: u32 = 0;
    pub const TCOFLUSH: u32 = 1;
    pub const TCIOFLUSH: u32 = 2;
    pub const TCOOFF: u32 = 0;
    pub const TCOON: u32 = 1;
    pub const TCIOFF: u32 = 2;
    pub const TCION: u32 = 3;
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};
    use linux_raw_sys::{general as linux, ioctl as theirs};

    macro_rules! same {
        ($module:path, $theirs:path: $($name:ident)*) => {{
            use $module as ours;
            use $theirs as linux;
            $(assert_eq!(ours::$name as u64, linux::$name as u64, stringify!($name));)*
        }};
    }

    #[test]
    fn termios_matches_linux() {
        assert_eq!(size_of::<Termios>(), size_of::<linux::termios>());
        assert_eq!(offset_of!(Termios, c_cc), offset_of!(linux::termios, c_cc));
        assert_eq!(size_of::<Termios2>(), size_of::<linux::termios2>());
        assert_eq!(offset_of!(Termios2, c_ospeed), offset_of!(linux::termios2, c_ospeed));
        assert_eq!(size_of::<Winsize>(), size_of::<linux::winsize>());
        same!(super::iflag, linux_raw_sys::general: IGNBRK BRKINT IGNPAR PARMRK INPCK ISTRIP INLCR
            IGNCR ICRNL IUCLC IXON IXANY IXOFF IMAXBEL IUTF8);
        same!(super::oflag, linux_raw_sys::general: OPOST OLCUC ONLCR OCRNL ONOCR ONLRET XTABS);
        same!(super::cflag, linux_raw_sys::general: CBAUD B9600 B38400 B115200 CSIZE CS8 CREAD
            HUPCL CLOCAL PARENB);
        same!(super::lflag, linux_raw_sys::general: ISIG ICANON ECHO ECHOE ECHOK ECHONL NOFLSH
            TOSTOP ECHOCTL ECHOPRT ECHOKE FLUSHO PENDIN IEXTEN EXTPROC);
        same!(super::cc, linux_raw_sys::general: VINTR VQUIT VERASE VKILL VEOF VTIME VMIN VSTART
            VSTOP VSUSP VEOL VREPRINT VDISCARD VWERASE VLNEXT VEOL2);
    }

    #[test]
    fn ioctls_match_linux() {
        let _ = theirs::TCGETS;
        same!(super::ioctl, linux_raw_sys::ioctl: TCGETS TCSETS TCSETSW TCSETSF TCSBRK TCXONC
            TCFLSH TIOCEXCL TIOCNXCL TIOCSCTTY TIOCGPGRP TIOCSPGRP TIOCOUTQ TIOCSTI TIOCGWINSZ
            TIOCSWINSZ FIONREAD TIOCPKT FIONBIO TIOCNOTTY TIOCGSID TIOCGPTN TIOCSPTLCK TIOCVHANGUP
            TIOCGPTPEER FIONCLEX FIOCLEX FIOASYNC TCGETS2 TCSETS2 FICLONE);
    }
}
