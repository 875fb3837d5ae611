# The smallest thing that QEMU boots by PVH: it plays the kernel for the tests
# of the harness. MODE selects how the machine behaves.
        .code32

        .section .note.pvh, "a"
        .balign 4
        .long 4, 4, 18                  # sizes of name and value, "entry point"
        .asciz "Xen"
        .long _start

        .macro send port, byte
        mov     $\port, %dx
        mov     $\byte, %al
        out     %al, %dx
        .endm

        .macro wait_for bit             # in the line status of the second UART
9:      mov     $0x2fd, %dx
        in      %dx, %al
        test    $\bit, %al
        jz      9b
        .endm

        .text
        .globl _start
_start:
        send    0xe9, 'l'
        send    0xe9, '\n'
        .if MODE == 0                   # copy hostin to hostout, exit 7
        xor     %ebx, %ebx              # bytes since the last credit
        xor     %esi, %esi              # 1 after an escape
next:   wait_for 1
        mov     $0x2f8, %dx
        in      %dx, %al
        test    %esi, %esi
        jnz     escaped
        cmp     $0x10, %al
        jne     payload
        mov     $1, %esi
        jmp     next
escaped:
        xor     %esi, %esi
        cmp     $4, %al
        je      done
payload:
        mov     $0x500, %dx
        out     %al, %dx
        inc     %ebx
        cmp     $256, %ebx
        jne     next
        xor     %ebx, %ebx
        wait_for 0x20
        send    0x2f8, 'K'
        jmp     next
done:   mov     $result, %esi
        mov     $result_end - result, %ecx
        mov     $0x508, %dx
        rep outsb
        mov     $0x2000, %ax            # ACPI: sleep type 0, sleep enable
        mov     $0x604, %dx
        out     %ax, %dx
        .elseif MODE == 1               # panic
        mov     $0xf4, %dx
        mov     $0x2a, %eax
        out     %eax, %dx
        .elseif MODE == 2               # triple fault
        lidt    empty
        int3
        .endif                          # anything else hangs
stop:   hlt
        jmp     stop

result: .ascii  "exit 7\npoweroff\n"
result_end:
empty:  .quad   0
