// The system call itself: unknown numbers, and what it leaves in registers.
#include "helpers.h"

struct regs {
	uint64_t rax, rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15, flags, rcx, r11, rip;
};

// getpid with a pattern in all registers; everything is stored afterwards.
void call_with_pattern(struct regs *out);
extern char after_syscall[];
__asm__(".text\n.globl call_with_pattern\n.globl after_syscall\n"
	"call_with_pattern:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rdi\n"
	"mov $39, %eax\n mov $0x71, %rbx; mov $0x72, %rdx; mov $0x73, %rsi; mov $0x74, %rdi\n"
	"mov $0x75, %rbp; mov $0x76, %r8; mov $0x77, %r9; mov $0x78, %r10; mov $0x79, %r12\n"
	"mov $0x7a, %r13; mov $0x7b, %r14; mov $0x7c, %r15\n"
	"stc\n"
	"syscall\n"
	"after_syscall:\n"
	"push %rdi\n pushfq\n"
	"mov 16(%rsp), %rdi\n"
	"mov %rax, (%rdi); mov %rbx, 8(%rdi); mov %rdx, 16(%rdi); mov %rsi, 24(%rdi)\n"
	"mov %rbp, 40(%rdi); mov %r8, 48(%rdi); mov %r9, 56(%rdi); mov %r10, 64(%rdi)\n"
	"mov %r12, 72(%rdi); mov %r13, 80(%rdi); mov %r14, 88(%rdi); mov %r15, 96(%rdi)\n"
	"mov %rcx, 112(%rdi); mov %r11, 120(%rdi)\n"
	"pop %rax; mov %rax, 104(%rdi); pop %rax; mov %rax, 32(%rdi)\n"
	"pop %rdi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n");

int main(void)
{
	plan(14);
	struct regs r;
	call_with_pattern(&r);
	is(r.rax, getpid(), "the result is in rax");
	ok(r.rbx == 0x71 && r.rdx == 0x72 && r.rsi == 0x73 && r.rdi == 0x74 && r.rbp == 0x75 &&
		   r.r8 == 0x76 && r.r9 == 0x77 && r.r10 == 0x78 && r.r12 == 0x79 && r.r13 == 0x7a &&
		   r.r14 == 0x7b && r.r15 == 0x7c, "all others but rcx and r11 are kept");
	is(r.flags & 1, 1, "so is the carry flag");
	ok(r.rcx == (uint64_t)after_syscall, "rcx is the return address");
	is(r.r11 & 0x1, 1, "r11 holds the flags");

	static const long unknown[] = { 350, 400, 600, 1000, 0x7fffffff, -1, -1000 };
	int good = 0;
	for (size_t i = 0; i < COUNT(unknown); i++)
		good += syscall(unknown[i]) == -1 && errno == ENOSYS;
	is(good, COUNT(unknown), "unknown numbers are ENOSYS");
	is(syscall(SYS_getpid | 0x100000000L), getpid(), "only the low 32 bits of the number count");
	fails(syscall(SYS_getpid | 0x40000000), ENOSYS, "no x32 system calls");
	// Arguments of 32 bits: the upper half does not matter.
	is(syscall(SYS_close, 0x100000000L | dup(0)), 0, "an fd is the low 32 bits of its register");
	fails(syscall(SYS_close, 0xffffffffL), EBADF, "-1 as 32 bits is a bad fd");
	is(syscall(SYS_kill, 0xabcd00000000L | (unsigned)getpid(), 0), 0, "so is a pid");
	int fds[2];
	xpipe(fds);
	fails(syscall(SYS_write, fds[1], 0xffff800000000000, 4), EFAULT, "a kernel address");
	fails(syscall(SYS_write, fds[1], 0x8000000000000000, 4), EFAULT, "a non-canonical one");
	fails(syscall(SYS_read, fds[0], 0x7ffffffff000, 4096L), EFAULT, "the page past the last");
	return done();
}
