//! The host's side of /dev/hostin: a byte stream into the guest over its
//! second serial port, which loses nothing and knows an end of file.
//!
//! To the guest: 0x10 (DLE) escapes: `DLE DLE` is one 0x10, `DLE 0x04` the end
//! of the stream. From the guest: one `K` for every 256 bytes of payload that
//! a reader has taken. We never have more than [`WINDOW`] bytes on the way, so
//! the kernel's buffer cannot overflow, however slowly the guest reads.

use std::io::{self, Read, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

const DLE: u8 = 0x10;
const END: u8 = 0x04;
const CREDIT: u8 = b'K';
const CREDIT_BYTES: usize = 256;

/// Payload bytes that may be on the way without an acknowledgement.
pub const WINDOW: usize = 2048;

/// Counts what is on the way.
#[derive(Debug, Default)]
pub struct Window {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    on_the_way: usize,
    closed: bool,
}

impl Window {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until bytes may be sent, takes up to `wanted` of them.
    /// None when the guest is gone.
    fn take(&self, wanted: usize) -> Option<usize> {
        let free = |state: &mut State| !state.closed && state.on_the_way == WINDOW;
        let guard = self.changed.wait_while(self.lock(), free);
        let mut state = guard.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return None;
        }
        let taken = wanted.min(WINDOW - state.on_the_way);
        state.on_the_way += taken;
        Some(taken)
    }

    /// Reads the guest's credits until it is gone.
    pub fn read_credits(&self, mut from: impl Read) {
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let credits = buffer[..count].iter().filter(|byte| **byte == CREDIT).count();
            let mut state = self.lock();
            state.on_the_way = state.on_the_way.saturating_sub(credits * CREDIT_BYTES);
            self.changed.notify_all();
        }
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Sends all of `from`, then the end of file. Ends early, without an
    /// error, when the guest is gone.
    pub fn send_all(&self, mut from: impl Read, mut to: impl Write) -> io::Result<()> {
        let mut buffer = [0; WINDOW];
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => return to.write_all(&[DLE, END]),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                let Some(taken) = self.take(rest.len()) else {
                    return Ok(());
                };
                to.write_all(&escape(&rest[..taken]))?;
                rest = &rest[taken..];
            }
        }
    }
}

fn escape(payload: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(payload.len() + 16);
    for byte in payload {
        if *byte == DLE {
            framed.push(DLE);
        }
        framed.push(*byte);
    }
    framed
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::thread;

    use super::{CREDIT_BYTES, DLE, END, WINDOW, Window, escape};

    #[test]
    fn only_the_escape_byte_is_doubled() {
        assert_eq!(escape(&[1, DLE, 2, END]), [1, DLE, DLE, 2, END]);
    }

    /// Plays the kernel: takes the framing off, gives credits, and checks
    /// that never more than the window is outstanding.
    fn kernel(mut wire: UnixStream) -> Vec<u8> {
        let mut payload = Vec::new();
        let mut escaped = false;
        let mut uncredited = 0;
        let mut byte = [0];
        while wire.read_exact(&mut byte).is_ok() {
            match (escaped, byte[0]) {
                (false, DLE) => {
                    escaped = true;
                    continue;
                }
                (true, END) => return payload,
                (_, byte) => payload.push(byte),
            }
            escaped = false;
            uncredited += 1;
            if uncredited == CREDIT_BYTES {
                uncredited = 0;
                wire.write_all(b"K").expect("the host listens");
            }
        }
        panic!("the stream ended without an end-of-file mark");
    }

    #[test]
    fn a_long_stream_arrives_whole() {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let window = Arc::new(Window::default());
        let credits = {
            let (window, wire) = (Arc::clone(&window), ours.try_clone().expect("a copy"));
            thread::spawn(move || window.read_credits(wire))
        };
        let guest = thread::spawn(move || kernel(theirs));
        let data: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
        window.send_all(data.as_slice(), &ours).expect("sends");
        assert_eq!(guest.join().expect("receives"), data);
        credits.join().expect("ends with the guest");
    }

    #[test]
    fn no_more_than_the_window_is_sent_without_credits() {
        let window = Window::default();
        assert_eq!(window.take(WINDOW + 5), Some(WINDOW));
        window.read_credits(&b"KK"[..]);
        assert_eq!(window.take(1), None, "the guest is gone");
        assert_eq!(window.lock().on_the_way, WINDOW - 2 * CREDIT_BYTES);
    }
}
