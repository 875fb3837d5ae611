//! Signals as a file: signalfd(2).
//!
//! A read takes signals of the *calling* thread and process, not of those that made the file, just
//! as Linux does; so the file itself holds nothing but a mask.

use core::sync::atomic::{AtomicU64, Ordering};

use abi::poll::PollEvents;
use abi::system::SignalfdSiginfo;
use abi::{Errno, SigSet, siginfo as code};
use alloc::sync::Arc;
use alloc::vec::Vec;
use zerocopy::{FromZeros, IntoBytes};

use super::info::SigInfo;
use crate::error::{Restart, Result};
use crate::fs::{FileOps, Io, OpenFile};
use crate::mm::user::Sink;
use crate::sched::PollTable;
use crate::task::Thread;

/// Bytes of one record.
const RECORD: usize = size_of::<SignalfdSiginfo>();

/// An open signalfd.
pub struct SignalFd {
    mask: AtomicU64,
}

impl SignalFd {
    /// A file from which the signals in `mask` can be read.
    pub fn new(mask: SigSet) -> Arc<Self> {
        Arc::new(Self { mask: AtomicU64::new(readable(mask).0) })
    }

    /// Changes which signals can be read.
    pub fn set_mask(&self, mask: SigSet) {
        self.mask.store(readable(mask).0, Ordering::Relaxed);
    }

    fn mask(&self) -> SigSet {
        SigSet(self.mask.load(Ordering::Relaxed))
    }

    fn take(&self, thread: &Thread, nonblock: bool) -> Result<SigInfo> {
        let signals = &thread.process.signals;
        if let Some(info) = signals.take(thread.slot, self.mask()) {
            return Ok(info);
        }
        if nonblock {
            return Err(Errno::EAGAIN.into());
        }
        signals.wait_arrival(thread.slot, self.mask()).map_err(|_| Restart::IfSaRestart.into())
    }
}

fn readable(mask: SigSet) -> SigSet {
    mask.difference(SigSet::UNBLOCKABLE)
}

impl FileOps for SignalFd {
    fn read(&self, _: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        if dst.remaining() < RECORD {
            return Err(Errno::EINVAL.into());
        }
        let thread = Thread::running().ok_or(Errno::EINVAL)?;
        let mut total = 0;
        while dst.remaining() >= RECORD {
            match self.take(&thread, io.nonblock || total > 0) {
                Ok(info) => {
                    if dst.write(record(&info).as_bytes())? < RECORD {
                        return Err(Errno::EFAULT.into());
                    }
                }
                Err(_) if total > 0 => break,
                Err(error) => return Err(error),
            }
            total += RECORD;
        }
        Ok(total)
    }

    fn poll(&self, _: &OpenFile, table: Option<&mut PollTable>) -> PollEvents {
        let Some(thread) = Thread::running() else {
            return PollEvents::empty();
        };
        let signals = &thread.process.signals;
        if let Some(table) = table {
            signals.poll_arrivals(table);
        }
        let sets = signals.pending_sets(thread.slot);
        let ready = sets.own.union(sets.shared).intersection(self.mask());
        if ready.is_empty() { PollEvents::empty() } else { PollEvents::READABLE }
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn info(&self, _: &OpenFile, out: &mut Vec<u8>) {
        out.extend_from_slice(alloc::format!("sigmask:\t{:016x}\n", self.mask().0).as_bytes());
    }
}

/// The record that user space reads for a signal.
fn record(info: &SigInfo) -> SignalfdSiginfo {
    let mut record = SignalfdSiginfo::new_zeroed();
    record.ssi_signo = info.signal.number();
    record.ssi_errno = info.errno;
    record.ssi_code = info.code;
    match (info.code, info.signal) {
        (code::SI_TIMER, _) => {
            let (id, overrun) = info.timer_fields();
            record.ssi_tid = id.cast_unsigned();
            record.ssi_overrun = overrun.cast_unsigned();
            set_value(&mut record, info.value());
        }
        (code::SI_QUEUE | code::SI_MESGQ | code::SI_ASYNCIO, _) => {
            set_sender(&mut record, info);
            set_value(&mut record, info.value());
        }
        (1.., abi::Signal::SIGCHLD) => {
            set_sender(&mut record, info);
            record.ssi_status = info.status();
            (record.ssi_utime, record.ssi_stime) = info.times();
        }
        (1.., abi::Signal::SIGIO) => {
            let (band, fd) = info.poll_fields();
            record.ssi_band = (band & 0xffff_ffff) as u32;
            record.ssi_fd = fd;
        }
        (1..code::SI_KERNEL, signal) if signal.is_synchronous() => {
            record.ssi_addr = info.address();
        }
        _ => set_sender(&mut record, info),
    }
    record
}

fn set_sender(record: &mut SignalfdSiginfo, info: &SigInfo) {
    record.ssi_pid = info.pid();
    record.ssi_uid = info.uid();
}

fn set_value(record: &mut SignalfdSiginfo, value: u64) {
    record.ssi_ptr = value;
    record.ssi_int = ((value & 0xffff_ffff) as u32).cast_signed();
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::Signal;

    #[test]
    fn records_say_what_the_signal_says() {
        let sent = record(&SigInfo::from_process(Signal::SIGUSR1, code::SI_USER, 7, 8));
        assert_eq!((sent.ssi_signo, sent.ssi_pid, sent.ssi_uid), (10, 7, 8));
        let timer = record(&SigInfo::timer(Signal::SIGALRM, 3, 2, 0x1_0000_0005));
        assert_eq!((timer.ssi_tid, timer.ssi_overrun, timer.ssi_int), (3, 2, 5));
        assert_eq!(timer.ssi_ptr, 0x1_0000_0005);
        let change = super::super::ChildChange {
            code: code::CLD_EXITED,
            pid: 5,
            uid: 6,
            status: 7,
            utime: 8,
            stime: 9,
        };
        let child = record(&SigInfo::child(Signal::SIGCHLD, change));
        assert_eq!((child.ssi_pid, child.ssi_status, child.ssi_utime), (5, 7, 8));
    }
}
