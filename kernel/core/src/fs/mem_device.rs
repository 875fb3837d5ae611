//! The memory devices, major number 1: null, zero, full, random, urandom, kmsg (mem(4), null(4),
//! full(4), random(4)).

use alloc::sync::Arc;

use abi::Errno;
use abi::stat::DeviceNumber;
use machine::sync::Lazy;

use super::device::{self, CharDriver};
use super::file::{FileOps, Io, Mappable, OpenFile, Seek};
use super::kmsg;
use super::open::OpenCx;
use crate::error::Result;
use crate::mm::user::{Sink, Source};

/// The major number.
const MAJOR: u32 = 1;

/// The devices: name in `/dev`, minor number, permissions.
pub const DEVICES: [(&str, u32, u32); 6] = [
    ("null", 3, 0o666),
    ("zero", 5, 0o666),
    ("full", 7, 0o666),
    ("random", 8, 0o666),
    ("urandom", 9, 0o666),
    ("kmsg", 11, 0o644),
];

/// Registers them and puts them into `/dev`.
pub fn init() {
    device::register_char(DeviceNumber::new(MAJOR, 0), 16, "mem", Arc::new(MemDriver));
    for (name, minor, mode) in DEVICES {
        super::devtmpfs::announce(name, DeviceNumber::new(MAJOR, minor), mode);
    }
}

struct MemDriver;

impl CharDriver for MemDriver {
    fn open(&self, dev: DeviceNumber, _cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
        static NULL: Lazy<Arc<Null>> = Lazy::new(|| Arc::new(Null));
        match dev.minor {
            3 => Ok(NULL.clone()),
            5 => Ok(Arc::new(Zero)),
            7 => Ok(Arc::new(Full)),
            8 | 9 => Ok(Arc::new(Random)),
            11 => Ok(kmsg::open()),
            _ => Err(Errno::ENXIO.into()),
        }
    }
}

/// Their offsets never move, whatever is asked.
fn stay() -> Result<u64> {
    Ok(0)
}

struct Null;

impl FileOps for Null {
    fn read(&self, _file: &OpenFile, _dst: &mut Sink<'_>, _io: &mut Io<'_>) -> Result<usize> {
        Ok(0)
    }

    fn write(&self, _file: &OpenFile, src: &mut Source<'_>, _io: &mut Io<'_>) -> Result<usize> {
        Ok(src.remaining())
    }

    fn seekable(&self) -> bool {
        true
    }

    fn seek(&self, _file: &OpenFile, _now: u64, _to: Seek) -> Result<u64> {
        stay()
    }
}

/// Fills `dst` with zeroes, until a signal comes.
fn fill_zero(dst: &mut Sink<'_>, io: &Io<'_>) -> Result<usize> {
    const STEP: usize = 1 << 16;
    let mut done = 0;
    while dst.remaining() > 0 {
        match dst.write_zeroes(dst.remaining().min(STEP)) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
        if done >= STEP {
            if io.caller.signal_pending() {
                break;
            }
            crate::sched::preempt_if_needed();
        }
    }
    Ok(done)
}

struct Zero;

impl FileOps for Zero {
    fn read(&self, _file: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        fill_zero(dst, io)
    }

    fn write(&self, _file: &OpenFile, src: &mut Source<'_>, _io: &mut Io<'_>) -> Result<usize> {
        Ok(src.remaining())
    }

    fn seekable(&self) -> bool {
        true
    }

    fn seek(&self, _file: &OpenFile, _now: u64, _to: Seek) -> Result<u64> {
        stay()
    }

    fn mappable(&self, _file: &OpenFile) -> Result<Mappable> {
        Ok(Mappable::Zero)
    }
}

struct Full;

impl FileOps for Full {
    fn read(&self, _file: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        fill_zero(dst, io)
    }

    fn write(&self, _file: &OpenFile, _src: &mut Source<'_>, _io: &mut Io<'_>) -> Result<usize> {
        Err(Errno::ENOSPC.into())
    }

    fn seekable(&self) -> bool {
        true
    }

    fn seek(&self, _file: &OpenFile, _now: u64, _to: Seek) -> Result<u64> {
        stay()
    }
}

/// Both random devices: the generator is seeded before anybody can read.
struct Random;

impl FileOps for Random {
    fn read(&self, _file: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        let mut done = 0;
        let mut buffer = [0; 256];
        while dst.remaining() > 0 {
            let len = dst.remaining().min(buffer.len());
            machine::entropy::fill(&mut buffer[..len]);
            match dst.write(&buffer[..len]) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            if done % 4096 == 0 {
                if io.caller.signal_pending() {
                    break;
                }
                crate::sched::preempt_if_needed();
            }
        }
        Ok(done)
    }

    /// What is written could stir the pool; the generator needs no help, and random(4) promises
    /// none.
    fn write(&self, _file: &OpenFile, src: &mut Source<'_>, _io: &mut Io<'_>) -> Result<usize> {
        Ok(src.remaining())
    }

    fn seekable(&self) -> bool {
        true
    }

    fn seek(&self, _file: &OpenFile, _now: u64, _to: Seek) -> Result<u64> {
        stay()
    }
}
