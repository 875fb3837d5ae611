# Copies between kernel and user memory. Intel syntax. Each instruction that touches user memory has an
# entry in .ex_table: when it faults, execution goes on at the second address. stac and clac are put
# in at boot where the processor has SMAP.

.macro USTAC
9902: .byte 0x0f, 0x1f, 0x00
    .pushsection .smap_sites, "a"
    .quad 9902b
    .popsection
.endm
.macro UCLAC
9903: .byte 0x0f, 0x1f, 0x00
    .pushsection .smap_sites, "a"
    .quad 9903b - 0x8000000000000000
    .popsection
.endm
.macro FIXUP at, to
    .pushsection .ex_table, "a"
    .quad \at, \to
    .popsection
.endm

.text

# user_copy(rdi: to, rsi: from, rdx: bytes) -> rax: bytes left
.globl user_copy
.type user_copy, @function
.balign 16
user_copy:
    USTAC
    mov rcx, rdx
    shr rcx, 3
    and edx, 7
10: rep movsq
    mov ecx, edx
11: rep movsb
    UCLAC
    xor eax, eax
    ret
12: # The word may straddle the end of what can be touched: go on by bytes to be exact.
    lea rcx, [rdx + rcx * 8]
13: rep movsb
14: UCLAC
    mov rax, rcx
    ret
FIXUP 10b, 12b
FIXUP 11b, 14b
FIXUP 13b, 14b

# user_zero(rdi: to, rsi: bytes) -> rax: bytes left
.globl user_zero
.type user_zero, @function
.balign 16
user_zero:
    USTAC
    xor eax, eax
    mov rcx, rsi
    shr rcx, 3
    and esi, 7
20: rep stosq
    mov ecx, esi
21: rep stosb
    UCLAC
    ret
22: lea rcx, [rsi + rcx * 8]
23: rep stosb
24: UCLAC
    mov rax, rcx
    ret
FIXUP 20b, 22b
FIXUP 21b, 24b
FIXUP 23b, 24b

# user_copy_str(rdi: to, rsi: from, rdx: room) -> rax: bytes copied, rdx: 0 full, 1 terminated, 2 fault
# Eight bytes at a time; a NUL in a word x shows as a bit of (x - 0x01..) & ~x & 0x80..
.globl user_copy_str
.type user_copy_str, @function
.balign 16
user_copy_str:
    USTAC
    mov rax, rdi
    mov r8, 0x0101010101010101
    mov r9, 0x8080808080808080
30: cmp rdx, 8
    jb 34f
31: mov rcx, [rsi]
    mov r10, rcx
    mov r11, rcx
    sub r10, r8
    not r11
    and r10, r9
    and r10, r11
    mov [rdi], rcx
    jnz 33f
    add rsi, 8
    add rdi, 8
    sub rdx, 8
    jmp 30b
33: bsf r10, r10
    shr r10d, 3
    add rdi, r10
    mov edx, 1
    jmp 38f
34: # The last bytes, or a word that can not be read as a whole.
    test rdx, rdx
    jz 38f
35: mov cl, [rsi]
    test cl, cl
    jz 36f
    mov [rdi], cl
    inc rsi
    inc rdi
    dec rdx
    jmp 34b
36: mov edx, 1
    jmp 38f
37: mov edx, 2
38: UCLAC
    sub rdi, rax
    mov rax, rdi
    ret
FIXUP 31b, 34b
FIXUP 35b, 37b
