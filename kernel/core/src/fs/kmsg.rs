//! `/dev/kmsg`: the kernel log as records (the kernel's `dev-kmsg` document).
//!
//! Each description has a place of its own in the log. A reader that waits looks again ten times a
//! second instead of being woken: records are written in places where no queue may be woken.

use alloc::sync::Arc;
use core::fmt::Write as _;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::Errno;
use abi::poll::PollEvents;
use machine::log::{self, TEXT_MAX};

use super::file::{FileOps, Io, OpenFile, Seek};
use crate::error::{Restart, Result};
use crate::mm::user::{Sink, Source};
use crate::sched::{PollTable, Sleep, WaitQueue, Woken};

struct Kmsg {
    /// The sequence number of the record to be read next.
    next: AtomicU64,
    queue: WaitQueue,
}

/// How often a waiting reader looks.
const LOOK_NS: u64 = 100_000_000;
/// The facility of messages from user space, times 8.
const USER_FACILITY: u8 = 8;

/// A new reader, at the oldest record.
pub fn open() -> Arc<dyn FileOps> {
    Arc::new(Kmsg { next: AtomicU64::new(log::range().0), queue: WaitQueue::new() })
}

impl Kmsg {
    fn has_more(&self) -> bool {
        log::range().1 > self.next.load(Ordering::Relaxed)
    }

    fn wait(&self) -> Result<()> {
        loop {
            let deadline = crate::clock::monotonic() + LOOK_NS;
            let more = || self.has_more().then_some(());
            match self.queue.wait_until(Sleep::Interruptible, Some(deadline), more) {
                Ok(()) => return Ok(()),
                Err(Woken::TimedOut) => {}
                Err(Woken::Interrupted) => return Err(Restart::IfSaRestart.into()),
            }
        }
    }
}

/// The record as user space sees it: `6,12,345678,-;text` and a newline; control characters are
/// written as `\x1b`.
fn format(entry: &log::Entry, text: &[u8]) -> alloc::string::String {
    let micros = entry.nanoseconds / 1000;
    let mut line = alloc::format!("{},{},{micros},-;", entry.level, entry.sequence);
    for &byte in text {
        if !(b' '..127).contains(&byte) || byte == b'\\' {
            // Writing to a string cannot fail.
            let _ = write!(line, "\\x{byte:02x}");
        } else {
            line.push(char::from(byte));
        }
    }
    line.push('\n');
    line
}

impl FileOps for Kmsg {
    fn read(&self, _file: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        if !self.has_more() {
            if io.nonblock {
                return Err(Errno::EAGAIN.into());
            }
            self.wait()?;
        }
        let mut text = alloc::vec![0; TEXT_MAX];
        let wanted = self.next.load(Ordering::Relaxed);
        let entry = log::read(wanted, &mut text).ok_or(Errno::EAGAIN)?;
        if entry.sequence != wanted {
            // The ring went over it; the next read goes on with what there is.
            self.next.store(entry.sequence, Ordering::Relaxed);
            return Err(Errno::EPIPE.into());
        }
        let line = format(&entry, &text[..entry.len.min(TEXT_MAX)]);
        if line.len() > dst.remaining() {
            return Err(Errno::EINVAL.into());
        }
        self.next.store(wanted + 1, Ordering::Relaxed);
        dst.write(line.as_bytes())
    }

    fn write(&self, _file: &OpenFile, src: &mut Source<'_>, _io: &mut Io<'_>) -> Result<usize> {
        let len = src.remaining();
        if len > TEXT_MAX {
            return Err(Errno::EINVAL.into());
        }
        let mut text = alloc::vec![0; len];
        if src.read(&mut text)? != len {
            return Err(Errno::EFAULT.into());
        }
        let (level, line) = split_priority(&text);
        log::write(level, line.strip_suffix(b"\n").unwrap_or(line));
        Ok(len)
    }

    fn poll(&self, _file: &OpenFile, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.queue);
        }
        if self.has_more() { PollEvents::READABLE } else { PollEvents::empty() }
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn seekable(&self) -> bool {
        true
    }

    fn seek(&self, _file: &OpenFile, _now: u64, to: Seek) -> Result<u64> {
        let (first, end) = log::range();
        let next = match to {
            Seek::Set(0) | Seek::Data(0) => first,
            Seek::End(0) => end,
            _ => return Err(Errno::EINVAL.into()),
        };
        self.next.store(next, Ordering::Relaxed);
        Ok(0)
    }
}

/// Splits `<6>text`; without a priority it is a warning from user space.
fn split_priority(text: &[u8]) -> (u8, &[u8]) {
    let default = (USER_FACILITY | 4, text);
    let Some(rest) = text.strip_prefix(b"<") else {
        return default;
    };
    let Some(end) = rest.iter().take(4).position(|&byte| byte == b'>') else {
        return default;
    };
    let number =
        core::str::from_utf8(&rest[..end]).ok().and_then(|digits| digits.parse::<u8>().ok());
    let Some(number) = number else { return default };
    // Facility 0 is the kernel's own.
    let facility = if number < 8 { USER_FACILITY } else { number & !7 };
    (facility | number & 7, &rest[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_split_off() {
        assert_eq!(split_priority(b"<6>hello"), (14, &b"hello"[..]));
        assert_eq!(split_priority(b"<30>x"), (30, &b"x"[..]));
        assert_eq!(split_priority(b"plain"), (12, &b"plain"[..]));
        assert_eq!(split_priority(b"<x>y"), (12, &b"<x>y"[..]));
        assert_eq!(split_priority(b"<"), (12, &b"<"[..]));
    }

    #[test]
    fn records_look_as_on_linux() {
        let entry = log::Entry { sequence: 7, nanoseconds: 1_234_567, level: 6, len: 3 };
        assert_eq!(format(&entry, b"a\tb"), "6,7,1234,-;a\\x09b\n");
    }
}
