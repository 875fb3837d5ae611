//! The host link: standard streams of a job that go to the host and not to a terminal.
//!
//! `/dev/hostout`, `/dev/hosterr` and `/dev/hoststatus` are QEMU debug ports, write only.
//! `/dev/hostin` is the second serial port with a small protocol, so that no byte gets lost: 0x10
//! escapes (0x10 0x10 is the byte itself, 0x10 0x04 the end of the stream), and for every 256 bytes
//! that a reader has taken one `K` goes back, which is the host's permission to send more.
//!
//! The devices exist only with the boot word `oxbow.host`. Lock: the receive ring (`TTY`).

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use abi::Errno;
use abi::poll::PollEvents;
use abi::stat::DeviceNumber;
use machine::serial::{self, DebugPort};
use machine::sync::SpinLock;

use super::caller::Caller;
use super::device::{self, CharDriver};
use super::file::{FileOps, Io, OpenFile};
use super::open::OpenCx;
use crate::error::{Restart, Result};
use crate::locks;
use crate::mm::user::{Sink, Source};
use crate::sched::{PollTable, Sleep, WaitQueue};

const MAJOR: u32 = 240;
/// The serial port of `/dev/hostin`.
pub const PORT: usize = 1;
const ESCAPE: u8 = 0x10;
const END: u8 = 0x04;
/// One credit for so many bytes.
const CREDIT: usize = 256;

/// The decoding of what the host sends: pure, so that it is tested on the host.
#[derive(Debug, Default)]
struct Decoder {
    bytes: VecDeque<u8>,
    escaped: bool,
    ended: bool,
    /// Bytes taken since the last credit.
    taken: usize,
}

impl Decoder {
    fn receive(&mut self, raw: &[u8]) {
        for &byte in raw {
            match (core::mem::take(&mut self.escaped), byte) {
                (false, ESCAPE) => self.escaped = true,
                (true, END) => self.ended = true,
                _ => self.bytes.push_back(byte),
            }
        }
    }

    /// Moves bytes out; how many, and how many credits are due.
    fn take(&mut self, to: &mut [u8]) -> (usize, usize) {
        let count = self.bytes.len().min(to.len());
        for (slot, byte) in to.iter_mut().zip(self.bytes.drain(..count)) {
            *slot = byte;
        }
        self.taken += count;
        let credits = self.taken / CREDIT;
        self.taken %= CREDIT;
        (count, credits)
    }

    fn is_ready(&self) -> bool {
        self.ended || !self.bytes.is_empty()
    }
}

struct HostIn {
    decoder: SpinLock<Decoder>,
    queue: WaitQueue,
}

static INPUT: HostIn = HostIn {
    decoder: SpinLock::new(
        locks::TTY,
        Decoder { bytes: VecDeque::new(), escaped: false, ended: false, taken: 0 },
    ),
    queue: WaitQueue::new(),
};

/// Makes the devices. To be called once if the boot words ask for them.
pub fn init() {
    device::register_char(DeviceNumber::new(MAJOR, 0), 4, "host", Arc::new(HostDriver));
    let nodes = [("hostin", 0o400), ("hostout", 0o200), ("hosterr", 0o200), ("hoststatus", 0o200)];
    for (minor, (name, mode)) in (0..).zip(nodes) {
        super::devtmpfs::announce(name, DeviceNumber::new(MAJOR, minor), mode);
    }
}

/// Bytes have arrived on [`PORT`]: called from the deferred work of the serial interrupt.
pub fn on_serial() {
    // Without the host link the port is an ordinary terminal.
    if !super::tty::serial::is_claimed(PORT) {
        return;
    }
    let mut raw = [0; 128];
    let mut any = false;
    loop {
        let count = serial::read(PORT, &mut raw);
        if count == 0 {
            break;
        }
        any = true;
        INPUT.decoder.lock().receive(&raw[..count]);
    }
    if any {
        INPUT.queue.wake_all();
    }
}

/// Writes one line to the status channel: how the machine ends.
pub fn status(line: &[u8]) {
    serial::debug_write(DebugPort::Status, line);
}

struct HostDriver;

impl CharDriver for HostDriver {
    fn open(&self, dev: DeviceNumber, cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
        let (ops, readable): (Arc<dyn FileOps>, bool) = match dev.minor {
            0 => (Arc::new(Input), true),
            1 => (Arc::new(Output(DebugPort::Out)), false),
            2 => (Arc::new(Output(DebugPort::Err)), false),
            3 => (Arc::new(Output(DebugPort::Status)), false),
            _ => return Err(Errno::ENXIO.into()),
        };
        // Each goes one way only.
        if (cx.flags.is_readable() && !readable) || (cx.flags.is_writable() && readable) {
            return Err(Errno::EACCES.into());
        }
        Ok(ops)
    }
}

struct Input;

impl FileOps for Input {
    fn read(&self, _file: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        if dst.remaining() == 0 {
            return Ok(0);
        }
        let ready = || INPUT.decoder.lock().is_ready().then_some(());
        if io.nonblock {
            ready().ok_or(Errno::EAGAIN)?;
        } else {
            INPUT
                .queue
                .wait_until(Sleep::Interruptible, None, ready)
                .map_err(|_| Restart::IfSaRestart)?;
        }
        let mut done = 0;
        let mut buffer = [0; 256];
        while dst.remaining() > 0 {
            let want = dst.remaining().min(buffer.len());
            let (count, credits) = INPUT.decoder.lock().take(&mut buffer[..want]);
            for _ in 0..credits {
                serial::write(PORT, b"K");
            }
            if count == 0 {
                break;
            }
            done += dst.write(&buffer[..count])?;
        }
        Ok(done)
    }

    fn poll(&self, _file: &OpenFile, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&INPUT.queue);
        }
        let decoder = INPUT.decoder.lock();
        let mut events = PollEvents::empty();
        events.set(PollEvents::READABLE, decoder.is_ready());
        events.set(PollEvents::HUP, decoder.ended && decoder.bytes.is_empty());
        events
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn ioctl(&self, _file: &OpenFile, cmd: u32, arg: u64, caller: &dyn Caller) -> Result<usize> {
        let waiting = INPUT.decoder.lock().bytes.len();
        match cmd {
            abi::tty::ioctl::FIONREAD => super::ioctl::put_int(caller, arg, waiting),
            _ => Err(Errno::ENOTTY.into()),
        }
    }
}

struct Output(DebugPort);

impl FileOps for Output {
    fn write(&self, _file: &OpenFile, src: &mut Source<'_>, _io: &mut Io<'_>) -> Result<usize> {
        let mut done = 0;
        let mut buffer = [0; 512];
        while src.remaining() > 0 {
            let len = src.remaining().min(buffer.len());
            match src.read(&mut buffer[..len]) {
                Ok(0) => break,
                Ok(count) => {
                    serial::debug_write(self.0, &buffer[..count]);
                    done += count;
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            crate::sched::preempt_if_needed();
        }
        Ok(done)
    }

    fn poll(&self, _file: &OpenFile, _table: Option<&mut PollTable>) -> PollEvents {
        PollEvents::WRITABLE
    }

    fn can_poll(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_credits_counted() {
        let mut decoder = Decoder::default();
        decoder.receive(&[b'a', ESCAPE]);
        decoder.receive(&[ESCAPE, b'b']);
        let mut bytes = [0; 8];
        assert_eq!(decoder.take(&mut bytes), (3, 0));
        assert_eq!(&bytes[..3], &[b'a', ESCAPE, b'b']);
        assert!(!decoder.is_ready());
        decoder.receive(&[b'x'; 600]);
        let mut big = [0; 1000];
        assert_eq!(decoder.take(&mut big), (600, 2));
        decoder.receive(&[ESCAPE, END]);
        assert!(decoder.is_ready());
        assert_eq!(decoder.take(&mut big), (0, 0));
    }
}
