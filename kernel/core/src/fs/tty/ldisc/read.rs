//! What a program reads: whole lines, or bytes by VMIN and VTIME.

use super::*;

/// How long a read waits, from ICANON, VMIN and VTIME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// Until a line is complete.
    Canonical,
    /// Until `minimum` bytes came; with `between` (nanoseconds), until the pause after a byte
    /// gets longer than that.
    Minimum {
        /// VMIN, at least 1.
        minimum: usize,
        /// VTIME, if set.
        between: Option<u64>,
    },
    /// VMIN is 0: for one byte, but no longer than this many nanoseconds (0: not at all).
    Timed {
        /// VTIME.
        within: u64,
    },
}

const TENTH_OF_SECOND: u64 = 100_000_000;

impl LineDiscipline {
    /// How reads wait under the present modes.
    pub fn read_mode(&self) -> ReadMode {
        let time = u64::from(self.cc(VTIME)) * TENTH_OF_SECOND;
        match usize::from(self.cc(VMIN)) {
            _ if self.canonical() => ReadMode::Canonical,
            0 => ReadMode::Timed { within: time },
            minimum => ReadMode::Minimum { minimum, between: (time != 0).then_some(time) },
        }
    }

    /// Whether a read would get something now (an end of file included).
    pub fn has_input(&self) -> bool {
        if self.delivers_lines() { self.canon_head != self.tail } else { self.head != self.tail }
    }

    /// Whether poll(2) reports the terminal as readable: VMIN bytes count, unless VTIME is set.
    pub fn polls_readable(&self) -> bool {
        if self.delivers_lines() {
            return self.canon_head != self.tail;
        }
        let needed = if self.cc(VTIME) == 0 { usize::from(self.cc(VMIN)).max(1) } else { 1 };
        self.head - self.tail >= needed
    }

    /// How many bytes could be read: FIONREAD. End-of-file marks do not count.
    pub fn input_len(&self) -> usize {
        if !self.delivers_lines() {
            return self.head - self.tail;
        }
        let ends = (self.tail..self.canon_head).filter(|&position| self.is_end_of_file(position));
        self.canon_head - self.tail - ends.count()
    }

    /// Moves input into `buffer`: in canonical mode at most one line. Returns the bytes moved and
    /// whether a line's end was reached, so that 0 bytes and `true` is the end of file.
    pub fn read(&mut self, buffer: &mut [u8]) -> (usize, bool) {
        if !self.delivers_lines() {
            let count = buffer.len().min(self.head - self.tail);
            for slot in &mut buffer[..count] {
                *slot = self.at(self.tail);
                self.tail += 1;
            }
            self.canon_head = self.canon_head.max(self.tail);
            return (count, false);
        }
        let mut count = 0;
        while self.tail != self.canon_head {
            let position = self.tail;
            // An end of file right after a full buffer is eaten as well: the next read gets the
            // next line, not a misleading 0 (as Linux and Solaris do, unlike the BSDs).
            if self.is_end_of_file(position) {
                self.clear_mark(position);
                self.tail += 1;
                return (count, true);
            }
            if count == buffer.len() {
                break;
            }
            buffer[count] = self.at(position);
            count += 1;
            self.tail += 1;
            if self.is_marked(position) {
                self.clear_mark(position);
                return (count, true);
            }
        }
        (count, false)
    }

    fn delivers_lines(&self) -> bool {
        self.canonical() && !self.lflag(EXTPROC)
    }

    fn is_end_of_file(&self, position: usize) -> bool {
        self.at(position) == DISABLED && self.is_marked(position)
    }
}
