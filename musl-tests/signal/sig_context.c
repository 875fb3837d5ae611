// The register file in the handler's ucontext: exact, and writable.
#include "helpers.h"
#include <ucontext.h>

static volatile greg_t before[NGREG];
static volatile sig_atomic_t count;
static volatile uint64_t mask_seen;

static void look(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	(void)sig, (void)info;
	memcpy((void *)before, u->uc_mcontext.gregs, sizeof before);
	memcpy((void *)&mask_seen, &u->uc_sigmask, 8);
	count++;
}

static void change(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	look(sig, info, context);
	g[REG_RBX] += 1;
	g[REG_R15] += 2;
	g[REG_RAX] = 0x77;
	g[REG_EFL] |= 1; // carry
	g[REG_RIP] += 2; // over the ud2
}

static void unmask(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
}

// Executes ud2 with a pattern in the registers; stores them all afterwards.
void ud2_with_pattern(uint64_t *out);
extern char the_ud2[];
__asm__(".text\n.globl ud2_with_pattern\n.globl the_ud2\n"
	"ud2_with_pattern:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rdi\n"
	"mov $0xa1, %rax; mov $0xb2, %rbx; mov $0xc3, %rcx; mov $0xd4, %rdx\n"
	"mov $0xe5, %rsi; mov $0xf6, %rdi; mov $0x17, %rbp; mov $0x28, %r8\n"
	"mov $0x39, %r9; mov $0x4a, %r10; mov $0x5b, %r11; mov $0x6c, %r12\n"
	"mov $0x7d, %r13; mov $0x8e, %r14; mov $0x9f, %r15\n"
	"clc\n"
	"the_ud2: ud2\n"
	"pushfq\n"
	"push %rdi\n"
	"mov 16(%rsp), %rdi\n"
	"mov %rax, (%rdi); mov %rbx, 8(%rdi); mov %rcx, 16(%rdi); mov %rdx, 24(%rdi)\n"
	"mov %rsi, 32(%rdi); mov %rbp, 48(%rdi); mov %r8, 56(%rdi); mov %r9, 64(%rdi)\n"
	"mov %r10, 72(%rdi); mov %r11, 80(%rdi); mov %r12, 88(%rdi); mov %r13, 96(%rdi)\n"
	"mov %r14, 104(%rdi); mov %r15, 112(%rdi)\n"
	"pop %rax; mov %rax, 40(%rdi); pop %rax; mov %rax, 120(%rdi)\n"
	"pop %rdi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n");

int main(void)
{
	plan(15);
	static const uint64_t pattern[15] = { 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x17, 0x28,
					      0x39, 0x4a, 0x5b, 0x6c, 0x7d, 0x8e, 0x9f };
	static const int reg[15] = { REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI,
				     REG_RDI, REG_RBP, REG_R8,	REG_R9,	 REG_R10,
				     REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
	uint64_t after[16];

	catch_signal(SIGILL, change, 0);
	ud2_with_pattern(after);
	is(count, 1, "J1: the handler ran for ud2");
	is(after[1], 0xb3, "J1: a change to rbx takes effect");
	is(after[14], 0xa1, "J1: to r15");
	is(after[0], 0x77, "J1: to rax");
	is(after[15] & 1, 1, "J1: to the carry flag");
	int kept = 1;
	for (int i = 2; i < 14; i++)
		kept &= after[i] == pattern[i];
	ok(kept, "J1: all others come back as they were");

	int exact = 1;
	for (int i = 0; i < 15; i++)
		exact &= (uint64_t)before[reg[i]] == pattern[i];
	ok(exact, "J1: the handler saw all of them");
	ok(before[REG_RIP] == (greg_t)the_ud2, "J1: and rip at the instruction itself");
	is(before[REG_EFL] & 1, 0, "J1: and the carry flag clear");

	catch_signal(SIGUSR1, look, 0);
	count = 0;
	raise(SIGUSR1);
	is(count, 1, "a signal sent to oneself");
	ok(before[REG_RSP] % 8 == 0 && (uintptr_t)before[REG_RSP] > (uintptr_t)&count,
	   "rsp is on the stack");
	is(before[REG_RAX], 0, "rax holds the system call's result");
	is(before[REG_CSGSFS] & 0xffff, 0x33, "cs is the 64-bit user segment");
	is(mask_seen & (1ull << (SIGUSR1 - 1)), 0, "uc_sigmask is the mask before");

	// uc_sigmask is what will be blocked after the return.
	catch_signal(SIGUSR1, unmask, 0);
	raise(SIGUSR1);
	sigset_t now;
	sigprocmask(SIG_BLOCK, 0, &now);
	ok(sigismember(&now, SIGUSR2) && !sigismember(&now, SIGUSR1),
	   "a change to uc_sigmask takes effect");
	return done();
}
