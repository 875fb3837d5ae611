# Every way into the kernel after boot, and the way to user mode. Intel syntax.
#
# GS discipline: in the kernel GS points at the CpuLocal, in user mode at whatever the program
# likes, and swapgs exchanges the two. "Did we come from user mode" is decided by the saved CS alone. The
# three vectors that may come between any two instructions (double fault, NMI, machine check) run on stacks
# of their own and do not trust GS: they put their own value there and restore the old one.
#
# Registers from user mode go straight into the thread's `Registers` (its end is in CONTEXT_END); the
# function that entered user mode, user_enter, then returns to its caller. So there is no user
# frame on the kernel stack at all.

# Room for a clac, put there at boot when the processor knows it.
.macro CLAC
9901: .byte 0x0f, 0x1f, 0x00
    .pushsection .smap_sites, "a"
    .quad 9901b - 0x8000000000000000
    .popsection
.endm

.text

# user_enter(rdi: end of the Registers) -> rax: why it came back.
# All registers but rsp are lost. Interrupts must be off; they are on again after a system call only.
.globl user_enter
.type user_enter, @function
.balign 64
user_enter:
    mov gs:[{RSP0}], rsp
    mov gs:[{CONTEXT_END}], rdi
    # sysret is the fast way. It takes rip from rcx and the flags from r11, so these must agree; a
    # rip beyond the lower half would fault in kernel mode, on the user's stack pointer; and only
    # the harmless flags may be set.
    mov rcx, [rdi + {RIP}]
    cmp rcx, [rdi + {RCX}]
    jne 2f
    cmp dword ptr [rdi + {RIP} + 4], 0x7fff
    ja 2f
    mov r11, [rdi + {RFLAGS}]
    cmp r11, [rdi + {R11}]
    jne 2f
    mov eax, r11d
    and eax, {SYSRET_FLAGS_REFUSED}
    cmp eax, 0x200
    jne 2f
    mov r15, [rdi + {R15}]
    mov r14, [rdi + {R14}]
    mov r13, [rdi + {R13}]
    mov r12, [rdi + {R12}]
    mov rbp, [rdi + {RBP}]
    mov rbx, [rdi + {RBX}]
    mov r10, [rdi + {R10}]
    mov r9, [rdi + {R9}]
    mov r8, [rdi + {R8}]
    mov rax, [rdi + {RAX}]
    mov rdx, [rdi + {RDX}]
    mov rsi, [rdi + {RSI}]
    mov rsp, [rdi + {RSP}]
    mov rdi, [rdi + {RDI}]
    swapgs
    sysretq

2:  # iretq restores everything. A rip that is not canonical would fault inside of it.
    mov rcx, [rdi + {RIP}]
    mov rax, rcx
    shl rax, 16
    sar rax, 16
    cmp rax, rcx
    jne 3f
    push {USER_SS}
    push [rdi + {RSP}]
    mov rax, [rdi + {RFLAGS}]
    and rax, {USER_FLAGS}
    or rax, 0x202
    push rax
    push {USER_CS}
    push rcx
    mov r15, [rdi + {R15}]
    mov r14, [rdi + {R14}]
    mov r13, [rdi + {R13}]
    mov r12, [rdi + {R12}]
    mov rbp, [rdi + {RBP}]
    mov rbx, [rdi + {RBX}]
    mov r11, [rdi + {R11}]
    mov r10, [rdi + {R10}]
    mov r9, [rdi + {R9}]
    mov r8, [rdi + {R8}]
    mov rax, [rdi + {RAX}]
    mov rcx, [rdi + {RCX}]
    mov rdx, [rdi + {RDX}]
    mov rsi, [rdi + {RSI}]
    mov rdi, [rdi + {RDI}]
    swapgs
    iretq
3:  # As if the jump there had raised #GP(0) in user mode.
    mov eax, {EXIT_TRAP} + 13
    ret

# The syscall instruction: rcx = rip, r11 = flags, interrupts off by SFMASK, still the user's stack.
.globl syscall_entry
.type syscall_entry, @function
.balign 64
syscall_entry:
    swapgs
    mov gs:[{USER_RSP}], rsp
    mov rsp, gs:[{CONTEXT_END}]
    push qword ptr gs:[{USER_RSP}]
    push r11                            # rflags
    push rcx                            # rip
    push rax                            # orig_rax
    push rdi
    push rsi
    push rdx
    push rcx
    push rax
    push r8
    push r9
    push r10
    push r11
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov rsp, gs:[{RSP0}]
    xor eax, eax
    sti
    ret

# Exceptions and interrupts: 256 stubs of 16 bytes push what the processor did not, then go on below.
.globl trap_stubs
.type trap_stubs, @function
.balign 16
trap_stubs:
.set vector, 0
.rept 256
    .balign 16
    .if (vector != 8) && ((vector < 10) || (vector > 14)) && (vector != 17) && (vector != 21) && (vector != 29) && (vector != 30)
    push 0
    .endif
    .byte 0x68                          # push imm32
    .long vector
    .if (vector == 2) || (vector == 8) || (vector == 18)
    jmp trap_paranoid
    .else
    jmp trap_common
    .endif
    .set vector, vector + 1
.endr

.type trap_common, @function
trap_common:                            # [rsp]: vector, error code, rip, cs, rflags, rsp, ss
    cld
    CLAC
    test byte ptr [rsp + 24], 3
    jz 4f
    swapgs
    push rdi
    mov rdi, gs:[{CONTEXT_END}]
    mov [rdi + {RSI}], rsi
    mov [rdi + {RDX}], rdx
    mov [rdi + {RCX}], rcx
    mov [rdi + {RAX}], rax
    mov [rdi + {R8}], r8
    mov [rdi + {R9}], r9
    mov [rdi + {R10}], r10
    mov [rdi + {R11}], r11
    mov [rdi + {RBX}], rbx
    mov [rdi + {RBP}], rbp
    mov [rdi + {R12}], r12
    mov [rdi + {R13}], r13
    mov [rdi + {R14}], r14
    mov [rdi + {R15}], r15
    mov qword ptr [rdi + {ORIG_RAX}], -1
    pop [rdi + {RDI}]
    pop rax                             # vector
    pop rcx                             # error code
    pop [rdi + {RIP}]
    pop rdx                             # cs is always ours
    pop [rdi + {RFLAGS}]
    pop [rdi + {RSP}]
    shl rcx, 32
    lea rax, [rax + rcx + {EXIT_TRAP}]
    mov rsp, gs:[{RSP0}]
    ret

.macro PUSH_ALL
    push rdi
    push rsi
    push rdx
    push rcx
    push rax
    push r8
    push r9
    push r10
    push r11
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
.endm
.macro POP_ALL
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
.endm

4:  # From the kernel: a TrapFrame on the kernel stack, which the processor aligned for us.
    PUSH_ALL
    mov rdi, rsp
    call {kernel_trap}
    POP_ALL
    add rsp, 16
    iretq

# On a stack of its own. The word 8 below the stack's top is the CpuLocal; GS may be anyone's.
.type trap_paranoid, @function
trap_paranoid:
    cld
    CLAC
    PUSH_ALL
    mov ecx, 0xc0000101
    rdmsr
    mov r12d, eax
    mov r13d, edx
    mov rax, [rsp + 184]
    mov rdx, rax
    shr rdx, 32
    wrmsr
    mov rdi, rsp
    call {paranoid_trap}
    mov eax, r12d
    mov edx, r13d
    mov ecx, 0xc0000101
    wrmsr
    POP_ALL
    add rsp, 16
    iretq
