// build: -Wl,-e,entry_with_registers
// The registers as a new program finds them, caught before libc runs.
#include "helpers.h"

uint64_t entry_regs[18];

__asm__(".text\n.globl entry_with_registers\n"
	"entry_with_registers:\n"
	"mov %rax, entry_regs(%rip)\n"
	"mov %rbx, entry_regs+8(%rip)\n"
	"mov %rcx, entry_regs+16(%rip)\n"
	"mov %rdx, entry_regs+24(%rip)\n"
	"mov %rsi, entry_regs+32(%rip)\n"
	"mov %rdi, entry_regs+40(%rip)\n"
	"mov %rbp, entry_regs+48(%rip)\n"
	"mov %rsp, entry_regs+56(%rip)\n"
	"mov %r8, entry_regs+64(%rip)\n"
	"mov %r9, entry_regs+72(%rip)\n"
	"mov %r10, entry_regs+80(%rip)\n"
	"mov %r11, entry_regs+88(%rip)\n"
	"mov %r12, entry_regs+96(%rip)\n"
	"mov %r13, entry_regs+104(%rip)\n"
	"mov %r14, entry_regs+112(%rip)\n"
	"mov %r15, entry_regs+120(%rip)\n"
	"stmxcsr entry_regs+128(%rip)\n"
	"fnstcw entry_regs+132(%rip)\n"
	"fnstsw entry_regs+134(%rip)\n"
	"pushfq\n"
	"pop entry_regs+136(%rip)\n"
	"jmp _start\n");

int main(void)
{
	plan(8);
	int zero = 1;
	for (int i = 0; i < 16; i++)
		if (i != 7 && i != 2 && i != 11)
			zero &= entry_regs[i] == 0;
	ok(zero, "all general registers but rcx, r11 and rsp are zero");
	ok(entry_regs[3] == 0, "rdx is zero: no function to register with atexit");
	is(entry_regs[7] % 16, 0, "rsp is 16-aligned");
	is(*(long *)entry_regs[7], 1, "argc lies at rsp");
	is(entry_regs[16] & 0xffffffff, 0x1f80, "MXCSR has its default");
	is(entry_regs[16] >> 32 & 0xffff, 0x37f, "the x87 control word has its default");
	is(entry_regs[16] >> 48, 0, "the x87 status word is clear");
	is(entry_regs[17] & ~0x246ull, 0, "no odd flag is set (direction, trap, nested task)");
	return done();
}
