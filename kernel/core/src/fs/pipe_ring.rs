//! The bytes of a pipe: a ring of pages.
//!
//! `head` and `tail` count bytes since the ring was last empty; the page of a position is its
//! number modulo the pages of the ring. Pages are allocated when first written and kept until the
//! pipe goes away, so that a busy pipe allocates nothing.
//!
//! Invariants: `head <= tail <= head + capacity`. Only the one writer (who holds the write gate)
//! moves `tail` and touches bytes from `tail` on; only the one reader moves `head`. So a reader and
//! a writer may copy at the same time, each outside of the lock.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use abi::Errno;
use machine::addr::PAGE_SIZE;
use machine::frame::Frame;

const PAGE: u64 = PAGE_SIZE as u64;

/// A part of one page of the ring.
pub struct Part {
    /// The page; `None` when the writer has to bring one.
    pub frame: Option<Frame>,
    /// Where in it.
    pub offset: usize,
    /// How many bytes.
    pub len: usize,
}

/// Whether bytes stay apart from what comes after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// They join it.
    None,
    /// They are a packet.
    Packet,
}

/// The ring.
pub struct PipeRing {
    pages: Vec<Option<Frame>>,
    head: u64,
    tail: u64,
    /// Where packets (pipe2(2), `O_DIRECT`) lie: start and end of each, oldest first.
    packets: VecDeque<(u64, u64)>,
}

impl PipeRing {
    /// An empty ring of `pages` pages, none allocated yet.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(pages: usize) -> Result<Self, Errno> {
        let mut slots = Vec::new();
        slots.try_reserve_exact(pages).map_err(|_| Errno::ENOMEM)?;
        slots.resize_with(pages, || None);
        Ok(Self { pages: slots, head: 0, tail: 0, packets: VecDeque::new() })
    }

    /// Bytes that it can hold.
    pub fn capacity(&self) -> usize {
        self.pages.len() * PAGE_SIZE
    }

    /// Bytes in it.
    #[inline]
    pub fn len(&self) -> usize {
        (self.tail - self.head) as usize
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Bytes that still fit.
    #[inline]
    pub fn space(&self) -> usize {
        self.capacity() - self.len()
    }

    #[inline]
    fn part(&self, at: u64, most: usize) -> Part {
        let offset = (at % PAGE) as usize;
        let len = most.min(PAGE_SIZE - offset);
        Part { frame: self.pages[self.slot(at)].clone(), offset, len }
    }

    #[inline]
    fn slot(&self, at: u64) -> usize {
        (at / PAGE % self.pages.len() as u64) as usize
    }

    /// The bytes `skip` after the oldest one, as far as they lie in one page. For the reader.
    #[inline]
    pub fn peek(&self, skip: usize) -> Option<Part> {
        let left = self.len().checked_sub(skip).filter(|&left| left > 0)?;
        Some(self.part(self.head + skip as u64, left))
    }

    /// Forgets the `count` oldest bytes, which the reader has taken.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.len());
        self.head += count as u64;
        while self.packets.front().is_some_and(|packet| packet.1 <= self.head) {
            self.packets.pop_front();
        }
    }

    /// How many of the oldest bytes one read may take, and whether the read ends with them: a
    /// packet is never joined with what comes after it.
    #[inline]
    pub fn readable(&self) -> (usize, bool) {
        match self.packets.front() {
            None => (self.len(), false),
            Some(&(start, end)) if start <= self.head => ((end - self.head) as usize, true),
            Some(&(start, _)) => ((start - self.head) as usize, false),
        }
    }

    /// As [`PipeRing::prepare`] for what lies `skip` bytes further, on the next page.
    pub fn prepare_more(&self, skip: usize, want: usize) -> Option<Part> {
        let most = want.min(self.space() - skip);
        (most > 0).then(|| self.part(self.tail + skip as u64, most))
    }

    /// Gives the ring the page that was missing `skip` bytes after the tail.
    pub fn place(&mut self, skip: usize, page: Frame) {
        let slot = self.slot(self.tail + skip as u64);
        debug_assert!(self.pages[slot].is_none());
        self.pages[slot] = Some(page);
    }

    /// Where up to `want` bytes can be written in one page. For the writer, who has nothing under
    /// way.
    #[inline]
    pub fn prepare(&mut self, want: usize) -> Option<Part> {
        if self.is_empty() {
            // Start over: a pipe with little in it then uses one page for ever.
            self.head = 0;
            self.tail = 0;
        }
        let most = want.min(self.space());
        (most > 0).then(|| self.part(self.tail, most))
    }

    /// Adds the `count` bytes that were put behind the tail.
    #[inline]
    pub fn commit(&mut self, count: usize, boundary: Boundary) {
        debug_assert!(count <= self.space());
        let start = self.tail;
        self.tail += count as u64;
        if boundary == Boundary::Packet {
            self.packets.push_back((start, self.tail));
        }
    }

    /// Copies all bytes into `target`, an empty ring that is big enough and has all its pages, and
    /// takes its place. Neither reader nor writer have anything under way.
    pub fn move_into(&mut self, mut target: PipeRing) -> PipeRing {
        let mut buffer = [0; 256];
        let mut skip = 0;
        while let Some(part) = self.peek(skip) {
            let len = part.len.min(buffer.len());
            if let Some(frame) = &part.frame {
                frame.read(part.offset, &mut buffer[..len]);
            }
            let mut done = 0;
            while let Some(room) = target.prepare(len - done) {
                if let Some(frame) = &room.frame {
                    frame.write(room.offset, &buffer[done..done + room.len]);
                }
                target.commit(room.len, Boundary::None);
                done += room.len;
            }
            skip += len;
        }
        let head = self.head;
        let moved = self.packets.drain(..).map(|(start, end)| (start.max(head) - head, end - head));
        target.packets.extend(moved);
        core::mem::replace(self, target)
    }

    /// Allocates the pages that the ring needs for `bytes`, for [`PipeRing::move_into`].
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn fill_pages(&mut self, bytes: usize) -> Result<(), Errno> {
        for slot in self.pages.iter_mut().take(bytes.div_ceil(PAGE_SIZE)) {
            if slot.is_none() {
                let frame = machine::frame::alloc_zeroed().map_err(|_| Errno::ENOMEM)?;
                *slot = Some(frame.into_shared());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;
    use proptest::prelude::*;

    fn write(ring: &mut PipeRing, bytes: &[u8]) -> usize {
        let mut done = 0;
        while let Some(room) = ring.prepare(bytes.len() - done) {
            let new =
                room.frame.is_none().then(|| machine::frame::alloc_zeroed().unwrap().into_shared());
            let frame = room.frame.or_else(|| new.clone()).unwrap();
            frame.write(room.offset, &bytes[done..done + room.len]);
            if let Some(new) = new {
                ring.place(0, new);
            }
            ring.commit(room.len, Boundary::None);
            done += room.len;
        }
        done
    }

    fn read(ring: &mut PipeRing, most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while out.len() < most
            && let Some(part) = ring.peek(0)
        {
            let len = part.len.min(most - out.len());
            let mut bytes = std::vec![0; len];
            part.frame.unwrap().read(part.offset, &mut bytes);
            out.extend(bytes);
            ring.consume(len);
        }
        out
    }

    proptest! {
        #[test]
        fn the_ring_is_a_queue(steps in prop::collection::vec((0u8..3, 0usize..9000), 1..40)) {
            let mut ring = PipeRing::new(4).unwrap();
            let mut model = VecDeque::new();
            let mut next = 0u8;
            for (what, size) in steps {
                match what {
                    0 => {
                        let bytes: Vec<u8> = (0..size).map(|_| { next = next.wrapping_add(1); next }).collect();
                        let fits = size.min(ring.capacity() - model.len());
                        prop_assert_eq!(write(&mut ring, &bytes), fits);
                        model.extend(&bytes[..fits]);
                    }
                    1 => {
                        let got = read(&mut ring, size);
                        let want: Vec<u8> = model.drain(..size.min(model.len())).collect();
                        prop_assert_eq!(got, want);
                    }
                    _ => {
                        let pages = 1 + size % 8;
                        if pages * PAGE_SIZE >= ring.len() {
                            let mut target = PipeRing::new(pages).unwrap();
                            target.fill_pages(ring.len()).unwrap();
                            ring.move_into(target);
                        }
                    }
                }
                prop_assert_eq!(ring.len(), model.len());
            }
        }
    }
}
