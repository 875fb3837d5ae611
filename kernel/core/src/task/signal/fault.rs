//! Exceptions of user code as signals, exactly as Linux maps them on x86_64.

use abi::Signal;
use abi::siginfo::{
    BUS_ADRALN, FPE_FLTDIV, FPE_FLTINV, FPE_FLTOVF, FPE_FLTRES, FPE_FLTUND, FPE_INTDIV, ILL_ILLOPN,
    TRAP_TRACE,
};
use machine::addr::{USER_END, UserAddr};

use super::info::SigInfo;
use super::own::FaultRecord;

/// The vector of the page fault exception.
pub const PAGE_FAULT: u8 = 14;
/// The x87 exception, raised by the next x87 instruction.
const X87: u8 = 16;
/// The SSE exception.
const SIMD: u8 = 19;
/// Error code bit of page faults: the page was there.
const PF_PRESENT: u64 = 1;
/// Error code bit of page faults: from user mode.
const PF_USER: u64 = 4;

/// The control and status words of the floating point units, needed to name their exceptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloatStatus {
    /// x87 control word.
    pub control: u16,
    /// x87 status word.
    pub status: u16,
    /// SSE control and status.
    pub mxcsr: u32,
}

impl FloatStatus {
    /// Reads the words out of an FXSAVE or XSAVE image.
    pub fn from_image(image: &[u8]) -> Self {
        let half = |at: usize| match image.get(at..at + 2) {
            Some(bytes) => u16::from_le_bytes([bytes[0], bytes[1]]),
            None => 0,
        };
        Self {
            control: half(0),
            status: half(2),
            mxcsr: u32::from(half(24)) | u32::from(half(26)) << 16,
        }
    }

    /// The unmasked exceptions that `vector` reports.
    fn raised(self, vector: u8) -> u32 {
        if vector == X87 {
            u32::from(self.status & !self.control)
        } else {
            self.mxcsr & !(self.mxcsr >> 7)
        }
    }
}

/// Whether `vector` needs [`FloatStatus`] to be named.
pub fn is_float(vector: u8) -> bool {
    matches!(vector, X87 | SIMD)
}

/// The signal for an exception at `rip`, and what the frame will show of it. `None` for a floating
/// point exception that has nothing to report: the instruction is simply tried again.
pub fn of_exception(
    vector: u8,
    error: u64,
    rip: u64,
    float: FloatStatus,
    last: FaultRecord,
) -> Option<(SigInfo, FaultRecord)> {
    let at = UserAddr::new(rip);
    let info = match vector {
        0 => SigInfo::fault(Signal::SIGFPE, FPE_INTDIV, at),
        1 => SigInfo::fault(Signal::SIGTRAP, TRAP_TRACE, at),
        3 => SigInfo::kernel(Signal::SIGTRAP),
        6 => SigInfo::fault(Signal::SIGILL, ILL_ILLOPN, at),
        11 | 12 => SigInfo::kernel(Signal::SIGBUS),
        X87 | SIMD => {
            let code = float_code(float.raised(vector))?;
            SigInfo::fault(Signal::SIGFPE, code, at)
        }
        17 => SigInfo::fault(Signal::SIGBUS, BUS_ADRALN, UserAddr::new(0)),
        // Overflow, bounds, invalid TSS, general protection, and what user code cannot raise.
        _ => SigInfo::kernel(Signal::SIGSEGV),
    };
    // Only #TS, #NP, #SS, #GP and #AC have an error code; the others leave 0.
    let error = if matches!(vector, 10..=13 | 17) { error } else { 0 };
    Some((info, FaultRecord { trapno: u64::from(vector), error, cr2: last.cr2 }))
}

/// The signal for a page fault at `address` that memory management could not resolve.
pub fn of_page_fault(
    signal: Signal,
    code: i32,
    address: UserAddr,
    error: u64,
) -> (SigInfo, FaultRecord) {
    // What the kernel half maps is nobody's business: there every page looks present.
    let present = if address >= USER_END { PF_PRESENT } else { 0 };
    let record = FaultRecord {
        trapno: u64::from(PAGE_FAULT),
        error: error | PF_USER | present,
        cr2: address.as_u64(),
    };
    (SigInfo::fault(signal, code, address), record)
}

fn float_code(raised: u32) -> Option<i32> {
    // The order is Linux's: an instruction can raise several.
    [
        (0x01, FPE_FLTINV),
        (0x04, FPE_FLTDIV),
        (0x08, FPE_FLTOVF),
        (0x12, FPE_FLTUND),
        (0x20, FPE_FLTRES),
    ]
    .into_iter()
    .find_map(|(bits, code)| (raised & bits != 0).then_some(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::siginfo::{SEGV_MAPERR, SI_KERNEL};

    fn exception(vector: u8, error: u64) -> Option<(Signal, i32, u64, FaultRecord)> {
        let float = FloatStatus { control: 0x037b, status: 0x0004, mxcsr: 0x1d84 };
        let last = FaultRecord { cr2: 7, ..FaultRecord::default() };
        let (info, record) = of_exception(vector, error, 0x1234, float, last)?;
        Some((info.signal, info.code, info.address(), record))
    }

    #[test]
    fn exceptions_map_as_on_linux() {
        let record = |trapno, error| FaultRecord { trapno, error, cr2: 7 };
        let cases = [
            (0, Signal::SIGFPE, FPE_INTDIV, 0x1234, 0),
            (1, Signal::SIGTRAP, TRAP_TRACE, 0x1234, 0),
            (3, Signal::SIGTRAP, SI_KERNEL, 0, 0),
            (4, Signal::SIGSEGV, SI_KERNEL, 0, 0),
            (6, Signal::SIGILL, ILL_ILLOPN, 0x1234, 0),
            (11, Signal::SIGBUS, SI_KERNEL, 0, 0x18),
            (12, Signal::SIGBUS, SI_KERNEL, 0, 0x18),
            (13, Signal::SIGSEGV, SI_KERNEL, 0, 0x18),
            (16, Signal::SIGFPE, FPE_FLTDIV, 0x1234, 0),
            (17, Signal::SIGBUS, BUS_ADRALN, 0, 0x18),
            (19, Signal::SIGFPE, FPE_FLTDIV, 0x1234, 0),
        ];
        for (vector, signal, code, address, error) in cases {
            let trapno = u64::from(vector);
            let expected = (signal, code, address, record(trapno, error));
            assert_eq!(exception(vector, 0x18), Some(expected), "vector {vector}");
        }
    }

    #[test]
    fn a_float_exception_without_a_cause_is_no_signal() {
        let quiet = FloatStatus { control: 0x037f, status: 0x3f, mxcsr: 0x1fbf };
        for vector in [16, 19] {
            assert_eq!(of_exception(vector, 0, 0, quiet, FaultRecord::default()), None);
        }
    }

    #[test]
    fn page_faults_hide_the_kernel_half() {
        let at = |address| of_page_fault(Signal::SIGSEGV, SEGV_MAPERR, UserAddr::new(address), 6).1;
        assert_eq!(at(0x1000), FaultRecord { trapno: 14, error: 6, cr2: 0x1000 });
        assert_eq!(at(0xffff_8000_0000_0000).error, 7);
    }

    #[test]
    fn float_status_is_read_out_of_the_image() {
        let mut image = [0; 512];
        image[..4].copy_from_slice(&[0x7f, 3, 4, 0]);
        image[24..28].copy_from_slice(&[0x80, 0x1f, 0, 0]);
        let expected = FloatStatus { control: 0x37f, status: 4, mxcsr: 0x1f80 };
        assert_eq!(FloatStatus::from_image(&image), expected);
        assert_eq!(FloatStatus::from_image(&[]), FloatStatus::default());
    }
}
