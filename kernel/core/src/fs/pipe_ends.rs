//! The one reader and the one writer that are inside of a pipe at a time.
//!
//! Each holds its gate and copies without a spin lock; the ring's lock is taken for the bookkeeping
//! around it. Leaving wakes whoever can go on now.

use abi::Errno;
use abi::file::PIPE_BUF;
use machine::frame::{self, Frame};
use machine::sync::SpinLockGuard;

use super::gate::Pass;
use super::pipe::Pipe;
use super::pipe_ring::{Boundary, Part, PipeRing};
use crate::error::Result;
use crate::mm::user::{Sink, Source};

/// The one that reads now.
pub struct Reader<'a> {
    pub(super) pipe: &'a Pipe,
    pub(super) _pass: Pass<'a>,
}

impl Reader<'_> {
    pub(super) fn ring(&self) -> SpinLockGuard<'_, PipeRing> {
        self.pipe.ring.lock()
    }

    /// The bytes `skip` after the oldest, as far as they lie in one page.
    pub fn peek(&self, skip: usize) -> Option<Part> {
        self.ring().peek(skip)
    }

    /// Moves up to `limit` bytes to `dst`. How many, and whether it stopped for an error.
    pub(super) fn copy(&self, dst: &mut Sink<'_>, limit: usize) -> (usize, Result<()>) {
        let mut done = 0;
        while done < limit && dst.remaining() > 0 {
            let Some(part) = self.peek(0) else { break };
            let Some(frame) = &part.frame else { break };
            let len = part.len.min(dst.remaining()).min(limit - done);
            match dst.write_frame(frame, part.offset, len) {
                Ok(count) => {
                    self.consume(count);
                    done += count;
                    if count < len {
                        return (done, Err(Errno::EFAULT.into()));
                    }
                }
                Err(error) => return (done, Err(error)),
            }
        }
        (done, Ok(()))
    }

    /// Takes the oldest bytes away.
    pub fn consume(&self, count: usize) {
        self.ring().consume(count);
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let left = !self.pipe.is_empty();
        self.pipe.writable.wake_one();
        if left {
            self.pipe.readable.wake_one();
        }
    }
}

/// The one that writes now.
pub struct Writer<'a> {
    pub(super) pipe: &'a Pipe,
    pub(super) _pass: Pass<'a>,
}

impl Writer<'_> {
    /// Bytes that fit now; readers can only make it more.
    pub fn space(&self) -> usize {
        self.pipe.ring.lock().space()
    }

    /// Takes bytes from `src` until the pipe is full or there are no more. How many, and whether
    /// it stopped for an error.
    pub fn fill(&self, src: &mut Source<'_>) -> (usize, Result<()>) {
        let mut done = 0;
        while src.remaining() > 0 {
            match self.fill_piece(src, PIPE_BUF, Boundary::None) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) => return (done, Err(error)),
            }
        }
        (done, Ok(()))
    }

    /// Takes up to `most` bytes from `src`, as many as fit, all or nothing: readers see nothing of
    /// them before they are all in place, and nothing at all if the buffer turns out to be bad.
    pub(super) fn fill_piece(
        &self,
        src: &mut Source<'_>,
        most: usize,
        boundary: Boundary,
    ) -> Result<usize> {
        let mut ring = self.pipe.ring.lock();
        let len = most.min(src.remaining()).min(ring.space());
        let mut room = ring.prepare(len);
        drop(ring);
        let mut done = 0;
        while let Some(part) = room.take() {
            let (page, result) = put(&part, src);
            let mut ring = self.pipe.ring.lock();
            if let Some(page) = page {
                ring.place(done, page);
            }
            result?;
            done += part.len;
            if done == len {
                ring.commit(done, boundary);
            } else {
                room = ring.prepare_more(done, len - done);
            }
        }
        Ok(done)
    }
}

/// Copies into the room that was prepared. If that has no page yet, brings one; it may be kept even
/// when the copy failed.
fn put(room: &Part, src: &mut Source<'_>) -> (Option<Frame>, Result<()>) {
    let mut outcome = Ok(0);
    let mut page = None;
    match &room.frame {
        Some(frame) => outcome = src.read_frame(frame, room.offset, room.len),
        None => {
            let filled = frame::alloc_filled(|frame| {
                debug_assert_eq!(room.offset, 0);
                outcome = src.read_frame(frame, 0, room.len);
                *outcome.as_ref().unwrap_or(&0)
            });
            match filled {
                Ok(frame) => page = Some(frame.into_shared()),
                Err(error) => return (None, Err(error.into())),
            }
        }
    }
    match outcome {
        Ok(count) if count == room.len => (page, Ok(())),
        Ok(_) => (page, Err(Errno::EFAULT.into())),
        Err(error) => (page, Err(error)),
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        let (data, room) = {
            let ring = self.pipe.ring.lock();
            (!ring.is_empty(), ring.space() > 0)
        };
        if data {
            self.pipe.readable.wake_one();
        }
        if room {
            self.pipe.writable.wake_one();
        }
    }
}
