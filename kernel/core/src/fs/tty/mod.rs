//! Terminals: serial lines and pseudo-terminals behind one line discipline.
//!
//! A [`Tty`] is one terminal: a [`ldisc::LineDiscipline`], the window size, and to which session and
//! foreground process group it belongs. [`file`] is what a program that opened it can do, [`ioctl`]
//! its commands, [`job`] the rules of job control (credentials(7), setsid(2), ioctl_tty(2)).
//! [`serial`] and [`pty`] are the two kinds of device behind it.
//!
//! Locks: one per terminal (`locks::TTY`). Signals are sent and sleepers woken without it.
//!
//! Job control is about processes, which `fs` does not know: [`job::ProcessGroups`] is implemented
//! by `task`.

mod control;
mod devpts;
mod file;
mod ioctl;
pub mod job;
pub mod ldisc;
mod nodes;
pub mod pty;
pub mod serial;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::Signal;
use abi::stat::DeviceNumber;
use abi::tty::cflag::{B38400, CREAD, CS8, HUPCL};
use abi::tty::iflag::{ICRNL, IXON};
use abi::tty::lflag::{ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, ICANON, IEXTEN, ISIG};
use abi::tty::oflag::{ONLCR, OPOST};
use abi::tty::{Termios, Winsize};
use machine::sync::SpinLock;

use crate::locks;
use crate::sched::WaitQueue;
use ldisc::{Event, LineDiscipline};

pub use control::{controlling_terminal, session_ends};
pub use file::TtyFile;
pub use nodes::{PTS_MAJOR, init};

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

/// What is behind a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// A serial port: output goes to it at once.
    Serial {
        /// Which port of the machine.
        port: usize,
    },
    /// The slave of a pseudo-terminal: output waits for the master to read it.
    Pty {
        /// Its number under /dev/pts.
        index: u32,
    },
}

/// One terminal.
pub struct Tty {
    device: Device,
    state: SpinLock<State>,
    /// Programs that wait for input.
    readers: WaitQueue,
    /// Programs that wait for room for output.
    writers: WaitQueue,
    /// A pty's master, waiting for output of the slave or for room for its input.
    master: WaitQueue,
    /// Counts hang-ups: what was opened before the last one is dead.
    hangups: AtomicU64,
}

/// What is left to do after bytes were received.
struct Received {
    event: Event,
    owners: (Option<u32>, Option<u32>),
    readable: bool,
}

/// What is behind the lock of a terminal.
struct State {
    line: LineDiscipline,
    winsize: Winsize,
    /// The session whose controlling terminal it is.
    session: Option<u32>,
    /// The foreground process group.
    foreground: Option<u32>,
    /// TIOCEXCL: nobody else may open it.
    exclusive: bool,
    /// How many open file descriptions there are, the master's not counted.
    opens: u32,
    pty: pty::PtyState,
}

impl Tty {
    /// A terminal on `device` with default modes. A pty's slave starts locked.
    pub fn new(device: Device) -> Arc<Self> {
        Arc::new(Self {
            device,
            state: SpinLock::new(
                locks::TTY,
                State {
                    line: LineDiscipline::new(default_termios()),
                    winsize: Winsize::default(),
                    session: None,
                    foreground: None,
                    exclusive: false,
                    opens: 0,
                    pty: pty::PtyState::new_locked(),
                },
            ),
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
            master: WaitQueue::new(),
            hangups: AtomicU64::new(0),
        })
    }

    /// What is behind it.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The session whose controlling terminal it is, and its foreground process group.
    pub fn owners(&self) -> (Option<u32>, Option<u32>) {
        let state = self.state.lock();
        (state.session, state.foreground)
    }

    /// The device number of its node: `tty_nr` of /proc/PID/stat.
    pub fn device_number(&self) -> DeviceNumber {
        match self.device {
            Device::Serial { port } => nodes::serial_number(port),
            Device::Pty { index } => DeviceNumber::new(PTS_MAJOR, index),
        }
    }

    /// Bytes typed by a pty's master. Returns how many were taken.
    fn receive(&self, bytes: &[u8]) -> usize {
        let received = {
            let mut state = self.state.lock();
            self.receive_locked(&mut state, bytes)
        };
        let consumed = received.event.consumed;
        self.after_receive(received);
        consumed
    }

    /// Feeds bytes from the device to the line discipline. [`Tty::after_receive`] does the rest
    /// when the lock is released.
    fn receive_locked(&self, state: &mut State, bytes: &[u8]) -> Received {
        let event = state.line.receive(bytes);
        self.drain(state);
        Received {
            event,
            owners: (state.session, state.foreground),
            readable: state.line.has_input(),
        }
    }

    fn after_receive(&self, received: Received) {
        self.act_on(&received.event, received.owners);
        if received.readable {
            self.readers.wake_all();
        }
        if received.event.restarted {
            self.writers.wake_all();
        }
        self.master.wake_all();
    }

    fn act_on(&self, event: &Event, (session, foreground): (Option<u32>, Option<u32>)) {
        if let (Some(session), Some(group)) = (session, foreground) {
            for signal in event.signals() {
                job::signal_group(group, session, signal);
            }
        }
    }

    /// Hands output that waits to the device. A pty's stays for the master.
    fn drain(&self, state: &mut State) {
        let Device::Serial { port } = self.device else {
            return;
        };
        loop {
            let pending = state.line.pending_output();
            let count = pending.len();
            if count == 0 {
                return;
            }
            machine::serial::write(port, pending);
            state.line.output_taken(count);
        }
    }

    /// Sends `signal` to the foreground process group.
    fn signal_foreground(&self, signal: Signal) {
        if let (Some(session), Some(group)) = self.owners() {
            job::signal_group(group, session, signal);
        }
    }

    /// Sets the window size; the foreground group hears of a change.
    pub fn set_winsize(&self, size: Winsize) {
        let changed = {
            let mut state = self.state.lock();
            core::mem::replace(&mut state.winsize, size) != size
        };
        if changed {
            self.signal_foreground(Signal::SIGWINCH);
        }
    }

    /// Cuts everybody off: what was opened before reads as ended and cannot be written; the session
    /// leader gets SIGHUP and SIGCONT, and the session loses the terminal.
    pub fn hang_up(&self) {
        self.hang_up_with(|_| ());
    }

    /// Hangs up, and makes `change` in the same step: nobody sees the one without the other.
    fn hang_up_with(&self, change: impl FnOnce(&mut State)) {
        let (session, foreground) = {
            let mut state = self.state.lock();
            change(&mut state);
            self.hangups.fetch_add(1, Ordering::SeqCst);
            state.line.flush_input();
            state.line.flush_output();
            (state.session.take(), state.foreground.take())
        };
        self.wake_everybody();
        if let Some(session) = session {
            control::forget(session);
            job::hang_up_session(session, foreground);
        }
    }

    fn wake_everybody(&self) {
        self.readers.wake_all();
        self.writers.wake_all();
        self.master.wake_all();
    }

    fn hangups(&self) -> u64 {
        self.hangups.load(Ordering::SeqCst)
    }
}
