//! Pseudo-terminals (pty(7)): /dev/ptmx makes a pair, the slave appears in devpts.
//!
//! A pair is one [`Tty`]. The slave is an ordinary terminal whose output nobody takes but the
//! master's reads; what the master writes is typed at the slave. So there is no second buffer, and
//! no second lock.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::poll::PollEvents;
use abi::{Errno, Signal};
use machine::sync::SpinLock;

use super::ldisc::packet;
use super::{Device, Tty, devpts};
use crate::error::{Restart, Result};
use crate::fs::Caller;
use crate::fs::file::{FileOps, Io, OpenFile};
use crate::fs::inode::Inode;
use crate::locks;
use crate::mm::user::{Sink, Source};
use crate::sched::{PollTable, Sleep};

/// How many pseudo-terminals there may be: Linux's default of kernel.pty.max.
pub const MAX: usize = 4096;
const CHUNK: usize = 256;

/// What only pseudo-terminals have, behind the terminal's lock.
#[derive(Debug)]
pub(super) struct PtyState {
    /// The master was closed.
    closed: bool,
    /// The slave cannot be opened: until grantpt(3), unlockpt(3).
    locked: bool,
    /// Reads of the master start with a status byte.
    pub(super) packets: bool,
    /// The slave was opened once: only then its closing means hang-up to the master.
    slave_seen: bool,
}

impl PtyState {
    pub(super) fn new_locked() -> Self {
        Self { closed: false, locked: true, packets: false, slave_seen: false }
    }

    pub(super) fn master_is_gone(&self) -> bool {
        self.closed
    }

    /// A slave is about to be opened.
    pub(super) fn check_slave_open(&mut self) -> Result<()> {
        if self.closed || self.locked {
            return Err(Errno::EIO.into());
        }
        self.slave_seen = true;
        Ok(())
    }

    pub(super) fn set_locked(&mut self, locked: bool) {
        self.locked = locked;
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }
}

/// The slaves, by number.
static PTYS: SpinLock<Vec<Option<Slave>>> = SpinLock::new(locks::PTYS, Vec::new());

struct Slave {
    tty: Arc<Tty>,
    inode: Arc<dyn Inode>,
}

/// The slave with this number.
pub fn slave(index: u32) -> Option<Arc<Tty>> {
    let ptys = PTYS.lock();
    let slave = ptys.get(usize::try_from(index).ok()?)?.as_ref()?;
    Some(slave.tty.clone())
}

/// The inode of the slave with this number.
pub(super) fn slave_node(index: u32) -> Option<Arc<dyn Inode>> {
    let ptys = PTYS.lock();
    let slave = ptys.get(usize::try_from(index).ok()?)?.as_ref()?;
    Some(slave.inode.clone())
}

/// The numbers of all slaves, lowest first.
pub fn slaves() -> Vec<u32> {
    let ptys = PTYS.lock();
    (0..).zip(ptys.iter()).filter_map(|(index, slave)| slave.as_ref().map(|_| index)).collect()
}

/// The master's side of a pair.
pub struct Master {
    pub(super) tty: Arc<Tty>,
    pub(super) index: u32,
}

impl Master {
    /// Makes a pair: opening /dev/ptmx. The slave is locked.
    ///
    /// # Errors
    /// `ENOSPC` when there are too many, `ENOMEM`.
    pub fn create(caller: &dyn Caller) -> Result<Arc<Self>> {
        let owner = devpts::Owner::of(caller);
        let mut ptys = PTYS.lock();
        let free = ptys.iter().position(Option::is_none).unwrap_or(ptys.len());
        if free >= MAX {
            return Err(Errno::ENOSPC.into());
        }
        if free == ptys.len() {
            ptys.try_reserve(1)?;
            ptys.push(None);
        }
        let index = u32::try_from(free).map_err(|_| Errno::ENOSPC)?;
        let tty = Tty::new(Device::Pty { index });
        let inode = devpts::slave_inode(index, owner);
        ptys[free] = Some(Slave { tty: tty.clone(), inode });
        drop(ptys);
        Ok(Arc::new(Self { tty, index }))
    }

    /// Moves the slave's output into `dst`; with packet mode a status byte comes first.
    fn take_output(&self, dst: &mut Sink<'_>) -> Result<usize> {
        let mut chunk = [0; CHUNK];
        let mut total = 0;
        while dst.remaining() > 0 {
            let count = {
                let mut state = self.tty.state.lock();
                let mut start = 0;
                if state.pty.packets && total == 0 {
                    if state.line.has_packet_status() {
                        chunk[0] = state.line.take_packet_status();
                        drop(state);
                        return dst.write(&chunk[..1]);
                    }
                    chunk[0] = packet::DATA;
                    start = 1;
                }
                let room = dst.remaining().min(CHUNK);
                let count = state.line.take_output(&mut chunk[start..room.max(start)]);
                if count == 0 { 0 } else { count + start }
            };
            if count == 0 {
                break;
            }
            let stored = dst.write(&chunk[..count])?;
            total += stored;
            if stored < count {
                break;
            }
        }
        if total > 0 {
            self.tty.writers.wake_all();
        }
        Ok(total)
    }

    /// Whether the master could read something now.
    fn has_output(state: &super::State) -> bool {
        !state.line.pending_output().is_empty()
            || (state.pty.packets && state.line.has_packet_status())
    }

    /// Whether the last slave was closed, so that nothing comes any more.
    fn slave_is_gone(state: &super::State) -> bool {
        state.pty.slave_seen && state.opens == 0
    }
}

impl FileOps for Master {
    fn read(&self, _: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        loop {
            if dst.remaining() == 0 {
                return Ok(0);
            }
            let count = self.take_output(dst)?;
            if count > 0 {
                return Ok(count);
            }
            if Self::slave_is_gone(&self.tty.state.lock()) {
                return Err(Errno::EIO.into());
            }
            if io.nonblock {
                return Err(Errno::EAGAIN.into());
            }
            let ready = || {
                let state = self.tty.state.lock();
                (Self::has_output(&state) || Self::slave_is_gone(&state)).then_some(())
            };
            if self.tty.master.wait_until(Sleep::Interruptible, None, ready).is_err() {
                return Err(Restart::IfSaRestart.into());
            }
        }
    }

    fn write(&self, _: &OpenFile, src: &mut Source<'_>, io: &mut Io<'_>) -> Result<usize> {
        let mut chunk = [0; CHUNK];
        let mut total = 0;
        while src.remaining() > 0 {
            let len = src.remaining().min(CHUNK);
            if let Err(error) = src.read_exact(&mut chunk[..len]) {
                return if total > 0 { Ok(total) } else { Err(error) };
            }
            let mut done = 0;
            while done < len {
                let taken = self.tty.receive(&chunk[done..len]);
                done += taken;
                total += taken;
                if taken > 0 {
                    continue;
                }
                if io.nonblock {
                    return if total > 0 { Ok(total) } else { Err(Errno::EAGAIN.into()) };
                }
                let room = || (self.tty.state.lock().line.input_room() > 0).then_some(());
                if self.tty.master.wait_until(Sleep::Interruptible, None, room).is_err() {
                    return if total > 0 { Ok(total) } else { Err(Restart::IfSaRestart.into()) };
                }
            }
        }
        Ok(total)
    }

    fn poll(&self, _: &OpenFile, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.tty.master);
        }
        let state = self.tty.state.lock();
        let mut events = PollEvents::empty();
        events.set(PollEvents::READABLE, Self::has_output(&state));
        let urgent = state.pty.packets && state.line.has_packet_status();
        events.set(PollEvents::PRI, urgent);
        events.set(PollEvents::WRITABLE, state.line.input_room() > 0);
        events.set(PollEvents::HUP, Self::slave_is_gone(&state));
        events
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn ioctl(&self, file: &OpenFile, cmd: u32, arg: u64, caller: &dyn Caller) -> Result<usize> {
        super::ioctl::master(self, file, cmd, arg, caller)
    }

    /// The master is closed: the slave is hung up, and its name goes away.
    fn release(&self, _: &OpenFile) {
        let gone = PTYS.lock().get_mut(self.index as usize).and_then(Option::take);
        drop(gone);
        self.tty.hang_up_with(|state| state.pty.closed = true);
    }
}

impl Master {
    /// TIOCSIG: sends a signal to the foreground group of the slave.
    ///
    /// # Errors
    /// `EINVAL` for a number that is no signal.
    pub(super) fn send_signal(&self, number: u64) -> Result<usize> {
        let signal = u32::try_from(number).ok().and_then(Signal::new).ok_or(Errno::EINVAL)?;
        self.tty.signal_foreground(signal);
        Ok(0)
    }
}
