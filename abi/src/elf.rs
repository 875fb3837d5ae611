//! What `execve(2)` reads from an ELF file and leaves on the new stack: elf(5), `getauxval(3)`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One pair of the auxiliary vector (`Elf64_auxv_t`), 16 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct AuxEntry {
    /// `AT_*`.
    pub a_type: u64,
    /// A number or an address.
    pub a_val: u64,
}

impl AuxEntry {
    /// A pair.
    pub const fn new(a_type: u64, a_val: u64) -> Self {
        Self { a_type, a_val }
    }
}

/// The end of the vector.
pub const AT_NULL: u64 = 0;
/// Nothing.
pub const AT_IGNORE: u64 = 1;
/// The program's descriptor.
pub const AT_EXECFD: u64 = 2;
/// Address of the program headers.
pub const AT_PHDR: u64 = 3;
/// Size of one.
pub const AT_PHENT: u64 = 4;
/// How many there are.
pub const AT_PHNUM: u64 = 5;
/// Size of a page.
pub const AT_PAGESZ: u64 = 6;
/// Where the interpreter was loaded; 0 without one.
pub const AT_BASE: u64 = 7;
/// Flags; [`AT_FLAGS_PRESERVE_ARGV0`].
pub const AT_FLAGS: u64 = 8;
/// The program's entry point.
pub const AT_ENTRY: u64 = 9;
/// Real user id.
pub const AT_UID: u64 = 11;
/// Effective user id.
pub const AT_EUID: u64 = 12;
/// Real group id.
pub const AT_GID: u64 = 13;
/// Effective group id.
pub const AT_EGID: u64 = 14;
/// Address of the platform's name, [`PLATFORM`].
pub const AT_PLATFORM: u64 = 15;
/// CPUID leaf 1, `edx`.
pub const AT_HWCAP: u64 = 16;
/// Clock ticks in a second, for `times(2)`.
pub const AT_CLKTCK: u64 = 17;
/// Whether the program runs with more rights than its caller.
pub const AT_SECURE: u64 = 23;
/// Address of the real platform's name.
pub const AT_BASE_PLATFORM: u64 = 24;
/// Address of 16 random bytes.
pub const AT_RANDOM: u64 = 25;
/// `HWCAP2_*`.
pub const AT_HWCAP2: u64 = 26;
/// How much of `struct rseq` the kernel fills.
pub const AT_RSEQ_FEATURE_SIZE: u64 = 27;
/// How `struct rseq` is to be aligned.
pub const AT_RSEQ_ALIGN: u64 = 28;
/// More hardware capabilities.
pub const AT_HWCAP3: u64 = 29;
/// More hardware capabilities.
pub const AT_HWCAP4: u64 = 30;
/// Address of the program's path.
pub const AT_EXECFN: u64 = 31;
/// Address of the vDSO.
pub const AT_SYSINFO_EHDR: u64 = 33;
/// The smallest stack on which a signal can be delivered.
pub const AT_MINSIGSTKSZ: u64 = 51;

/// In `AT_FLAGS`: a `binfmt_misc` interpreter got the original `argv[0]`.
pub const AT_FLAGS_PRESERVE_ARGV0: u64 = 1;
/// In `AT_HWCAP2`: `MONITOR` and `MWAIT` work in user mode.
pub const HWCAP2_RING3MWAIT: u64 = 1;
/// In `AT_HWCAP2`: `RDFSBASE` and its kin work in user mode.
pub const HWCAP2_FSGSBASE: u64 = 2;
/// The platform's name.
pub const PLATFORM: &[u8] = b"x86_64";

/// The first bytes of a file.
pub const ELFMAG: &[u8; 4] = b"\x7fELF";
/// Size of a 64-bit file's header.
pub const EHDR_SIZE: usize = 64;
/// Size of a 64-bit file's program header; another `e_phentsize` is `ENOEXEC`.
pub const PHDR_SIZE: usize = 56;
/// The most bytes of program headers that are read; more, or none, is `ENOEXEC`.
pub const PHDRS_SIZE_MAX: usize = 65536;
/// File type: at fixed addresses.
pub const ET_EXEC: u16 = 2;
/// File type: anywhere.
pub const ET_DYN: u16 = 3;
/// Machine: x86-64.
pub const EM_X86_64: u16 = 62;
/// Segment: to be mapped.
pub const PT_LOAD: u32 = 1;
/// Segment: the interpreter's path, with its NUL, at most `PATH_MAX` bytes.
pub const PT_INTERP: u32 = 3;
/// Segment: the program headers.
pub const PT_PHDR: u32 = 6;
/// Segment: thread-local storage.
pub const PT_TLS: u32 = 7;
/// Segment: whether the stack is executable.
pub const PT_GNU_STACK: u32 = 0x6474_e551;
/// Segment: read-only after relocation.
pub const PT_GNU_RELRO: u32 = 0x6474_e552;
/// Segment: properties of the program.
pub const PT_GNU_PROPERTY: u32 = 0x6474_e553;
/// Segment flag: may be executed.
pub const PF_X: u32 = 1;
/// Segment flag: may be written.
pub const PF_W: u32 = 2;
/// Segment flag: may be read.
pub const PF_R: u32 = 4;

/// Register set or core note: `struct elf_prstatus`; for `PTRACE_GETREGSET` the registers.
pub const NT_PRSTATUS: u32 = 1;
/// Register set or core note: [`FxsaveArea`](crate::ucontext::FxsaveArea).
pub const NT_PRFPREG: u32 = 2;
/// Core note: `struct elf_prpsinfo`.
pub const NT_PRPSINFO: u32 = 3;
/// Core note: the auxiliary vector.
pub const NT_AUXV: u32 = 6;
/// Register set or core note: the `XSAVE` area.
pub const NT_X86_XSTATE: u32 = 0x202;
/// Core note: the signal's siginfo.
pub const NT_SIGINFO: u32 = 0x5349_4749;
/// Core note: the mapped files.
pub const NT_FILE: u32 = 0x4649_4c45;

/// The most bytes of one argument string of `execve(2)` with its NUL; more is `E2BIG`.
pub const MAX_ARG_STRLEN: usize = 131_072;
/// The most argument strings.
pub const MAX_ARG_STRINGS: usize = 0x7fff_ffff;
/// How much of a file is read to see what it is. A longer `#!` line is cut; the interpreter's path
/// must end within.
pub const BINPRM_BUF_SIZE: usize = 256;
