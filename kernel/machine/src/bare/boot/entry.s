# The first instructions of the kernel, for both boot protocols. AT&T syntax, because the
# assembler knows the 16-bit and 32-bit forms best in it.
#
# PVH (Xen, "x86/HVM direct boot ABI"): 32-bit protected mode, flat segments, paging off, interrupts
# off, ebx = physical address of hvm_start_info. We run at the load address, so every symbol
# is used minus KERNEL_BASE until paging is on.

.set KERNEL_BASE, 0xffffffff80000000

.pushsection .note.Xen, "a", @note
    .align 4
    .long 4, 4, 18                      # namesz, descsz, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_start - KERNEL_BASE
.popsection

.pushsection .text.boot, "ax"
.code32
.globl pvh_start
.type pvh_start, @function
pvh_start:
    cli
    cld
    movl %ebx, %esi
    # The loader may leave anything in the bss, and the page tables are there.
    movl $(bss_start - KERNEL_BASE), %edi
    movl $(bss_end - KERNEL_BASE), %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl

    # One page directory of 2 MiB pages maps the first GiB; it is used three times: one to one (we run
    # there), at the direct map, and at the kernel's link address.
    movl $(boot_pd - KERNEL_BASE), %edi
    movl $0x83, %eax                    # present, writable, 2 MiB
    movl $512, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b
    movl $(boot_pd - KERNEL_BASE + 3), %eax
    movl %eax, (boot_pdpt - KERNEL_BASE)
    movl %eax, (boot_pdpt - KERNEL_BASE + 510 * 8)
    movl $(boot_pdpt - KERNEL_BASE + 3), %eax
    movl %eax, (boot_pml4 - KERNEL_BASE)
    movl %eax, (boot_pml4 - KERNEL_BASE + 273 * 8)
    movl %eax, (boot_pml4 - KERNEL_BASE + 511 * 8)

    movl $0x20, %eax                    # CR4.PAE
    movl %eax, %cr4
    movl $(boot_pml4 - KERNEL_BASE), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx              # EFER.LME
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl $0x80010033, %eax              # PG, WP, NE, ET, MP, PE
    movl %eax, %cr0
    lgdt (boot_gdtr - KERNEL_BASE)
    ljmp $0x10, $(pvh_long - KERNEL_BASE)

.code64
pvh_long:
    movabsq $pvh_high, %rax
    jmpq *%rax
pvh_high:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $boot_stack_top, %rsp
    xorl %ebp, %ebp
    movl %esi, %edi
    call {pvh}
    ud2

# Limine: long mode, the kernel mapped as linked, a stack of the loader's.
.globl limine_start
.type limine_start, @function
limine_start:
    cli
    cld
    movq $boot_stack_top, %rsp
    xorl %ebp, %ebp
    call {limine}
    ud2
.popsection

.pushsection .rodata.boot, "a"
    .align 8
boot_gdt:
    .quad 0, 0
    .quad 0x00af9b000000ffff            # 0x10: 64-bit code
    .quad 0x00cf93000000ffff            # 0x18: data
boot_gdtr:
    .word 31
    .long boot_gdt - KERNEL_BASE
.popsection

.pushsection .bss.boot_tables, "aw", @nobits
    .align 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd:   .skip 4096
.popsection
