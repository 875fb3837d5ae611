//! ELF, tracing and system call filters against the kernel's headers.
#[macro_use]
mod common;

use core::mem::offset_of;

use abi::ptrace::{PeekSigInfoArgs, PtraceOptions, PtraceSyscallInfo, UserRegs};
use abi::seccomp::{SeccompData, SeccompFlags, SockFilter, SockFprog};
use linux_raw_sys::ptrace as linux;

#[test]
fn elf() {
    same_values!(abi::elf, linux_raw_sys::auxvec,
        AT_NULL AT_IGNORE AT_EXECFD AT_PHDR AT_PHENT AT_PHNUM AT_PAGESZ AT_BASE AT_FLAGS AT_ENTRY
        AT_UID AT_EUID AT_GID AT_EGID AT_PLATFORM AT_HWCAP AT_CLKTCK AT_SECURE AT_BASE_PLATFORM
        AT_RANDOM AT_HWCAP2 AT_RSEQ_FEATURE_SIZE AT_RSEQ_ALIGN AT_HWCAP3 AT_HWCAP4 AT_EXECFN
        AT_SYSINFO_EHDR AT_MINSIGSTKSZ);
    same_values!(abi::elf, linux_raw_sys::elf_uapi,
        ET_EXEC ET_DYN EM_X86_64 PT_LOAD PT_INTERP PT_PHDR PT_TLS PT_GNU_STACK PT_GNU_RELRO
        PT_GNU_PROPERTY PF_X PF_W PF_R NT_PRSTATUS);
    assert_eq!(abi::elf::EHDR_SIZE, size_of::<linux_raw_sys::elf_uapi::elf64_hdr>());
    assert_eq!(abi::elf::PHDR_SIZE, size_of::<linux_raw_sys::elf_uapi::elf64_phdr>());
}

#[test]
fn seccomp() {
    same_values!(abi::seccomp, linux_raw_sys::ptrace,
        SECCOMP_MODE_DISABLED SECCOMP_MODE_STRICT SECCOMP_MODE_FILTER SECCOMP_SET_MODE_STRICT
        SECCOMP_SET_MODE_FILTER SECCOMP_GET_ACTION_AVAIL SECCOMP_GET_NOTIF_SIZES
        SECCOMP_RET_KILL_PROCESS SECCOMP_RET_KILL_THREAD SECCOMP_RET_TRAP SECCOMP_RET_ERRNO
        SECCOMP_RET_USER_NOTIF SECCOMP_RET_TRACE SECCOMP_RET_LOG SECCOMP_RET_ALLOW
        SECCOMP_RET_ACTION_FULL SECCOMP_RET_DATA AUDIT_ARCH_X86_64);
    same_values!(SeccompFlags as flags, linux_raw_sys::ptrace,
        SECCOMP_FILTER_FLAG_TSYNC SECCOMP_FILTER_FLAG_LOG SECCOMP_FILTER_FLAG_SPEC_ALLOW
        SECCOMP_FILTER_FLAG_NEW_LISTENER SECCOMP_FILTER_FLAG_TSYNC_ESRCH
        SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    same_values!(abi::seccomp::bpf, linux_raw_sys::ptrace,
        BPF_LD BPF_LDX BPF_ST BPF_STX BPF_ALU BPF_JMP BPF_RET BPF_MISC BPF_W BPF_H BPF_B
        BPF_IMM BPF_ABS BPF_IND BPF_MEM BPF_LEN BPF_MSH BPF_ADD BPF_SUB BPF_MUL BPF_DIV
        BPF_OR BPF_AND BPF_LSH BPF_RSH BPF_NEG BPF_MOD BPF_XOR BPF_JA BPF_JEQ BPF_JGT
        BPF_JGE BPF_JSET BPF_K BPF_X BPF_MAXINSNS BPF_A BPF_TAX BPF_TXA BPF_MEMWORDS);
    same_layout!(SeccompData, linux::seccomp_data, nr arch instruction_pointer args);
    same_layout!(SockFilter, linux::sock_filter, code jt jf k);
    same_layout!(SockFprog, linux::sock_fprog, len filter);
}

#[test]
fn ptrace() {
    same_values!(abi::ptrace::request, linux_raw_sys::ptrace,
        PTRACE_TRACEME PTRACE_PEEKTEXT PTRACE_PEEKDATA PTRACE_PEEKUSR PTRACE_POKETEXT
        PTRACE_POKEDATA PTRACE_POKEUSR PTRACE_CONT PTRACE_KILL PTRACE_SINGLESTEP
        PTRACE_GETREGS PTRACE_SETREGS PTRACE_GETFPREGS PTRACE_SETFPREGS PTRACE_ATTACH
        PTRACE_DETACH PTRACE_GETFPXREGS PTRACE_SETFPXREGS PTRACE_OLDSETOPTIONS
        PTRACE_SYSCALL PTRACE_GET_THREAD_AREA PTRACE_SET_THREAD_AREA PTRACE_ARCH_PRCTL
        PTRACE_SYSEMU PTRACE_SYSEMU_SINGLESTEP PTRACE_SINGLEBLOCK PTRACE_SETOPTIONS
        PTRACE_GETEVENTMSG PTRACE_GETSIGINFO PTRACE_SETSIGINFO PTRACE_GETREGSET
        PTRACE_SETREGSET PTRACE_SEIZE PTRACE_INTERRUPT PTRACE_LISTEN PTRACE_PEEKSIGINFO
        PTRACE_GETSIGMASK PTRACE_SETSIGMASK PTRACE_SECCOMP_GET_FILTER
        PTRACE_SECCOMP_GET_METADATA PTRACE_GET_SYSCALL_INFO
        PTRACE_GET_RSEQ_CONFIGURATION PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG
        PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG PTRACE_SET_SYSCALL_INFO);
    same_values!(PtraceOptions as flags, linux_raw_sys::ptrace,
        PTRACE_O_TRACESYSGOOD PTRACE_O_TRACEFORK PTRACE_O_TRACEVFORK PTRACE_O_TRACECLONE
        PTRACE_O_TRACEEXEC PTRACE_O_TRACEVFORKDONE PTRACE_O_TRACEEXIT PTRACE_O_TRACESECCOMP
        PTRACE_O_EXITKILL PTRACE_O_SUSPEND_SECCOMP);
    assert_eq!(PtraceOptions::all().bits(), u64::from(linux::PTRACE_O_MASK));
    same_values!(abi::ptrace, linux_raw_sys::ptrace,
        PTRACE_EVENT_FORK PTRACE_EVENT_VFORK PTRACE_EVENT_CLONE PTRACE_EVENT_EXEC
        PTRACE_EVENT_VFORK_DONE PTRACE_EVENT_EXIT PTRACE_EVENT_SECCOMP PTRACE_EVENT_STOP
        PTRACE_EVENTMSG_SYSCALL_ENTRY PTRACE_EVENTMSG_SYSCALL_EXIT PTRACE_PEEKSIGINFO_SHARED
        PTRACE_SYSCALL_INFO_NONE PTRACE_SYSCALL_INFO_ENTRY PTRACE_SYSCALL_INFO_EXIT
        PTRACE_SYSCALL_INFO_SECCOMP);
    same_layout!(PeekSigInfoArgs, linux::ptrace_peeksiginfo_args, off flags nr);
    same_layout!(PtraceSyscallInfo, linux::ptrace_syscall_info,
        op reserved flags arch instruction_pointer stack_pointer data = __bindgen_anon_1);
    // struct user_regs_struct is a struct pt_regs with six more registers.
    macro_rules! same_register {
        ($($name:ident)*) => {
            $(assert_eq!(offset_of!(UserRegs, $name), offset_of!(linux::pt_regs, $name));)*
        };
    }
    same_register!(r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags
        rsp ss);
    assert_eq!((size_of::<UserRegs>(), offset_of!(UserRegs, fs_base)), (216, 168));
}
