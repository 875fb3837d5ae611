//! FIFOs: pipes with a name (fifo(7)).
//!
//! The inode has a [`FifoSlot`]; the pipe in it lives as long as somebody has it open.

use alloc::sync::{Arc, Weak};

use abi::{Errno, OpenFlags};
use machine::sync::SpinLock;

use super::file::FileOps;
use super::open::OpenCx;
use super::pipe::Pipe;
use crate::error::{Restart, Result};
use crate::locks;
use crate::sched::{Sleep, WaitQueue};

/// Where a FIFO's inode keeps its pipe.
pub struct FifoSlot {
    pipe: SpinLock<Weak<Pipe>>,
    /// The inode of a pipe(2): opening it again never waits for the other side.
    anonymous: bool,
}

impl FifoSlot {
    /// No pipe yet.
    pub const fn new() -> Self {
        Self { pipe: SpinLock::new(locks::OPEN_FILE, Weak::new()), anonymous: false }
    }

    /// The slot of a pipe that exists.
    pub fn of(pipe: &Arc<Pipe>) -> Self {
        Self { pipe: SpinLock::new(locks::OPEN_FILE, Arc::downgrade(pipe)), anonymous: true }
    }

    /// Whether it belongs to a pipe without a name.
    pub fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    /// The pipe, with an end already counted so that it stays.
    ///
    /// # Errors
    /// `ENXIO` when there must be a reader and is none: then nobody may see that we were here.
    fn join(&self, read: bool, write: bool, needs_reader: bool) -> Result<Arc<Pipe>> {
        let fresh = Pipe::new()?;
        let mut slot = self.pipe.lock();
        let pipe = match slot.upgrade() {
            Some(pipe) => pipe,
            None => {
                *slot = Arc::downgrade(&fresh);
                fresh.clone()
            }
        };
        if needs_reader && pipe.readers() == 0 {
            drop(slot);
            return Err(Errno::ENXIO.into());
        }
        pipe.add_end(read, write);
        drop(slot);
        Ok(pipe)
    }
}

impl Default for FifoSlot {
    fn default() -> Self {
        Self::new()
    }
}

/// Opens an end. Opening only for reading or only for writing waits for the other side, unless
/// `O_NONBLOCK`.
///
/// # Errors
/// `ENXIO` when opened for writing without a reader and without waiting; a restart when a signal
/// came.
pub fn open(slot: &FifoSlot, cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
    let (read, write) = (cx.flags.is_readable(), cx.flags.is_writable());
    if !read && !write {
        return Err(Errno::EINVAL.into());
    }
    let nonblock = cx.flags.contains(OpenFlags::O_NONBLOCK);
    let needs_reader = nonblock && !read && !slot.anonymous;
    let pipe = slot.join(read, write, needs_reader)?;
    let (reads, writes) = pipe.opens();
    if read {
        pipe.writable.wake_all();
    }
    if write {
        pipe.readable.wake_all();
    }
    let outcome = if (read && write) || slot.anonymous {
        Ok(())
    } else if read && !nonblock {
        wait(&pipe.readable, || pipe.writers() > 0 || pipe.opens().1 != writes)
    } else if write && !nonblock {
        wait(&pipe.writable, || pipe.readers() > 0 || pipe.opens().0 != reads)
    } else {
        Ok(())
    };
    match outcome {
        Ok(()) => Ok(pipe),
        Err(error) => {
            pipe.drop_end(read, write);
            Err(error)
        }
    }
}

fn wait(queue: &WaitQueue, ready: impl Fn() -> bool) -> Result<()> {
    let ready = || ready().then_some(());
    Ok(queue.wait_until(Sleep::Interruptible, None, ready).map_err(|_| Restart::IfSaRestart)?)
}
