//! Pipes (pipe(7)).
//!
//! One [`Pipe`] serves both ends; which one an open file description is, its access mode says.
//! Readers pass one gate, writers another, so that each copies without a spin lock and a reader and
//! a writer do not wait for each other. Nobody sleeps for data or room with a gate held.
//!
//! A write of up to `PIPE_BUF` bytes waits for room for all of it and is put in as a whole. Who
//! finds something left after its turn wakes the next of its own kind: wake-ups go to one at a time.
//!
//! With `O_DIRECT` each write is a packet, and a read takes one packet at most.
//!
//! Locks: the gates, then the ring (`PIPE`); wait queues are woken without it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::file::PIPE_BUF;
use abi::poll::PollEvents;
use abi::{Errno, OpenFlags, Signal};
use machine::addr::PAGE_SIZE;
use machine::frame;
use machine::sync::SpinLock;

use super::anon;
use super::caller::Caller;
use super::fifo::FifoSlot;
use super::file::{FileOps, Io, OpenFile};
use super::gate::{Gate, Pass};
use super::inode::{Inode, Metadata};
use super::permission::CAP_SYS_RESOURCE;
use super::pipe_ends::{Reader, Writer};
use super::pipe_ring::{Boundary, PipeRing};
use crate::error::{Restart, Result};
use crate::locks;
use crate::mm::user::{Sink, Source};
use crate::sched::{PollTable, Sleep, WaitQueue};

/// Pages of a new pipe.
const DEFAULT_PAGES: usize = 16;
/// `/proc/sys/fs/pipe-max-size`: what `F_SETPIPE_SZ` gives without privilege.
pub const PIPE_MAX_SIZE: usize = 1 << 20;

/// The shared middle of a pipe.
pub struct Pipe {
    pub(super) ring: SpinLock<PipeRing>,
    read_gate: Gate,
    write_gate: Gate,
    /// Readers sleep here for data, and openers of a FIFO for a writer.
    pub(super) readable: WaitQueue,
    /// Writers sleep here for room, and openers of a FIFO for a reader.
    pub(super) writable: WaitQueue,
    readers: AtomicU32,
    writers: AtomicU32,
    /// How often a read end was opened; a FIFO's openers wait for it to change.
    read_opens: AtomicU64,
    /// The same for write ends.
    write_opens: AtomicU64,
}

/// The inode of a pipe without a name. It can be opened again by way of `/proc/PID/fd`.
struct PipeInode {
    meta: Metadata,
    slot: FifoSlot,
}

impl Inode for PipeInode {
    fn meta(&self) -> &Metadata {
        &self.meta
    }

    fn fifo(&self) -> Option<&FifoSlot> {
        Some(&self.slot)
    }

    fn anonymous_name(&self) -> Option<Vec<u8>> {
        Some(alloc::format!("pipe:[{}]", self.meta.ino()).into_bytes())
    }
}

/// A new pipe: the read end and the write end. `O_NONBLOCK` is for both, `O_DIRECT` (packets) for
/// the write end.
///
/// # Errors
/// `ENOMEM`.
pub fn create(flags: OpenFlags, caller: &dyn Caller) -> Result<(Arc<OpenFile>, Arc<OpenFile>)> {
    frame::check_reserve()?;
    let pipe = Pipe::new()?;
    pipe.add_end(true, true);
    let path = anon::pipe_path(Arc::new(PipeInode {
        meta: anon::pipe_metadata(caller),
        slot: FifoSlot::of(&pipe),
    }));
    let cred = caller.cred();
    let status = flags & OpenFlags::O_NONBLOCK;
    let reader = OpenFile::new(path.clone(), pipe.clone(), status, cred.clone(), false);
    let write_flags = status | flags & OpenFlags::O_DIRECT | OpenFlags::O_WRONLY;
    let writer = OpenFile::new(path, pipe, write_flags, cred.clone(), false);
    Ok((reader, writer))
}

impl Pipe {
    /// A pipe without ends.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new() -> Result<Arc<Self>> {
        let ring = PipeRing::new(DEFAULT_PAGES)?;
        Ok(Arc::new(Self {
            ring: SpinLock::new(locks::PIPE, ring),
            read_gate: Gate::new(),
            write_gate: Gate::new(),
            readable: WaitQueue::new(),
            writable: WaitQueue::new(),
            readers: AtomicU32::new(0),
            writers: AtomicU32::new(0),
            read_opens: AtomicU64::new(0),
            write_opens: AtomicU64::new(0),
        }))
    }

    /// Counts an end that was opened.
    pub fn add_end(&self, read: bool, write: bool) {
        self.readers.fetch_add(read.into(), Ordering::SeqCst);
        self.writers.fetch_add(write.into(), Ordering::SeqCst);
        self.read_opens.fetch_add(read.into(), Ordering::SeqCst);
        self.write_opens.fetch_add(write.into(), Ordering::SeqCst);
    }

    /// How often read and write ends were opened.
    pub fn opens(&self) -> (u64, u64) {
        (self.read_opens.load(Ordering::SeqCst), self.write_opens.load(Ordering::SeqCst))
    }

    /// Forgets an end and wakes those who wait for it in vain.
    pub fn drop_end(&self, read: bool, write: bool) {
        if read && self.readers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.writable.wake_all();
        }
        if write && self.writers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.readable.wake_all();
        }
    }

    /// How many read ends are open.
    pub fn readers(&self) -> u32 {
        self.readers.load(Ordering::SeqCst)
    }

    /// How many write ends are open.
    pub fn writers(&self) -> u32 {
        self.writers.load(Ordering::SeqCst)
    }

    /// Bytes that wait to be read (`FIONREAD`).
    pub fn len(&self) -> usize {
        self.ring.lock().len()
    }

    /// Whether nothing waits to be read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that it holds at most (`F_GETPIPE_SZ`).
    pub fn capacity(&self) -> usize {
        self.ring.lock().capacity()
    }

    fn pass(gate: &Gate) -> Result<Pass<'_>> {
        Ok(gate.pass(Sleep::Interruptible).map_err(|_| Restart::IfSaRestart)?)
    }

    /// Passes the reader's gate once there is data. `None` at the end of the pipe.
    ///
    /// # Errors
    /// `EAGAIN` when that would mean to wait and must not; a restart when a signal came.
    fn enter_reader(&self, nonblock: bool) -> Result<Option<Reader<'_>>> {
        loop {
            let pass = Self::pass(&self.read_gate)?;
            let ring = self.ring.lock();
            if !ring.is_empty() {
                drop(ring);
                return Ok(Some(Reader { pipe: self, _pass: pass }));
            }
            drop(ring);
            // A writer counts itself out only after its last byte: look for bytes once more.
            if self.writers() == 0 && self.is_empty() {
                return Ok(None);
            }
            drop(pass);
            if nonblock {
                return Err(Errno::EAGAIN.into());
            }
            let ready = || (!self.is_empty() || self.writers() == 0).then_some(());
            self.readable
                .wait_until(Sleep::Interruptible, None, ready)
                .map_err(|_| Restart::IfSaRestart)?;
        }
    }

    /// Passes the writer's gate once there is room for `need` bytes.
    ///
    /// # Errors
    /// `EPIPE` when nobody can read; `EAGAIN`; a restart when a signal came.
    fn enter_writer(&self, need: usize, nonblock: bool) -> Result<Writer<'_>> {
        loop {
            if self.readers() == 0 {
                return Err(Errno::EPIPE.into());
            }
            let pass = Self::pass(&self.write_gate)?;
            let ring = self.ring.lock();
            // The ring may have become smaller than an atomic write.
            if ring.space() >= need.min(ring.capacity()) {
                drop(ring);
                return Ok(Writer { pipe: self, _pass: pass });
            }
            drop(ring);
            drop(pass);
            if nonblock {
                return Err(Errno::EAGAIN.into());
            }
            let ready = || (self.has_room(need) || self.readers() == 0).then_some(());
            self.writable
                .wait_until(Sleep::Interruptible, None, ready)
                .map_err(|_| Restart::IfSaRestart)?;
        }
    }

    fn has_room(&self, need: usize) -> bool {
        let ring = self.ring.lock();
        ring.space() >= need.min(ring.capacity())
    }

    fn read_from(&self, dst: &mut Sink<'_>, nonblock: bool) -> Result<usize> {
        if dst.remaining() == 0 {
            return Ok(0);
        }
        let Some(reader) = self.enter_reader(nonblock)? else {
            return Ok(0);
        };
        let mut done = 0;
        let result = loop {
            if dst.remaining() == 0 {
                break Ok(());
            }
            let (limit, is_packet) = reader.ring().readable();
            if limit == 0 {
                break Ok(());
            }
            let (count, result) = reader.copy(dst, limit);
            done += count;
            if is_packet && result.is_ok() {
                // What did not fit is gone with its packet.
                reader.consume(limit - count);
                break Ok(());
            }
            if result.is_err() {
                break result;
            }
        };
        drop(reader);
        if done > 0 { Ok(done) } else { result.map(|()| 0) }
    }

    fn write_from(&self, src: &mut Source<'_>, io: &Io<'_>, packets: bool) -> Result<usize> {
        let total = src.remaining();
        if total == 0 {
            return Ok(0);
        }
        let mut done = 0;
        while src.remaining() > 0 {
            let left = src.remaining();
            // Only what is small and still whole must go in as one piece.
            let need = if packets || total <= PIPE_BUF { left.min(PIPE_BUF) } else { 1 };
            let writer = match self.enter_writer(need, io.nonblock) {
                Ok(writer) => writer,
                Err(error) => {
                    if matches!(error, crate::error::Error::Errno(Errno::EPIPE)) {
                        io.caller.signal_self(Signal::SIGPIPE);
                    }
                    return if done > 0 { Ok(done) } else { Err(error) };
                }
            };
            let (count, result) = if packets {
                match writer.fill_piece(src, need, Boundary::Packet) {
                    Ok(count) => (count, Ok(())),
                    Err(error) => (0, Err(error)),
                }
            } else {
                writer.fill(src)
            };
            done += count;
            drop(writer);
            if let Err(error) = result {
                return if done > 0 { Ok(done) } else { Err(error) };
            }
        }
        Ok(done)
    }

    /// Changes the capacity (`F_SETPIPE_SZ`); returns the new one, a power of two of pages.
    ///
    /// # Errors
    /// `EINVAL` for too much; `EPERM` beyond [`PIPE_MAX_SIZE`]; `EBUSY` when more is in it.
    pub fn resize(&self, bytes: u32, caller: &dyn Caller) -> Result<usize> {
        if bytes > 1 << 31 {
            return Err(Errno::EINVAL.into());
        }
        let pages = (bytes as usize).div_ceil(PAGE_SIZE).max(1).next_power_of_two();
        let size = pages * PAGE_SIZE;
        let grows = size > self.capacity();
        if grows && size > PIPE_MAX_SIZE && !caller.cred().capable(CAP_SYS_RESOURCE) {
            return Err(Errno::EPERM.into());
        }
        let reader = Self::pass(&self.read_gate)?;
        let writer = Self::pass(&self.write_gate)?;
        let len = self.len();
        if len > size {
            return Err(Errno::EBUSY.into());
        }
        let mut target = PipeRing::new(pages)?;
        target.fill_pages(len)?;
        let old = self.ring.lock().move_into(target);
        drop(old);
        drop(writer);
        drop(reader);
        self.writable.wake_all();
        Ok(size)
    }

    /// Passes as a reader, for splice(2) and tee(2).
    ///
    /// # Errors
    /// As read(2).
    pub fn reader(&self, nonblock: bool) -> Result<Option<Reader<'_>>> {
        self.enter_reader(nonblock)
    }

    /// Passes as a writer, for splice(2) and tee(2).
    ///
    /// # Errors
    /// As write(2); raises no signal.
    pub fn writer(&self, nonblock: bool) -> Result<Writer<'_>> {
        self.enter_writer(1, nonblock)
    }
}

impl FileOps for Pipe {
    fn read(&self, _file: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        self.read_from(dst, io.nonblock)
    }

    fn write(&self, file: &OpenFile, src: &mut Source<'_>, io: &mut Io<'_>) -> Result<usize> {
        self.write_from(src, io, file.flags().contains(OpenFlags::O_DIRECT))
    }

    fn poll(&self, file: &OpenFile, table: Option<&mut PollTable>) -> PollEvents {
        let access = file.access();
        if let Some(table) = table {
            if access.read {
                table.wait_on(&self.readable);
            }
            if access.write {
                table.wait_on(&self.writable);
            }
        }
        let (data, room) = {
            let ring = self.ring.lock();
            (!ring.is_empty(), ring.space() >= PIPE_BUF)
        };
        let mut events = PollEvents::empty();
        if access.read {
            events.set(PollEvents::READABLE, data);
            // A FIFO that had no writer since it was opened has not been hung up.
            let hung_up = self.writers() == 0 && file.offset() != self.opens().1;
            events.set(PollEvents::HUP, hung_up);
        }
        if access.write {
            events.set(PollEvents::WRITABLE, room);
            events.set(PollEvents::ERR, self.readers() == 0);
        }
        events
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn check_flags(&self, _flags: OpenFlags) -> Result<()> {
        Ok(())
    }

    fn ioctl(&self, _file: &OpenFile, cmd: u32, arg: u64, caller: &dyn Caller) -> Result<usize> {
        match cmd {
            abi::tty::ioctl::FIONREAD => super::ioctl::put_int(caller, arg, self.len()),
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    /// Opened as a FIFO: notes in the offset, which a pipe has no use for, how many writers had
    /// been there if there is none now. Other descriptions have 0, and at least one writer came.
    fn opened(&self, file: &OpenFile) {
        let named = file.inode().fifo().is_some_and(|slot| !slot.is_anonymous());
        if named && file.nonblock() && self.writers() == 0 {
            file.set_offset(self.opens().1);
        }
    }

    fn release(&self, file: &OpenFile) {
        let access = file.access();
        self.drop_end(access.read, access.write);
    }
}
