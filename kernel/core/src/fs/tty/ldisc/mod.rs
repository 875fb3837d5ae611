//! The N_TTY line discipline (termios(3)), as a pure state machine.
//!
//! Owns what lies between a terminal's two ends: the input that a program has not read yet, cut
//! into lines in canonical mode, and the output (echo included) that the device has not taken yet.
//! It knows nothing of locks, sleeping or processes: bytes go in with [`LineDiscipline::receive`]
//! (from the device) and [`LineDiscipline::write`] (from a program), come out with
//! [`LineDiscipline::read`] and [`LineDiscipline::take_output`], and what has to happen to
//! processes comes back as an [`Event`] value. So all of it is tested on the host.
//!
//! Invariants: `tail <= canon_head <= head <= tail + SIZE` (counters, reduced modulo `SIZE` only
//! to index); a mark is set for exactly those positions in `tail..canon_head` that end a line.

mod erase;
mod input;
mod output;
mod read;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use abi::Signal;
use abi::tty::Termios;
use abi::tty::cc::*;
use abi::tty::iflag::*;
use abi::tty::lflag::*;
use abi::tty::oflag::*;

pub use read::ReadMode;

/// Bytes of input that a terminal holds for its readers, as on Linux (`N_TTY_BUF_SIZE`).
pub const SIZE: usize = 4096;

/// Bytes of output that wait for the device before writers have to wait as well.
pub const OUTPUT_ROOM: usize = 8192;

/// Echo may use this much above [`OUTPUT_ROOM`], so that a stopped terminal still echoes later;
/// what does not fit either is lost, as in Linux's echo buffer.
const ECHO_ROOM: usize = 4096;

/// What a pty's master learns in packet mode (ioctl_tty(2), `TIOCPKT`).
pub mod packet {
    /// The packet is data.
    pub const DATA: u8 = 0;
    /// The slave's input was flushed.
    pub const FLUSHREAD: u8 = 1;
    /// The slave's output was flushed.
    pub const FLUSHWRITE: u8 = 2;
    /// Output has stopped.
    pub const STOP: u8 = 4;
    /// Output flows again.
    pub const START: u8 = 8;
    /// ^S and ^Q do not control the flow.
    pub const NOSTOP: u8 = 16;
    /// ^S and ^Q control the flow.
    pub const DOSTOP: u8 = 32;
}

/// A control character with this value is switched off.
const DISABLED: u8 = 0;

/// What [`LineDiscipline::receive`] asks its caller to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// How many of the given bytes were taken; the rest found no room.
    pub consumed: usize,
    /// `SIGINT` was typed.
    pub interrupt: bool,
    /// `SIGQUIT` was typed.
    pub quit: bool,
    /// `SIGTSTP` was typed.
    pub suspend: bool,
    /// Output that was stopped may flow again.
    pub restarted: bool,
}

impl Event {
    /// The signals for the foreground process group, in the order of their numbers.
    pub fn signals(&self) -> impl Iterator<Item = Signal> {
        [
            (self.interrupt, Signal::SIGINT),
            (self.quit, Signal::SIGQUIT),
            (self.suspend, Signal::SIGTSTP),
        ]
        .into_iter()
        .filter_map(|(typed, signal)| typed.then_some(signal))
    }
}

/// The state between a terminal's device and its programs.
pub struct LineDiscipline {
    termios: Termios,
    /// Bit `c` is set when byte `c` needs more than to be stored and echoed as it is.
    special: [u64; 4],
    buffer: Box<[u8; SIZE]>,
    marks: Box<[u64; SIZE / 64]>,
    head: usize,
    canon_head: usize,
    tail: usize,
    /// The next input byte is literal (after VLNEXT).
    literal_next: bool,
    /// An ECHOPRT sequence `\...` is open.
    erasing: bool,
    /// Output is stopped: by VSTOP, or by tcflow(TCOOFF) when `stopped_by_ioctl` is set as well.
    stopped: bool,
    stopped_by_ioctl: bool,
    /// Where the output cursor is, for tabs and for erasing.
    column: usize,
    /// The column at which the line being typed began.
    canon_column: usize,
    output: VecDeque<u8>,
    /// [`packet`] bits since the master read them last.
    packet_status: u8,
}

impl LineDiscipline {
    /// A discipline with empty buffers and the given modes.
    pub fn new(termios: Termios) -> Self {
        let mut new = Self {
            termios,
            special: [0; 4],
            buffer: Box::new([0; SIZE]),
            marks: Box::new([0; SIZE / 64]),
            head: 0,
            canon_head: 0,
            tail: 0,
            literal_next: false,
            erasing: false,
            stopped: false,
            stopped_by_ioctl: false,
            column: 0,
            canon_column: 0,
            output: VecDeque::new(),
            packet_status: 0,
        };
        new.find_special();
        new
    }

    /// The modes in force.
    pub fn termios(&self) -> &Termios {
        &self.termios
    }

    /// Changes the modes. Returns whether stopped output may flow again.
    ///
    /// Input typed in the other mode stays: bytes typed raw become one pushed line in canonical
    /// mode, and an unfinished line becomes readable in raw mode.
    pub fn set_termios(&mut self, new: Termios) -> bool {
        let old = core::mem::replace(&mut self.termios, new);
        if (old.c_lflag ^ self.termios.c_lflag) & (ICANON | EXTPROC) != 0 {
            self.marks.fill(0);
            if self.lflag(ICANON) && self.head != self.tail {
                self.set_mark(self.head - 1);
                self.canon_head = self.head;
            } else {
                self.canon_head = self.tail;
            }
            self.erasing = false;
            self.literal_next = false;
        }
        if (old.c_iflag ^ self.termios.c_iflag) & IXON != 0 {
            self.note(if self.iflag(IXON) { packet::DOSTOP } else { packet::NOSTOP });
        }
        self.find_special();
        let unstoppable = old.c_iflag & IXON != 0 && !self.iflag(IXON);
        unstoppable && !self.stopped_by_ioctl && self.start()
    }

    /// Whether output is stopped (^S or tcflow).
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Stops output on a program's behalf: tcflow(TCOOFF).
    pub fn stop_by_ioctl(&mut self) {
        if !self.stopped_by_ioctl {
            self.stopped_by_ioctl = true;
            self.stop();
        }
    }

    /// Lets output flow again on a program's behalf: tcflow(TCOON). Returns whether it was stopped.
    pub fn start_by_ioctl(&mut self) -> bool {
        core::mem::take(&mut self.stopped_by_ioctl) && self.start()
    }

    /// Throws away all input that was not read: tcflush(TCIFLUSH).
    pub fn flush_input(&mut self) {
        self.head = 0;
        self.canon_head = 0;
        self.tail = 0;
        self.marks.fill(0);
        self.literal_next = false;
        self.erasing = false;
        self.note(packet::FLUSHREAD);
    }

    /// Throws away all output that the device has not taken: tcflush(TCOFLUSH).
    pub fn flush_output(&mut self) {
        self.output.clear();
        self.note(packet::FLUSHWRITE);
    }

    /// Takes the [`packet`] bits that gathered since the last call.
    pub fn take_packet_status(&mut self) -> u8 {
        core::mem::take(&mut self.packet_status)
    }

    /// Whether [`Self::take_packet_status`] would return something.
    pub fn has_packet_status(&self) -> bool {
        self.packet_status != 0
    }

    fn stop(&mut self) {
        if !self.stopped {
            self.stopped = true;
            self.packet_status &= !packet::START;
            self.note(packet::STOP);
        }
    }

    fn start(&mut self) -> bool {
        let was = core::mem::take(&mut self.stopped);
        if was {
            self.packet_status &= !packet::STOP;
            self.note(packet::START);
        }
        was
    }

    fn note(&mut self, bits: u8) {
        self.packet_status |= bits;
    }

    fn iflag(&self, flag: u32) -> bool {
        self.termios.c_iflag & flag != 0
    }

    fn oflag(&self, flag: u32) -> bool {
        self.termios.c_oflag & flag != 0
    }

    fn lflag(&self, flag: u32) -> bool {
        self.termios.c_lflag & flag != 0
    }

    /// Whether lines are edited and delivered whole.
    fn canonical(&self) -> bool {
        self.lflag(ICANON)
    }

    fn cc(&self, index: usize) -> u8 {
        self.termios.c_cc[index]
    }

    /// Whether `byte` is the (enabled) control character `index`.
    fn is_cc(&self, byte: u8, index: usize) -> bool {
        byte != DISABLED && self.cc(index) == byte
    }

    fn is_special(&self, byte: u8) -> bool {
        self.special[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }

    /// Collects the bytes that [`Self::receive`] has to look at more closely.
    fn find_special(&mut self) {
        let mut set = [0u64; 4];
        let mut add = |byte: u8| set[usize::from(byte >> 6)] |= 1 << (byte & 63);
        let cc = |index: usize| self.termios.c_cc[index];
        if self.iflag(IGNCR | ICRNL) {
            add(b'\r');
        }
        if self.iflag(INLCR) {
            add(b'\n');
        }
        if self.canonical() {
            add(b'\n');
            [VERASE, VKILL, VEOF, VEOL].into_iter().for_each(|index| add(cc(index)));
            if self.lflag(IEXTEN) {
                [VWERASE, VLNEXT, VEOL2, VREPRINT].into_iter().for_each(|index| add(cc(index)));
            }
        }
        if self.iflag(IXON) {
            [VSTART, VSTOP].into_iter().for_each(|index| add(cc(index)));
        }
        if self.lflag(ISIG) {
            [VINTR, VQUIT, VSUSP].into_iter().for_each(|index| add(cc(index)));
        }
        if self.iflag(PARMRK) {
            add(0xff);
        }
        set[0] &= !(1 << DISABLED);
        self.special = set;
    }

    fn at(&self, position: usize) -> u8 {
        self.buffer[position % SIZE]
    }

    fn set_mark(&mut self, position: usize) {
        let index = position % SIZE;
        self.marks[index / 64] |= 1 << (index % 64);
    }

    fn clear_mark(&mut self, position: usize) {
        let index = position % SIZE;
        self.marks[index / 64] &= !(1 << (index % 64));
    }

    fn is_marked(&self, position: usize) -> bool {
        let index = position % SIZE;
        self.marks[index / 64] & (1 << (index % 64)) != 0
    }
}

/// Linux's iscntrl() for terminals: the C0 set and DEL.
fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}
