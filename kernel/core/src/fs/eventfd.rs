//! eventfd(2): a counter to wait on.
//!
//! Locks: the counter is an atomic; waiters sleep in two queues.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::poll::PollEvents;
use abi::{Errno, OpenFlags};

use super::anon;
use super::caller::Caller;
use super::file::{FileOps, Io, OpenFile};
use crate::error::{Restart, Result};
use crate::mm::user::{Sink, Source};
use crate::sched::{PollTable, Sleep, WaitQueue};

/// The counter of an eventfd.
pub struct EventFd {
    count: AtomicU64,
    /// Reads take 1, not all (`EFD_SEMAPHORE`).
    semaphore: bool,
    readable: WaitQueue,
    writable: WaitQueue,
}

/// The counter never reaches this.
const FULL: u64 = u64::MAX;

/// A new eventfd that starts at `count`.
pub fn create(count: u32, semaphore: bool, flags: OpenFlags, caller: &dyn Caller) -> Arc<OpenFile> {
    let event = EventFd {
        count: AtomicU64::new(count.into()),
        semaphore,
        readable: WaitQueue::new(),
        writable: WaitQueue::new(),
    };
    anon::open("[eventfd]", Arc::new(event), flags | OpenFlags::O_RDWR, caller)
}

impl EventFd {
    /// Takes all or one; `None` when the counter is 0.
    fn take(&self) -> Option<u64> {
        let taken = |count: u64| if self.semaphore { 1 } else { count };
        self.count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| {
                (count != 0).then(|| count - taken(count))
            })
            .ok()
            .map(taken)
    }

    /// Adds; `None` when it would overflow.
    fn add(&self, value: u64) -> Option<()> {
        let sum = |count: u64| count.checked_add(value).filter(|&sum| sum < FULL);
        self.count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, sum).ok().map(|_| ())
    }

    /// Adds without waiting, for the kernel's own notifications; sticks at the maximum.
    pub fn signal(&self, value: u64) {
        let sum = |count: u64| Some(count.saturating_add(value).min(FULL - 1));
        // Cannot fail: the closure always returns a value.
        let _ = self.count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, sum);
        self.readable.wake_all();
    }
}

/// Runs `attempt` until it succeeds, sleeping in `queue` between unless that is not wanted.
fn until<R>(
    queue: &WaitQueue,
    nonblock: bool,
    mut attempt: impl FnMut() -> Option<R>,
) -> Result<R> {
    if nonblock {
        return Ok(attempt().ok_or(Errno::EAGAIN)?);
    }
    let result = queue.wait_until(Sleep::Interruptible, None, attempt);
    Ok(result.map_err(|_| Restart::IfSaRestart)?)
}

impl FileOps for EventFd {
    fn read(&self, _file: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        if dst.remaining() < 8 {
            return Err(Errno::EINVAL.into());
        }
        let value = until(&self.readable, io.nonblock, || self.take())?;
        self.writable.wake_one();
        dst.write(&value.to_ne_bytes())
    }

    fn write(&self, _file: &OpenFile, src: &mut Source<'_>, io: &mut Io<'_>) -> Result<usize> {
        let mut bytes = [0; 8];
        if src.remaining() < bytes.len() {
            return Err(Errno::EINVAL.into());
        }
        if src.read(&mut bytes)? != bytes.len() {
            return Err(Errno::EFAULT.into());
        }
        let value = u64::from_ne_bytes(bytes);
        if value == FULL {
            return Err(Errno::EINVAL.into());
        }
        until(&self.writable, io.nonblock, || self.add(value))?;
        if value != 0 {
            self.readable.wake_all();
        }
        Ok(bytes.len())
    }

    fn poll(&self, _file: &OpenFile, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.readable);
            table.wait_on(&self.writable);
        }
        let count = self.count.load(Ordering::SeqCst);
        let mut events = PollEvents::empty();
        events.set(PollEvents::IN, count > 0);
        events.set(PollEvents::OUT, count < FULL - 1);
        events
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn info(&self, _file: &OpenFile, out: &mut Vec<u8>) {
        let count = self.count.load(Ordering::Relaxed);
        out.extend_from_slice(alloc::format!("eventfd-count: {count:16x}\n").as_bytes());
    }
}
