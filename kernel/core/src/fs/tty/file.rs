//! What a program does with a terminal that it opened.

use alloc::sync::Arc;

use abi::poll::PollEvents;
use abi::tty::lflag::TOSTOP;
use abi::{Errno, OpenFlags, Signal};

use super::ldisc::ReadMode;
use super::{Device, Tty, job, serial};
use crate::clock;
use crate::error::{Restart, Result};
use crate::fs::Caller;
use crate::fs::file::{FileOps, Io, OpenFile};
use crate::mm::user::{Sink, Source};
use crate::sched::{PollTable, Sleep, Woken};

/// Bytes that are moved between a program and the line discipline at a time.
const CHUNK: usize = 256;

/// An open terminal: not a pty's master.
pub struct TtyFile {
    pub(super) tty: Arc<Tty>,
    /// [`Tty::hangups`] when it was opened: it is dead when that has changed.
    born: u64,
    /// Opened as /dev/console, which no hang-up closes.
    console: bool,
}

/// How a terminal is opened.
#[derive(Clone, Copy, Debug)]
pub struct TtyOpen {
    /// The flags of open(2).
    pub flags: OpenFlags,
    /// By the name /dev/console.
    pub console: bool,
    /// By the name /dev/tty: it is the controlling terminal already.
    pub by_session: bool,
}

impl TtyFile {
    /// Opens `tty`. Without O_NOCTTY it becomes the controlling terminal of a session leader that
    /// has none.
    ///
    /// # Errors
    /// `EBUSY` when somebody has it for himself (TIOCEXCL); `EIO` for a pty whose master is gone or
    /// has not unlocked it.
    pub fn open(tty: Arc<Tty>, how: TtyOpen, caller: &dyn Caller) -> Result<Arc<Self>> {
        {
            let mut state = tty.state.lock();
            let privileged = caller.cred().capable(abi::cap::CAP_SYS_ADMIN);
            if state.exclusive && state.opens > 0 && !privileged {
                return Err(Errno::EBUSY.into());
            }
            if matches!(tty.device, Device::Pty { .. }) {
                state.pty.check_slave_open()?;
            }
            state.opens += 1;
        }
        let file = Arc::new(Self { born: tty.hangups(), console: how.console, tty });
        let may_control = !how.flags.contains(OpenFlags::O_NOCTTY) && !how.console;
        if may_control && !how.by_session && how.flags.is_readable() {
            file.tty.adopt_at_open(caller);
        }
        Ok(file)
    }

    /// The terminal.
    pub fn tty(&self) -> &Arc<Tty> {
        &self.tty
    }

    pub(super) fn is_hung_up(&self) -> bool {
        !self.console && self.tty.hangups() != self.born
    }

    /// Whether the master of a pty is gone.
    fn is_orphaned(&self) -> bool {
        self.tty.state.lock().pty.master_is_gone()
    }

    /// Moves what can be read at once into `dst`, in canonical mode at most one line. Returns the
    /// bytes moved and whether the read is complete with that.
    fn take_input(&self, dst: &mut Sink<'_>) -> Result<(usize, bool)> {
        let mut chunk = [0; CHUNK];
        let mut total = 0;
        loop {
            let room = dst.remaining().min(CHUNK);
            let (count, ended) = self.tty.state.lock().line.read(&mut chunk[..room]);
            let stored = if count > 0 { dst.write(&chunk[..count])? } else { 0 };
            total += stored;
            if stored < count {
                return Ok((total, true));
            }
            if ended || count < room || dst.remaining() == 0 {
                self.input_was_taken();
                return Ok((total, ended || dst.remaining() == 0));
            }
        }
    }

    /// There is room for more: fetch what the device holds back.
    fn input_was_taken(&self) {
        match self.tty.device {
            Device::Serial { port } => serial::fetch(port),
            Device::Pty { .. } => self.tty.master.wake_all(),
        }
    }

    /// Sleeps until something can be read, or never will be.
    fn wait_for_input(&self, deadline: Option<u64>) -> Result<(), Woken> {
        self.tty.readers.wait_until(Sleep::Interruptible, deadline, || {
            let ready = self.is_hung_up() || {
                let state = self.tty.state.lock();
                state.line.has_input() || state.pty.master_is_gone()
            };
            ready.then_some(())
        })
    }

    fn read_input(&self, dst: &mut Sink<'_>, nonblock: bool) -> Result<usize> {
        let mode = self.tty.state.lock().line.read_mode();
        let (minimum, between, mut deadline) = match mode {
            ReadMode::Canonical => (1, None, None),
            ReadMode::Minimum { minimum, between } => (minimum.min(dst.remaining()), between, None),
            ReadMode::Timed { within } => (1, None, Some(clock::monotonic() + within)),
        };
        let mut total = 0;
        loop {
            if self.is_hung_up() {
                return Ok(total);
            }
            let (count, complete) = self.take_input(dst)?;
            total += count;
            if complete || (total >= minimum && count > 0) {
                return Ok(total);
            }
            if count > 0
                && let Some(between) = between
            {
                deadline = Some(clock::monotonic() + between);
            }
            if self.is_orphaned() {
                return if total > 0 { Ok(total) } else { Err(Errno::EIO.into()) };
            }
            if nonblock {
                let timed = matches!(mode, ReadMode::Timed { within: 0 });
                return if total > 0 || timed { Ok(total) } else { Err(Errno::EAGAIN.into()) };
            }
            match self.wait_for_input(deadline) {
                Ok(()) => {}
                Err(Woken::TimedOut) => return Ok(total),
                Err(Woken::Interrupted) if total > 0 => return Ok(total),
                Err(Woken::Interrupted) => return Err(Restart::IfSaRestart.into()),
            }
        }
    }

    /// Hands `bytes` to the line discipline, waiting for room. Returns how many went.
    fn put_output(&self, bytes: &[u8], nonblock: bool) -> Result<usize> {
        let mut done = 0;
        loop {
            if self.is_hung_up() || self.is_orphaned() {
                return Err(Errno::EIO.into());
            }
            {
                let mut state = self.tty.state.lock();
                done += state.line.write(&bytes[done..]);
                self.tty.drain(&mut state);
                // A serial line that takes everything at once has room again.
                if done < bytes.len() && state.line.has_output_room() {
                    continue;
                }
            }
            if matches!(self.tty.device, Device::Pty { .. }) {
                self.tty.master.wake_all();
            }
            if done == bytes.len() {
                return Ok(done);
            }
            if nonblock {
                return if done > 0 { Ok(done) } else { Err(Errno::EAGAIN.into()) };
            }
            let room = || {
                let state = self.tty.state.lock();
                let over = state.pty.master_is_gone() || self.is_hung_up();
                (over || state.line.has_output_room()).then_some(())
            };
            if self.tty.writers.wait_until(Sleep::Interruptible, None, room).is_err() {
                return if done > 0 { Ok(done) } else { Err(Restart::IfSaRestart.into()) };
            }
        }
    }

    /// Whether writing from the background is to stop the writer.
    fn check_write(&self, caller: &dyn Caller) -> Result<()> {
        let tostop = self.tty.state.lock().line.termios().c_lflag & TOSTOP != 0;
        if tostop && !self.console {
            job::check_background(&self.tty, caller, Signal::SIGTTOU)?;
        }
        Ok(())
    }
}

impl FileOps for TtyFile {
    fn read(&self, _: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        if self.is_hung_up() || dst.remaining() == 0 {
            return Ok(0);
        }
        job::check_background(&self.tty, io.caller, Signal::SIGTTIN)?;
        self.read_input(dst, io.nonblock)
    }

    fn write(&self, _: &OpenFile, src: &mut Source<'_>, io: &mut Io<'_>) -> Result<usize> {
        if self.is_hung_up() {
            return Err(Errno::EIO.into());
        }
        self.check_write(io.caller)?;
        let mut chunk = [0; CHUNK];
        let mut total = 0;
        while src.remaining() > 0 {
            let mut len = src.remaining().min(CHUNK);
            let step = match src.read(&mut chunk[..len]) {
                Ok(count) => {
                    len = count;
                    self.put_output(&chunk[..len], io.nonblock)
                }
                Err(error) => Err(error),
            };
            match step {
                Ok(count) => {
                    total += count;
                    if count < len || len < CHUNK {
                        break;
                    }
                }
                Err(_) if total > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }

    fn poll(&self, _: &OpenFile, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.tty.readers);
            table.wait_on(&self.tty.writers);
        }
        if self.is_hung_up() {
            return PollEvents::READABLE
                | PollEvents::WRITABLE
                | PollEvents::ERR
                | PollEvents::HUP
                | PollEvents::RDHUP;
        }
        let state = self.tty.state.lock();
        let mut events = PollEvents::empty();
        events.set(PollEvents::READABLE, state.line.polls_readable());
        events.set(PollEvents::WRITABLE, state.line.has_output_room());
        events.set(PollEvents::HUP, state.pty.master_is_gone());
        events
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn ioctl(&self, file: &OpenFile, cmd: u32, arg: u64, caller: &dyn Caller) -> Result<usize> {
        super::ioctl::slave(self, file, cmd, arg, caller)
    }

    fn release(&self, _: &OpenFile) {
        let last = {
            let mut state = self.tty.state.lock();
            state.opens -= 1;
            if state.opens == 0 {
                state.exclusive = false;
            }
            state.opens == 0
        };
        // A master that reads learns that nobody is left to write.
        if last {
            self.tty.master.wake_all();
        }
    }
}
