// faultregs: a fault handler repairs the page; the instruction starts again
// with every register and flag as it was.
#include "helpers.h"

static char *page;
static volatile int faults;

static void repair(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	if (info->si_addr != page)
		_exit(9);
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
	// Spoil what a careless return would show.
	__asm__ volatile("fninit\n xorps %%xmm0, %%xmm0\n std\n cld" ::: "xmm0", "cc");
	faults++;
}

struct regs {
	uint64_t r[16]; // rax rbx rcx rdx rsi rdi rbp rsp r8-r15
	uint64_t flags;
};

// Loads a pattern, stores to *page (in r11), saves all registers before and
// after that store.
void store_with_pattern(struct regs *before, struct regs *after, void *page);
__asm__(".text\n.globl store_with_pattern\n"
	"store_with_pattern:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"push %rsi\n push %rdi\n"
	"mov %rdx, %r11\n"
	"movabs $0x1000100010001000, %rax\n"
	"lea 1(%rax), %rbx; lea 2(%rax), %rcx; lea 3(%rax), %rdx; lea 4(%rax), %rsi\n"
	"lea 6(%rax), %rbp; lea 8(%rax), %r8; lea 9(%rax), %r9; lea 10(%rax), %r10\n"
	"lea 12(%rax), %r12; lea 13(%rax), %r13; lea 14(%rax), %r14; lea 15(%rax), %r15\n"
	"mov (%rsp), %rdi\n"
	"movq $0x8d5, -8(%rsp)\n" // carry, parity, adjust, zero, sign, overflow
	"sub $8, %rsp; popfq\n"
	"call save_all\n"
	"lea 8(%rsp), %rdi\n mov (%rdi), %rdi\n"
	"lea 6(%rax), %rbp\n"
	"movq $0x8d5, -8(%rsp)\n"
	"sub $8, %rsp; popfq\n"
	"movl $0x12345678, (%r11)\n"
	"call save_all\n"
	"pop %rdi; pop %rsi\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n"
	"save_all:\n"
	"pushfq\n pop 128(%rdi)\n"
	"mov %rax, (%rdi); mov %rbx, 8(%rdi); mov %rcx, 16(%rdi); mov %rdx, 24(%rdi)\n"
	"mov %rsi, 32(%rdi); movq $0, 40(%rdi); mov %rbp, 48(%rdi); mov %rsp, 56(%rdi)\n"
	"mov %r8, 64(%rdi); mov %r9, 72(%rdi); mov %r10, 80(%rdi); mov %r11, 88(%rdi)\n"
	"mov %r12, 96(%rdi); mov %r13, 104(%rdi); mov %r14, 112(%rdi); mov %r15, 120(%rdi)\n"
	"ret\n");

int main(void)
{
	plan(6);
	struct regs before, after;
	page = private(PAGE);
	mprotect(page, PAGE, PROT_NONE);
	catch_signal(SIGSEGV, repair, 0);
	store_with_pattern(&before, &after, page);
	is(faults, 1, "J1: one fault");
	is(*(int *)page, 0x12345678, "J1: the store was done after all");
	ok(!memcmp(before.r, after.r, sizeof before.r), "J: all registers as before the fault");
	is(after.flags & 0x8d5, 0x8d5, "J: all arithmetic flags too");
	is(before.flags & 0xffff, after.flags & 0xffff, "J: and every other flag");

	// The same by COW: no handler, the kernel repairs.
	pid_t pid = xfork();
	if (pid == 0) {
		*(volatile int *)page;
		store_with_pattern(&before, &after, page);
		CHECK(!memcmp(before.r, after.r, sizeof before.r));
		CHECK((before.flags & 0xffff) == (after.flags & 0xffff));
		CHECK(faults == 1);
		_exit(0);
	}
	ok_child(pid, "S1: a COW fault keeps all registers and flags");
	return done();
}
