//! A processor's stock of 4 KiB frames.
//!
//! Fork and exit take and give tens of frames; most never get further than this stack. Frames that
//! are known to be zero (page tables come back that way) are kept apart, since zeroing costs more
//! than all the rest of an allocation.

use super::table::Number;

/// The most frames of each kind in one stock. (Miri checks whole structures at each use.)
const CAPACITY: usize = if cfg!(miri) { 16 } else { 128 };

/// How many stocks there are: one for each processor.
pub(super) const STOCKS: usize = if cfg!(miri) { 4 } else { crate::cpu::MAX_CPUS };

/// What is in a free frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Anything.
    Stale,
    /// Only zeroes.
    Zero,
}

pub(crate) struct Stack {
    len: usize,
    frames: [Number; CAPACITY],
}

impl Stack {
    const fn new() -> Self {
        Self { len: 0, frames: [0; CAPACITY] }
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Number> {
        self.len = self.len.checked_sub(1)?;
        self.frames.get(self.len).copied()
    }

    /// Puts a frame on top; false when the stack is full.
    #[inline]
    pub(crate) fn push(&mut self, frame: Number, limit: usize) -> bool {
        if self.len >= limit.min(CAPACITY) {
            return false;
        }
        self.frames[self.len] = frame;
        self.len += 1;
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// The stock of one processor.
pub(crate) struct Stock {
    pub(crate) stale: Stack,
    pub(crate) zero: Stack,
}

impl Stock {
    pub(crate) const fn new() -> Self {
        Self { stale: Stack::new(), zero: Stack::new() }
    }

    #[inline]
    pub(crate) fn pop(&mut self, wanted: Content) -> Option<(Number, Content)> {
        let (first, second) = match wanted {
            Content::Stale => ((&mut self.stale, Content::Stale), (&mut self.zero, Content::Zero)),
            Content::Zero => ((&mut self.zero, Content::Zero), (&mut self.stale, Content::Stale)),
        };
        match first.0.pop() {
            Some(frame) => Some((frame, first.1)),
            None => second.0.pop().map(|frame| (frame, second.1)),
        }
    }

    pub(crate) fn stack(&mut self, content: Content) -> &mut Stack {
        match content {
            Content::Stale => &mut self.stale,
            Content::Zero => &mut self.zero,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.stale.len() + self.zero.len()
    }
}
