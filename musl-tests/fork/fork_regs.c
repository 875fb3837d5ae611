// Every general register survives fork in both processes, exactly.
//
// The raw system call is made from assembly with a pattern in each register;
// afterwards all of them are stored at once. rax is the result, rcx and r11
// are taken by the syscall instruction itself.
#include "helpers.h"

enum { RBX, RDX, RSI, RDI, RBP, R8, R9, R10, R12, R13, R14, R15, RAX, FLAGS, REGS };

static const char *const names[REGS] = { "rbx", "rdx", "rsi", "rdi", "rbp",   "r8",  "r9",
					 "r10", "r12", "r13", "r14", "r15",   "rax", "flags" };

void fork_with_pattern(uint64_t *out, long nr);
__asm__(".text\n.globl fork_with_pattern\n.type fork_with_pattern,@function\n"
	"fork_with_pattern:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"push %rdi\n" // where to store, found again through rsp
	"mov %rsi, %rax\n"
	"mov $0x1111111122222201, %rbx\n"
	"mov $0x1111111122222202, %rdx\n"
	"mov $0x1111111122222203, %rsi\n"
	"mov $0x1111111122222204, %rdi\n"
	"mov $0x1111111122222205, %rbp\n"
	"mov $0x1111111122222206, %r8\n"
	"mov $0x1111111122222207, %r9\n"
	"mov $0x1111111122222208, %r10\n"
	"mov $0x1111111122222209, %r12\n"
	"mov $0x111111112222220a, %r13\n"
	"mov $0x111111112222220b, %r14\n"
	"mov $0x111111112222220c, %r15\n"
	"std\n" // an unusual flag that must come back
	"stc\n"
	"syscall\n"
	"push %rdi\n"
	"pushfq\n"
	"cld\n"
	"mov 16(%rsp), %rdi\n"
	"mov %rbx, 0(%rdi); mov %rdx, 8(%rdi); mov %rsi, 16(%rdi)\n"
	"mov %rbp, 32(%rdi); mov %r8, 40(%rdi); mov %r9, 48(%rdi)\n"
	"mov %r10, 56(%rdi); mov %r12, 64(%rdi); mov %r13, 72(%rdi)\n"
	"mov %r14, 80(%rdi); mov %r15, 88(%rdi); mov %rax, 96(%rdi)\n"
	"pop %rax\n"
	"mov %rax, 104(%rdi)\n"
	"pop %rax\n"
	"mov %rax, 24(%rdi)\n"
	"pop %rdi\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n");

// The first register that differs, or -1.
static int first_wrong(const uint64_t *r)
{
	for (int i = RBX; i <= R15; i++)
		if (r[i] != 0x1111111122222201ull + i)
			return i;
	return -1;
}

static void report(const char *who, const uint64_t *r)
{
	int bad = first_wrong(r);
	ok(bad < 0, "S1: all registers kept in the %s", who);
	if (bad >= 0)
		note("  %s is 0x%llx", names[bad], (unsigned long long)r[bad]);
	is(r[FLAGS] & 0x401, 0x401, "S1: direction and carry flags kept in the %s", who);
}

static void one_call(const char *name, long nr)
{
	uint64_t(*seen)[REGS] = shared(2 * sizeof *seen);
	uint64_t *mine = seen[0];
	volatile pid_t me = syscall(SYS_getpid);

	uint64_t local[REGS];
	fork_with_pattern(local, nr);
	if (syscall(SYS_getpid) != me) {
		memcpy(seen[1], local, sizeof local);
		_exit(0);
	}
	memcpy(mine, local, sizeof local);
	ok_child((pid_t)mine[RAX], "S1: raw %s came back in the child", name);
	report("parent", mine);
	report("child", seen[1]);
	is(seen[1][RAX], 0, "S1: rax is 0 in the child of %s", name);
}

int main(void)
{
	plan(6);
	one_call("fork", SYS_fork);
	return done();
}
