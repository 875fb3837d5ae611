# Where the other processors begin: real mode, at a page below 1 MiB that this code was copied to. AT&T
# syntax. {page} is that page's address, the same on every boot; the words at the end are filled in for
# each processor.

.pushsection .rodata.smp, "a"
.code16
.globl smp_start
smp_start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl ({page} + smp_gdtr - smp_start)
    movl $0x20, %eax                    # CR4.PAE
    movl %eax, %cr4
    movl ({page} + smp_root - smp_start), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx              # EFER: long mode, and no-execute if the tables use it
    movl ({page} + smp_efer - smp_start), %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80010033, %eax              # PG, WP, NE, ET, MP, PE: straight into long mode
    movl %eax, %cr0
    ljmpl $0x10, ${page} + smp_long - smp_start
.code64
smp_long:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq smp_stack(%rip), %rsp
    movq smp_argument(%rip), %rdi
    movq smp_entry(%rip), %rax
    xorl %ebp, %ebp
    pushq $0
    jmpq *%rax

    .balign 8
smp_gdt:
    .quad 0, 0
    .quad 0x00af9b000000ffff            # 0x10: 64-bit code
    .quad 0x00cf93000000ffff            # 0x18: data
smp_gdtr:
    .word 31
    .long {page} + smp_gdt - smp_start
    .balign 8
.globl smp_root, smp_efer, smp_stack, smp_argument, smp_entry, smp_end
smp_root:     .quad 0
smp_efer:     .quad 0
smp_stack:    .quad 0
smp_argument: .quad 0
smp_entry:    .quad 0
smp_end:
.popsection
