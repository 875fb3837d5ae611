//! The frame of a signal handler on the user stack, and its way back.
//!
//! From high to low addresses: the red zone of the interrupted code (128 bytes, kept), the FPU
//! state (64-byte aligned, in the standard XSAVE format, then FP_XSTATE_MAGIC2), then
//! [`abi::ucontext::RtSigFrame`], so that the stack pointer is 8 off a multiple of 16 as after a
//! call.
//!
//! This module is the pure part: where things lie, and how registers become a `sigcontext` and
//! back. What rt_sigreturn(2) may set is decided here: a forged frame gets a program into no state
//! that it could not have reached by jumping there.

use abi::ucontext::{FpxSwBytes, RtSigFrame, SigContext, UContext, UcFlags};
use abi::{SaFlags, SigSet};
use machine::addr::UserAddr;
use machine::user::{Registers, rflags};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::action::Action;
use super::alt_stack::AltStack;
use super::info::SigInfo;
use super::own::FaultRecord;

/// What the x86-64 ABI lets leaf functions use below the stack pointer.
const RED_ZONE: u64 = 128;
/// XSAVE areas are aligned to this.
const FPU_ALIGN: u64 = 64;
/// Bytes of FP_XSTATE_MAGIC2, behind the XSAVE area.
const MAGIC2_LEN: usize = abi::ucontext::FP_XSTATE_MAGIC2_SIZE;
/// Where `_fpx_sw_bytes` lies in the FXSAVE area.
pub const SW_BYTES_AT: u64 = 464;
/// Bytes of the FXSAVE area.
const FXSAVE_LEN: usize = 512;
/// Where the XSAVE header's `xstate_bv` lies.
const XSTATE_BV_AT: u64 = 512;
/// Bytes of the FXSAVE area and the XSAVE header.
const XSAVE_MIN_LEN: usize = 576;
/// x87 and SSE in `xstate_bv`: always marked as present, so that a handler that knows only the
/// FXSAVE area can change them.
const XSTATE_FP_SSE: u64 = 3;

/// Where the parts of a frame go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Address of the frame: the handler's stack pointer.
    pub frame: u64,
    /// Address of the FPU state.
    pub fpstate: u64,
}

/// Finds the place for a frame with `fpu_len` bytes of FPU state below `sp`. `None` when it would
/// run over the end of the alternate stack.
pub fn place(sp: u64, alt: AltStack, flags: SaFlags, fpu_len: usize) -> Option<Placement> {
    let nested = alt.holds(sp);
    let enters = flags.contains(SaFlags::SA_ONSTACK) && alt.is_enabled() && !nested;
    let start = if enters { alt.top() } else { sp.wrapping_sub(RED_ZONE) };
    // A magic number stands behind the state also where there is nothing but FXSAVE.
    let fpu_len = (fpu_len + MAGIC2_LEN) as u64;
    let fpstate = start.wrapping_sub(fpu_len) & !(FPU_ALIGN - 1);
    let frame = (fpstate.wrapping_sub(size_of::<RtSigFrame>() as u64) & !15).wrapping_sub(8);
    if (nested || enters) && !alt.spans(frame) {
        return None;
    }
    Some(Placement { frame, fpstate })
}

/// What a frame is made of.
pub struct Interrupted<'a> {
    /// The registers to come back to.
    pub regs: &'a Registers,
    /// The mask to come back to.
    pub mask: SigSet,
    /// The alternate stack to come back to.
    pub alt_stack: AltStack,
    /// The last fault.
    pub fault: FaultRecord,
    /// Whether the FPU state is in XSAVE format.
    pub xsave: bool,
}

/// How much of a frame is written for `action`: what comes with the signal only if it asks for it.
pub fn len(action: &Action) -> usize {
    if action.flags.contains(SaFlags::SA_SIGINFO) {
        size_of::<RtSigFrame>()
    } else {
        core::mem::offset_of!(RtSigFrame, info)
    }
}

/// The bytes of a frame for `info`, handled by `action`.
pub fn build(was: &Interrupted<'_>, info: &SigInfo, action: &Action, fpstate: u64) -> RtSigFrame {
    let mut flags = UcFlags::UC_SIGCONTEXT_SS | UcFlags::UC_STRICT_RESTORE_SS;
    flags.set(UcFlags::UC_FP_XSTATE, was.xsave);
    let uc = UContext {
        uc_flags: flags.bits(),
        uc_link: 0,
        uc_stack: was.alt_stack.saved(),
        uc_mcontext: context(was, fpstate),
        uc_sigmask: was.mask,
    };
    let with_info = action.flags.contains(SaFlags::SA_SIGINFO);
    let info = if with_info { info.to_abi() } else { abi::SigInfo::new_zeroed() };
    RtSigFrame { pretcode: action.restorer.as_u64(), uc, info }
}

fn context(was: &Interrupted<'_>, fpstate: u64) -> SigContext {
    let regs = was.regs;
    SigContext {
        r8: regs.r8,
        r9: regs.r9,
        r10: regs.r10,
        r11: regs.r11,
        r12: regs.r12,
        r13: regs.r13,
        r14: regs.r14,
        r15: regs.r15,
        rdi: regs.rdi,
        rsi: regs.rsi,
        rbp: regs.rbp,
        rbx: regs.rbx,
        rdx: regs.rdx,
        rax: regs.rax,
        rcx: regs.rcx,
        rsp: regs.rsp,
        rip: regs.rip,
        eflags: regs.rflags,
        cs: Registers::CS,
        gs: 0,
        fs: 0,
        ss: Registers::SS,
        err: was.fault.error,
        trapno: was.fault.trapno,
        oldmask: was.mask.0,
        cr2: was.fault.cr2,
        fpstate,
        reserved1: [0; 8],
    }
}

/// The registers with which a handler starts.
pub fn enter_handler(regs: &mut Registers, place: Placement, info: &SigInfo, handler: u64) {
    regs.rdi = u64::from(info.signal.number());
    regs.rax = 0;
    regs.rsi = place.frame + core::mem::offset_of!(RtSigFrame, info) as u64;
    regs.rdx = place.frame + core::mem::offset_of!(RtSigFrame, uc) as u64;
    regs.rip = handler;
    regs.rsp = place.frame;
    // The ABI wants DF clear at function entry; single steps and resume flags are not the
    // handler's.
    regs.rflags &= !(rflags::DF | rflags::RF | rflags::TF);
    regs.orig_rax = Registers::NO_SYSCALL;
}

/// What a frame may set in `rflags`; the rest stays as it is.
const RESTORED_FLAGS: u64 = rflags::AC
    | rflags::OF
    | rflags::DF
    | rflags::TF
    | rflags::SF
    | rflags::ZF
    | rflags::AF
    | rflags::PF
    | rflags::CF
    | rflags::RF;

/// Puts the registers of a frame back. False when it names segments that user code cannot have:
/// on Linux the return to user mode faults then.
#[must_use]
pub fn restore(regs: &mut Registers, uc: &UContext) -> bool {
    let from = &uc.uc_mcontext;
    let flags = UcFlags::from_bits_retain(uc.uc_flags);
    *regs = Registers {
        r15: from.r15,
        r14: from.r14,
        r13: from.r13,
        r12: from.r12,
        rbp: from.rbp,
        rbx: from.rbx,
        r11: from.r11,
        r10: from.r10,
        r9: from.r9,
        r8: from.r8,
        rax: from.rax,
        rcx: from.rcx,
        rdx: from.rdx,
        rsi: from.rsi,
        rdi: from.rdi,
        orig_rax: Registers::NO_SYSCALL,
        rip: from.rip,
        rflags: (regs.rflags & !RESTORED_FLAGS) | (from.eflags & RESTORED_FLAGS),
        rsp: from.rsp,
    };
    // Programs older than UC_STRICT_RESTORE_SS leave anything in ss, and Linux mends it for them.
    let ss_fits = from.ss | 3 == Registers::SS || !flags.contains(UcFlags::UC_STRICT_RESTORE_SS);
    from.cs | 3 == Registers::CS && ss_fits
}

/// The `_fpx_sw_bytes` of a frame whose XSAVE area has `len` bytes.
fn sw_bytes(len: usize, xfeatures: u64) -> FpxSwBytes {
    let len = u32::try_from(len).unwrap_or(0);
    FpxSwBytes {
        magic1: abi::ucontext::FP_XSTATE_MAGIC1,
        extended_size: len + MAGIC2_LEN as u32,
        xfeatures,
        xstate_size: len,
        ..FpxSwBytes::default()
    }
}

/// The bytes of `_fpx_sw_bytes` and of `xstate_bv`, which follow each other: what has to be written
/// over an XSAVE area of `len` bytes, from [`SW_BYTES_AT`] on, to make it describe itself.
/// `present` is its own `xstate_bv`.
pub fn describe_xsave(len: usize, xfeatures: u64, present: u64) -> [u8; 56] {
    let mut bytes = [0; 56];
    bytes[..48].copy_from_slice(sw_bytes(len, xfeatures).as_bytes());
    bytes[48..].copy_from_slice(&(present | XSTATE_FP_SSE).to_le_bytes());
    bytes
}

/// How many bytes of XSAVE area an image in a frame says it has, and of which features; `None` when
/// it has only the FXSAVE area as far as one can tell (the caller still has to find
/// FP_XSTATE_MAGIC2 behind). `image` has room for as much as the machine has.
fn xsave_in_image(image: &[u8]) -> Option<(usize, u64)> {
    let sw = image.get(SW_BYTES_AT as usize..FXSAVE_LEN)?;
    let sw = FpxSwBytes::read_from_bytes(sw).ok()?;
    let size = usize::try_from(sw.xstate_size).ok()?;
    let plausible = sw.magic1 == abi::ucontext::FP_XSTATE_MAGIC1
        && (XSAVE_MIN_LEN..=image.len()).contains(&size)
        && sw.xstate_size <= sw.extended_size;
    plausible.then_some((size, sw.xfeatures))
}

/// `xstate_bv` of an image: which components are not in their initial state.
pub fn xstate_bv(image: &[u8]) -> u64 {
    let at = XSTATE_BV_AT as usize;
    let word = image.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    word.map_or(0, u64::from_le_bytes)
}

/// Reads the FPU state of a frame at `at` into `image`, which has the size of the machine's. `read`
/// copies user bytes and says whether all of them could be read, as does this function.
pub fn read_fpu(
    image: &mut [u8],
    at: UserAddr,
    read: impl Fn(&mut [u8], UserAddr) -> bool,
) -> bool {
    if !read(&mut image[..FXSAVE_LEN], at) {
        return false;
    }
    if image.len() == FXSAVE_LEN {
        return true;
    }
    let found = xsave_in_image(image).filter(|&(len, _)| {
        // The number behind it says that all of the area is there.
        let mut magic = [0; MAGIC2_LEN];
        read(&mut magic, at.wrapping_add(len as u64))
            && magic == abi::ucontext::FP_XSTATE_MAGIC2.to_le_bytes()
    });
    match found {
        Some((len, named)) => {
            let rest = at.wrapping_add(FXSAVE_LEN as u64);
            if !read(&mut image[FXSAVE_LEN..len], rest) {
                return false;
            }
            keep_features(image, len, named & machine::fpu::xfeatures());
        }
        // Somebody built a frame with only the old area: all else is initial.
        None => legacy_only(image),
    }
    true
}

/// Leaves only the components in `features` of the first `len` bytes; all else becomes initial.
fn keep_features(image: &mut [u8], len: usize, features: u64) {
    image[len..].fill(0);
    let kept = xstate_bv(image) & features;
    image[XSTATE_BV_AT as usize..XSAVE_MIN_LEN].fill(0);
    image[XSTATE_BV_AT as usize..XSTATE_BV_AT as usize + 8].copy_from_slice(&kept.to_le_bytes());
}

/// Leaves only x87 and SSE, of which all that there is is in the FXSAVE area.
fn legacy_only(image: &mut [u8]) {
    image[FXSAVE_LEN..].fill(0);
    image[XSTATE_BV_AT as usize] = 3;
}

/// The pieces of the FXSAVE area that the processor leaves unwritten when x87 or SSE is in its
/// initial state: since a frame claims both, it has to show that state.
pub fn mend_initial(present: u64) -> &'static [(u64, &'static [u8])] {
    /// Control word 0x37f, all else zero up to MXCSR; then the eight stack registers.
    const X87: [(u64, &[u8]); 2] = [
        (0, &[0x7f, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        (32, &[0; 128]),
    ];
    const SSE: [(u64, &[u8]); 1] = [(160, &[0; 256])];
    const BOTH: [(u64, &[u8]); 3] = [X87[0], X87[1], SSE[0]];
    match present & XSTATE_FP_SSE {
        0 => &BOTH,
        1 => &SSE,
        2 => &X87,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::{SigAltStack, Signal};

    fn alt(base: u64, size: u64) -> AltStack {
        let request = SigAltStack { ss_sp: base, ss_flags: 0, pad0: 0, ss_size: size };
        AltStack::default().replaced_by(&request, 0).expect("valid")
    }

    #[test]
    fn frames_are_aligned_and_leave_the_red_zone() {
        for sp in 0x7000_0000..0x7000_0080 {
            let at = place(sp, AltStack::default(), SaFlags::empty(), 2696).expect("no limit");
            assert_eq!(at.frame % 16, 8);
            assert_eq!(at.fpstate % 64, 0);
            assert!(at.fpstate + 2696 + 4 <= sp - 128);
            assert!(at.frame + size_of::<RtSigFrame>() as u64 <= at.fpstate);
        }
    }

    #[test]
    fn the_alternate_stack_is_entered_once_and_never_overrun() {
        let stack = alt(0x10000, 0x4000);
        let on = SaFlags::SA_ONSTACK;
        let at = place(0x7000_0000, stack, on, 832).expect("fits");
        assert!(at.frame > 0x10000 && at.fpstate + 836 <= 0x14000);
        // Already on it: go on below, red zone kept.
        let nested = place(at.frame, stack, on, 832).expect("fits");
        assert!(nested.fpstate + 836 <= at.frame - 128);
        assert_eq!(place(0x10400, stack, on, 832), None);
        // Without SA_ONSTACK it stays where it is.
        let plain = place(0x7000_0000, stack, SaFlags::empty(), 832).expect("fits");
        assert!(plain.frame > 0x6fff_0000);
        // A stack pointer near zero wraps around and fails when it is written.
        assert!(place(8, AltStack::default(), SaFlags::empty(), 832).is_some());
    }

    fn registers() -> Registers {
        Registers {
            r15: 1,
            r14: 2,
            r13: 3,
            r12: 4,
            rbp: 5,
            rbx: 6,
            r11: 7,
            r10: 8,
            r9: 9,
            r8: 10,
            rax: 11,
            rcx: 12,
            rdx: 13,
            rsi: 14,
            rdi: 15,
            orig_rax: 16,
            rip: 17,
            rflags: 0x246,
            rsp: 18,
        }
    }

    fn frame_of(regs: &Registers) -> RtSigFrame {
        let was = Interrupted {
            regs,
            mask: SigSet::of(&[Signal::SIGHUP]),
            alt_stack: AltStack::default(),
            fault: FaultRecord { trapno: 14, error: 6, cr2: 99 },
            xsave: true,
        };
        let info = SigInfo::fault(Signal::SIGSEGV, 1, UserAddr::new(99));
        let action = Action { flags: SaFlags::SA_SIGINFO, ..Action::DEFAULT };
        build(&was, &info, &action, 0x1000)
    }

    #[test]
    fn registers_come_back_as_they_went() {
        let regs = registers();
        let frame = frame_of(&regs);
        assert_eq!(frame.uc.uc_flags, 7);
        assert_eq!(frame.uc.uc_mcontext.cr2, 99);
        assert_eq!(frame.info.address(), 99);
        let mut back = Registers { rflags: 0x202, ..Registers::default() };
        assert!(restore(&mut back, &frame.uc));
        assert_eq!(back, Registers { orig_rax: Registers::NO_SYSCALL, ..regs });
    }

    #[test]
    fn a_forged_frame_gains_nothing() {
        let mut frame = frame_of(&registers());
        frame.uc.uc_mcontext.eflags = u64::MAX;
        let mut back = Registers { rflags: 0x202, ..Registers::default() };
        assert!(restore(&mut back, &frame.uc));
        let (iopl, nested_task) = (3 << 12, rflags::NT);
        assert_eq!(back.rflags & (iopl | nested_task | 1 << 17), 0);
        assert_ne!(back.rflags & rflags::IF, 0);
        for (cs, ss) in [(0x10, 0x2b), (0x33, 0x18), (0x23, 0x2b), (0, 0x2b)] {
            frame.uc.uc_mcontext.cs = cs;
            frame.uc.uc_mcontext.ss = ss;
            assert!(!restore(&mut back, &frame.uc), "{cs:#x} {ss:#x}");
        }
        frame.uc.uc_mcontext.cs = 0x33;
        frame.uc.uc_flags = 0;
        assert!(restore(&mut back, &frame.uc));
    }

    #[test]
    fn handlers_start_like_called_functions() {
        let mut regs = Registers { rflags: 0x246 | rflags::DF | rflags::TF, ..registers() };
        let at = place(0x7000_0000, AltStack::default(), SaFlags::empty(), 512).expect("fits");
        let info = SigInfo::kernel(Signal::SIGUSR1);
        enter_handler(&mut regs, at, &info, 0x4000);
        assert_eq!((regs.rdi, regs.rip, regs.rsp, regs.rax), (10, 0x4000, at.frame, 0));
        assert_eq!(regs.rsi, at.frame + 312);
        assert_eq!(regs.rdx, at.frame + 8);
        assert_eq!(regs.rflags & (rflags::DF | rflags::TF), 0);
    }

    #[test]
    fn only_a_plausible_xsave_area_is_believed() {
        let find = |sw: FpxSwBytes, len: usize| {
            let mut image = vec![0; len];
            image[464..512].copy_from_slice(sw.as_bytes());
            xsave_in_image(&image)
        };
        let good = sw_bytes(832, 7);
        assert_eq!(find(good, 2696), Some((832, 7)));
        assert_eq!(find(good, 800), None);
        assert_eq!(find(FpxSwBytes { magic1: 0, ..good }, 2696), None);
        assert_eq!(find(FpxSwBytes { xstate_size: 512, ..good }, 2696), None);
        assert_eq!(find(FpxSwBytes { extended_size: 8, ..good }, 2696), None);
    }

    #[test]
    fn an_image_keeps_only_what_the_frame_names() {
        let mut image = vec![0xff; 832];
        keep_features(&mut image, 800, 3);
        assert!(image[800..].iter().all(|&byte| byte == 0));
        assert_eq!(xstate_bv(&image), 3);
        assert!(image[520..576].iter().all(|&byte| byte == 0));
        legacy_only(&mut image);
        assert!(image[513..].iter().all(|&byte| byte == 0));
        assert_eq!(image[0], 0xff);
    }
}
