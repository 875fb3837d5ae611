//! What comes with a signal: the kernel's side of `siginfo_t` (sigaction(2)).
//!
//! Every layout of the union fits into the 32 bytes after the three leading words, which is also
//! what Linux keeps (`kernel_siginfo`). User space sees 128 bytes, the rest zero.

use abi::Signal;
use abi::siginfo as code;
use machine::addr::UserAddr;
use zerocopy::{FromBytes, IntoBytes};

/// Bytes of `siginfo_t` in user memory.
pub const USER_SIZE: usize = 128;

/// One instance of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigInfo {
    /// Which signal.
    pub signal: Signal,
    /// `si_errno`, which the kernel itself leaves at 0.
    pub errno: i32,
    /// `si_code`.
    pub code: i32,
    /// The union, from offset 16 on.
    fields: [u32; 8],
}

/// How a child changed, for SIGCHLD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildChange {
    /// One of the `CLD_*` codes.
    pub code: i32,
    /// The child.
    pub pid: u32,
    /// Its real user id.
    pub uid: u32,
    /// The exit code or the signal number.
    pub status: i32,
    /// Its user time in clock ticks (1/100 s).
    pub utime: u64,
    /// Its system time in clock ticks.
    pub stime: u64,
}

impl SigInfo {
    fn new(signal: Signal, code: i32, fields: [u32; 8]) -> Self {
        Self { signal, errno: 0, code, fields }
    }

    /// Sent by the kernel itself: no sender.
    pub fn kernel(signal: Signal) -> Self {
        Self::new(signal, code::SI_KERNEL, [0; 8])
    }

    /// Sent by a process: `code` is `SI_USER` or `SI_TKILL`.
    pub fn from_process(signal: Signal, code: i32, pid: u32, uid: u32) -> Self {
        Self::new(signal, code, [pid, uid, 0, 0, 0, 0, 0, 0])
    }

    /// As queued by a POSIX timer.
    pub fn timer(signal: Signal, timer_id: i32, overrun: i32, value: u64) -> Self {
        let [low, high] = halves(value);
        Self::new(
            signal,
            code::SI_TIMER,
            [timer_id.cast_unsigned(), overrun.cast_unsigned(), low, high, 0, 0, 0, 0],
        )
    }

    /// Raised by an instruction at or about `address`.
    pub fn fault(signal: Signal, code: i32, address: UserAddr) -> Self {
        let [low, high] = halves(address.as_u64());
        Self::new(signal, code, [low, high, 0, 0, 0, 0, 0, 0])
    }

    /// SIGCHLD (or the child's other exit signal).
    pub fn child(signal: Signal, change: ChildChange) -> Self {
        let [utime_low, utime_high] = halves(change.utime);
        let [stime_low, stime_high] = halves(change.stime);
        // 4 bytes of padding follow the status.
        let fields = [
            change.pid,
            change.uid,
            change.status.cast_unsigned(),
            0,
            utime_low,
            utime_high,
            stime_low,
            stime_high,
        ];
        Self::new(signal, change.code, fields)
    }

    /// SIGIO and its relatives: which events are there on which descriptor.
    pub fn poll(signal: Signal, code: i32, band: u64, fd: i32) -> Self {
        let [low, high] = halves(band);
        Self::new(signal, code, [low, high, fd.cast_unsigned(), 0, 0, 0, 0, 0])
    }

    /// Whether a `siginfo_t` from user space has bytes that the kernel would lose: those behind the
    /// union's first 32, when the code says nothing about the layout.
    pub fn loses_bytes(info: &abi::SigInfo) -> bool {
        let known = matches!(info.si_code, code::SI_DETHREAD..=code::POLL_HUP)
            || matches!(info.si_code, code::SI_KERNEL | code::SI_ASYNCNL);
        !known && info.as_bytes()[48..].iter().any(|&byte| byte != 0)
    }

    /// What of a `siginfo_t` from user space the kernel keeps, sent as `signal`.
    pub fn from_abi(signal: Signal, info: &abi::SigInfo) -> Self {
        let bytes = info.as_bytes();
        let word = |index: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[4 * index..4 * index + 4]);
            u32::from_ne_bytes(word)
        };
        Self {
            signal,
            errno: info.si_errno,
            code: info.si_code,
            fields: core::array::from_fn(|index| word(4 + index)),
        }
    }

    /// The bytes that user space sees.
    pub fn to_user(&self) -> [u8; USER_SIZE] {
        let mut bytes = [0; USER_SIZE];
        let head = [self.signal.number(), self.errno.cast_unsigned(), self.code.cast_unsigned(), 0];
        for (slot, word) in bytes.chunks_exact_mut(4).zip(head.iter().chain(&self.fields)) {
            slot.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// The structure that user space sees.
    pub fn to_abi(&self) -> abi::SigInfo {
        abi::SigInfo::read_from_bytes(&self.to_user()).expect("invariant: the sizes are equal")
    }

    /// `si_pid`, for the layouts that have one.
    pub fn pid(&self) -> u32 {
        self.fields[0]
    }

    /// `si_uid`, for the layouts that have one.
    pub fn uid(&self) -> u32 {
        self.fields[1]
    }

    /// `si_status` of SIGCHLD.
    pub fn status(&self) -> i32 {
        self.fields[2].cast_signed()
    }

    /// `si_addr` of a fault.
    pub fn address(&self) -> u64 {
        join(self.fields[0], self.fields[1])
    }

    /// `si_value` of SI_QUEUE, SI_TIMER and SI_MESGQ.
    pub fn value(&self) -> u64 {
        join(self.fields[2], self.fields[3])
    }

    /// `si_utime` and `si_stime` of SIGCHLD.
    pub fn times(&self) -> (u64, u64) {
        (join(self.fields[4], self.fields[5]), join(self.fields[6], self.fields[7]))
    }

    /// `si_timerid` and `si_overrun` of SI_TIMER.
    pub fn timer_fields(&self) -> (i32, i32) {
        (self.fields[0].cast_signed(), self.fields[1].cast_signed())
    }

    /// Fills `si_overrun` in, which is only known when the signal is taken.
    pub fn set_overrun(&mut self, overrun: i32) {
        self.fields[1] = overrun.cast_unsigned();
    }

    /// `si_band` and `si_fd` of SIGIO.
    pub fn poll_fields(&self) -> (u64, i32) {
        (join(self.fields[0], self.fields[1]), self.fields[2].cast_signed())
    }

    /// Whether there can be only so many of it that it need not count against RLIMIT_SIGPENDING:
    /// standard signals from the kernel and from kill(2).
    pub fn is_bounded(&self) -> bool {
        !self.signal.is_realtime() && self.code >= code::SI_USER
    }

    /// Whether an instruction raised it, so that it goes before everything else.
    pub fn is_synchronous(&self) -> bool {
        self.signal.is_synchronous() && self.code > code::SI_USER
    }
}

fn halves(value: u64) -> [u32; 2] {
    [(value & 0xffff_ffff) as u32, (value >> 32) as u32]
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn u32_at(bytes: &[u8], offset: usize) -> u32 {
        u32::from_ne_bytes(bytes[offset..offset + 4].try_into().expect("four bytes"))
    }

    fn u64_at(bytes: &[u8], offset: usize) -> u64 {
        u64::from_ne_bytes(bytes[offset..offset + 8].try_into().expect("eight bytes"))
    }

    #[test]
    fn layouts_are_those_of_the_abi() {
        let change = ChildChange { code: 1, pid: 5, uid: 6, status: 7, utime: 8, stime: 9 };
        let theirs = abi::SigInfo::child(Signal::SIGCHLD, 1, 7).with_sender(5, 6).with_times(8, 9);
        assert_eq!(SigInfo::child(Signal::SIGCHLD, change).to_user(), theirs.as_bytes());
        let theirs = abi::SigInfo::timer(Signal::SIGALRM, 3, 4).with_value(u64::MAX - 1);
        let ours = SigInfo::timer(Signal::SIGALRM, 3, 4, u64::MAX - 1);
        assert_eq!(ours.to_user(), theirs.as_bytes());
        let theirs = abi::SigInfo::poll(Signal::SIGIO, code::POLL_IN, 1 << 40, 9);
        assert_eq!(
            SigInfo::poll(Signal::SIGIO, code::POLL_IN, 1 << 40, 9).to_user(),
            theirs.as_bytes()
        );
    }

    #[test]
    fn fields_are_at_their_offsets() {
        let change = ChildChange { code: 1, pid: 5, uid: 6, status: 7, utime: 8, stime: 9 };
        let child = SigInfo::child(Signal::SIGCHLD, change).to_user();
        assert_eq!(u32_at(&child, 0), 17);
        assert_eq!(u32_at(&child, 8), 1);
        assert_eq!([16, 20, 24].map(|at| u32_at(&child, at)), [5, 6, 7]);
        assert_eq!([32, 40].map(|at| u64_at(&child, at)), [8, 9]);
        let fault = SigInfo::fault(Signal::SIGSEGV, 2, UserAddr::new(0x7fff_1234_5678_9abc));
        assert_eq!(u64_at(&fault.to_user(), 16), 0x7fff_1234_5678_9abc);
        let timer = SigInfo::timer(Signal::SIGALRM, 3, 4, u64::MAX - 1).to_user();
        assert_eq!([16, 20].map(|at| u32_at(&timer, at)), [3, 4]);
        assert_eq!(u64_at(&timer, 24), u64::MAX - 1);
    }

    #[test]
    fn user_bytes_come_back_as_they_were() {
        let mut bytes = [0; USER_SIZE];
        bytes[..4].copy_from_slice(&10u32.to_ne_bytes());
        bytes[8..12].copy_from_slice(&(-1i32).to_ne_bytes());
        bytes[16..48].copy_from_slice(&[7; 32]);
        let mut theirs = abi::SigInfo::read_from_bytes(&bytes).expect("the size fits");
        let info = SigInfo::from_abi(Signal::SIGUSR1, &theirs);
        assert_eq!(info.code, code::SI_QUEUE);
        assert_eq!(info.to_user(), bytes);
        bytes[100] = 1;
        theirs = abi::SigInfo::read_from_bytes(&bytes).expect("the size fits");
        assert!(!SigInfo::loses_bytes(&theirs));
        theirs.si_code = -50;
        assert!(SigInfo::loses_bytes(&theirs));
    }

    #[test]
    fn only_instructions_are_synchronous() {
        let fault = SigInfo::fault(Signal::SIGSEGV, code::SEGV_MAPERR, UserAddr::new(0));
        assert!(fault.is_synchronous());
        assert!(!SigInfo::from_process(Signal::SIGSEGV, code::SI_USER, 1, 0).is_synchronous());
        assert!(!SigInfo::kernel(Signal::SIGINT).is_synchronous());
    }
}
