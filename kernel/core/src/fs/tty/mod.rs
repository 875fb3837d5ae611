//! Terminals: serial lines and pseudo-terminals behind one line discipline.

pub mod ldisc;

use abi::tty::Termios;
use abi::tty::cflag::{B38400, CREAD, CS8, HUPCL};
use abi::tty::iflag::{ICRNL, IXON};
use abi::tty::lflag::{ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, ICANON, IEXTEN, ISIG};
use abi::tty::oflag::{ONLCR, OPOST};

/// The modes of a terminal that nobody has changed, as Linux has them.
pub fn default_termios() -> Termios {
    let mut c_cc = [0; abi::tty::NCCS];
    // INTR QUIT ERASE KILL EOF TIME MIN SWTC START STOP SUSP EOL REPRINT DISCARD WERASE LNEXT
    c_cc[..16].copy_from_slice(b"\x03\x1c\x7f\x15\x04\0\x01\0\x11\x13\x1a\0\x12\x0f\x17\x16");
    Termios {
        c_iflag: ICRNL | IXON,
        c_oflag: OPOST | ONLCR,
        c_cflag: B38400 | CS8 | CREAD | HUPCL,
        c_lflag: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
        c_line: 0,
        c_cc,
    }
}
