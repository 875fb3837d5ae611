//! The commands of terminals (ioctl_tty(2)).

use abi::tty::cflag::CBAUD;
use abi::tty::ioctl::*;
use abi::tty::{Termios, Termios2, Winsize};
use abi::{Errno, Signal};
use machine::addr::UserAddr;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

use super::file::TtyFile;
use super::pty::Master;
use super::{Device, Tty, job};
use crate::error::{Restart, Result};
use crate::fs::Caller;
use crate::fs::file::OpenFile;
use crate::mm::user;
use crate::sched::Sleep;

/// A command with its argument and who gave it.
struct Command<'a> {
    cmd: u32,
    arg: u64,
    caller: &'a dyn Caller,
    is_master: bool,
    readable: bool,
}

impl Command<'_> {
    fn at(&self) -> UserAddr {
        UserAddr::new(self.arg)
    }

    /// The low 32 bits, for commands whose argument is an `int` by value.
    fn int(&self) -> u32 {
        (self.arg & 0xffff_ffff) as u32
    }

    fn get<T: FromBytes + FromZeros + IntoBytes>(&self) -> Result<T> {
        user::read(self.caller.space(), self.at())
    }

    fn put<T: IntoBytes + Immutable>(&self, value: &T) -> Result<usize> {
        user::write(self.caller.space(), self.at(), value)?;
        Ok(0)
    }

    /// Before a change from the background: SIGTTOU.
    fn check_change(&self, tty: &Tty) -> Result<()> {
        if self.is_master {
            Ok(())
        } else {
            job::check_background(tty, self.caller, Signal::SIGTTOU)
        }
    }
}

/// An ioctl on a terminal.
pub(super) fn slave(
    file: &TtyFile,
    open: &OpenFile,
    cmd: u32,
    arg: u64,
    caller: &dyn Caller,
) -> Result<usize> {
    if file.is_hung_up() {
        return Err(if cmd == TIOCSPGRP { Errno::ENOTTY } else { Errno::EIO }.into());
    }
    let command = Command { cmd, arg, caller, is_master: false, readable: open.access().read };
    match cmd {
        TIOCSCTTY => {
            let steal = command.int() == 1;
            file.tty.set_controlling(caller, steal, command.readable)?;
            Ok(0)
        }
        TIOCNOTTY => {
            file.tty.give_up(caller)?;
            Ok(0)
        }
        _ => common(&file.tty, &command),
    }
}

/// An ioctl on a pty's master: most act on the slave.
pub(super) fn master(
    file: &Master,
    open: &OpenFile,
    cmd: u32,
    arg: u64,
    caller: &dyn Caller,
) -> Result<usize> {
    let command = Command { cmd, arg, caller, is_master: true, readable: open.access().read };
    let tty = &*file.tty;
    match cmd {
        TIOCGPTN => command.put(&file.index),
        TIOCSPTLCK => {
            let lock: i32 = command.get()?;
            tty.state.lock().pty.set_locked(lock != 0);
            Ok(0)
        }
        TIOCGPTLCK => {
            let locked = i32::from(tty.state.lock().pty.is_locked());
            command.put(&locked)
        }
        TIOCPKT => {
            let on: i32 = command.get()?;
            let mut state = tty.state.lock();
            if on != 0 && !state.pty.packets {
                state.line.take_packet_status();
            }
            state.pty.packets = on != 0;
            Ok(0)
        }
        TIOCGPKT => {
            let on = i32::from(tty.state.lock().pty.packets);
            command.put(&on)
        }
        TIOCSIG => file.send_signal(arg),
        FIONREAD => {
            let waiting = tty.state.lock().line.output_len();
            command.put(&count(waiting))
        }
        TIOCSCTTY | TIOCNOTTY => Err(Errno::ENOTTY.into()),
        _ => common(tty, &command),
    }
}

fn count(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

/// What both sides understand.
fn common(tty: &Tty, command: &Command<'_>) -> Result<usize> {
    match command.cmd {
        TCGETS => {
            let termios = *tty.state.lock().line.termios();
            command.put(&termios)
        }
        TCGETS2 => {
            let termios = *tty.state.lock().line.termios();
            command.put(&with_speeds(&termios))
        }
        TCSETS | TCSETSW | TCSETSF | TCSETS2 | TCSETSW2 | TCSETSF2 => set_termios(tty, command),
        TIOCGWINSZ => {
            let size = tty.state.lock().winsize;
            command.put(&size)
        }
        TIOCSWINSZ => {
            let size: Winsize = command.get()?;
            tty.set_winsize(size);
            Ok(0)
        }
        TIOCGPGRP => {
            let group = tty.foreground_for(command.caller, command.is_master)?;
            command.put(&group)
        }
        TIOCSPGRP => set_foreground(tty, command),
        TIOCGSID => {
            let session = tty.owners().0;
            let own = command.is_master || session == Some(command.caller.sid());
            let session = session.filter(|_| own).ok_or(Errno::ENOTTY)?;
            command.put(&session)
        }
        FIONREAD => {
            let waiting = tty.state.lock().line.input_len();
            command.put(&count(waiting))
        }
        TIOCOUTQ => {
            let waiting = tty.state.lock().line.output_len();
            command.put(&count(waiting))
        }
        TCFLSH => flush(tty, command),
        TCXONC => flow(tty, command),
        TCSBRK | TCSBRKP => {
            command.check_change(tty)?;
            // A break is nothing that an emulated line could send; both wait for the output.
            drain_output(tty)?;
            Ok(0)
        }
        TIOCSBRK | TIOCCBRK => {
            command.check_change(tty)?;
            Ok(0)
        }
        TIOCEXCL | TIOCNXCL => {
            tty.state.lock().exclusive = command.cmd == TIOCEXCL;
            Ok(0)
        }
        TIOCGEXCL => {
            let exclusive = i32::from(tty.state.lock().exclusive);
            command.put(&exclusive)
        }
        TIOCGETD => command.put(&0i32),
        TIOCSETD => match command.get::<i32>()? {
            0 => Ok(0),
            _ => Err(Errno::EINVAL.into()),
        },
        TIOCSTI => type_byte(tty, command),
        TIOCVHANGUP => {
            if !command.caller.cred().capable(abi::cap::CAP_SYS_ADMIN) {
                return Err(Errno::EPERM.into());
            }
            tty.hang_up();
            Ok(0)
        }
        TIOCMGET => match tty.device {
            // DTR, RTS, CTS, CD and DSR: a line whose other end is always there.
            Device::Serial { .. } => command.put(&0x166i32),
            Device::Pty { .. } => Err(Errno::EINVAL.into()),
        },
        _ => Err(Errno::ENOTTY.into()),
    }
}

/// TCSETS and its relatives: W waits for the output, F also drops the input.
fn set_termios(tty: &Tty, command: &Command<'_>) -> Result<usize> {
    command.check_change(tty)?;
    let new = match command.cmd {
        TCSETS | TCSETSW | TCSETSF => command.get::<Termios>()?,
        _ => without_speeds(&command.get::<Termios2>()?),
    };
    if !matches!(command.cmd, TCSETS | TCSETS2) {
        drain_output(tty)?;
    }
    let restarted = {
        let mut state = tty.state.lock();
        if matches!(command.cmd, TCSETSF | TCSETSF2) {
            state.line.flush_input();
        }
        let restarted = state.line.set_termios(new);
        tty.drain(&mut state);
        restarted
    };
    // What was an unfinished line may be readable now.
    tty.readers.wake_all();
    if restarted {
        tty.writers.wake_all();
    }
    tty.master.wake_all();
    Ok(0)
}

/// Waits until the device has taken all output: tcdrain(3).
fn drain_output(tty: &Tty) -> Result<()> {
    // A pty's slave does not wait for its master to read, as on Linux, where the output has left
    // the slave as soon as it is in the master's buffer.
    if matches!(tty.device, Device::Pty { .. }) {
        return Ok(());
    }
    let empty = || (tty.state.lock().line.output_len() == 0).then_some(());
    let waited = tty.writers.wait_until(Sleep::Interruptible, None, empty);
    waited.map_err(|_| Restart::IfSaRestart.into())
}

fn set_foreground(tty: &Tty, command: &Command<'_>) -> Result<usize> {
    // A group that may not change the terminal and is orphaned gets ENOTTY here, not EIO.
    command.check_change(tty).map_err(|error| match error {
        crate::error::Error::Errno(Errno::EIO) => Errno::ENOTTY.into(),
        other => other,
    })?;
    let group: i32 = command.get()?;
    tty.set_foreground(command.caller, group)?;
    Ok(0)
}

fn flush(tty: &Tty, command: &Command<'_>) -> Result<usize> {
    command.check_change(tty)?;
    let (input, output) = match command.int() {
        TCIFLUSH => (true, false),
        TCOFLUSH => (false, true),
        TCIOFLUSH => (true, true),
        _ => return Err(Errno::EINVAL.into()),
    };
    {
        let mut state = tty.state.lock();
        // The master's "input" is what the slave has written.
        if if command.is_master { output } else { input } {
            state.line.flush_input();
        }
        if if command.is_master { input } else { output } {
            state.line.flush_output();
        }
    }
    tty.writers.wake_all();
    tty.master.wake_all();
    Ok(0)
}

fn flow(tty: &Tty, command: &Command<'_>) -> Result<usize> {
    command.check_change(tty)?;
    match command.int() {
        TCOOFF => tty.state.lock().line.stop_by_ioctl(),
        TCOON => {
            {
                let mut state = tty.state.lock();
                state.line.start_by_ioctl();
                tty.drain(&mut state);
            }
            tty.writers.wake_all();
            tty.master.wake_all();
        }
        // Asking the other end to pause or to go on: the line sends its control character.
        which @ (TCIOFF | TCION) => {
            let mut state = tty.state.lock();
            let index = if which == TCIOFF { abi::tty::cc::VSTOP } else { abi::tty::cc::VSTART };
            let byte = state.line.termios().c_cc[index];
            if byte != 0 {
                state.line.put_raw(byte);
                tty.drain(&mut state);
            }
        }
        _ => return Err(Errno::EINVAL.into()),
    }
    Ok(0)
}

/// TIOCSTI: as if the byte had been typed.
fn type_byte(tty: &Tty, command: &Command<'_>) -> Result<usize> {
    let caller = command.caller;
    let own = tty.owners().0 == Some(caller.sid());
    if !own && !caller.cred().capable(abi::cap::CAP_SYS_ADMIN) {
        return Err(Errno::EPERM.into());
    }
    let byte: u8 = command.get()?;
    tty.receive(&[byte]);
    Ok(0)
}

/// The speeds that `c_cflag` codes have, lowest code first; 0o10001 on above 15.
const SPEEDS: [u32; 31] = [
    0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600,
    115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000,
    2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
];

fn with_speeds(termios: &Termios) -> Termios2 {
    let code = termios.c_cflag & CBAUD;
    let index = if code & 0o10000 != 0 { (code & 0o17) + 15 } else { code };
    let speed = SPEEDS.get(index as usize).copied().unwrap_or(0);
    Termios2 {
        c_iflag: termios.c_iflag,
        c_oflag: termios.c_oflag,
        c_cflag: termios.c_cflag,
        c_lflag: termios.c_lflag,
        c_line: termios.c_line,
        c_cc: termios.c_cc,
        c_ispeed: speed,
        c_ospeed: speed,
    }
}

fn without_speeds(termios: &Termios2) -> Termios {
    let code = SPEEDS.iter().position(|&speed| speed == termios.c_ospeed && speed != 0);
    let mut c_cflag = termios.c_cflag;
    // BOTHER: the speed is a number; keep the code of one that has a code.
    if c_cflag & CBAUD == abi::tty::cflag::BOTHER
        && let Some(index) = code.and_then(|index| u32::try_from(index).ok())
    {
        c_cflag &= !CBAUD;
        c_cflag |= if index > 15 { 0o10000 | (index - 15) } else { index };
    }
    Termios {
        c_iflag: termios.c_iflag,
        c_oflag: termios.c_oflag,
        c_cflag,
        c_lflag: termios.c_lflag,
        c_line: termios.c_line,
        c_cc: termios.c_cc,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::tty::cflag::{B9600, B38400, B115200};

    #[test]
    fn speeds_and_their_codes() {
        for (code, speed) in [(B9600, 9600), (B38400, 38400), (B115200, 115_200)] {
            let mut termios = super::super::default_termios();
            termios.c_cflag = termios.c_cflag & !CBAUD | code;
            let two = with_speeds(&termios);
            assert_eq!(two.c_ospeed, speed);
            let by_number = Termios2 { c_cflag: two.c_cflag & !CBAUD | 0o10000, ..two };
            assert_eq!(without_speeds(&by_number).c_cflag & CBAUD, code);
        }
    }
}
