// Forged signal frames: the kernel takes nothing from them that it must not.
#include "helpers.h"
#include <ucontext.h>

static volatile int what;
static volatile greg_t flags_after;

enum { BAD_CS, KERNEL_CS, BAD_SS, NONCANONICAL_RIP, KERNEL_RIP, NONCANONICAL_RSP, IOPL, BAD_FPU,
       FPU_KERNEL_POINTER, NULL_FPU, NESTED_TASK, KINDS };

static const char *const names[KINDS] = {
	"a null code selector", "a kernel code selector", "a kernel stack selector",
	"a non-canonical rip", "a rip in the kernel's half", "a non-canonical rsp",
	"IOPL 3 in the flags", "a broken vector state", "a vector state in the kernel's half",
	"no vector state", "the nested-task flag",
};

static void forge(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	greg_t *g = u->uc_mcontext.gregs;
	(void)sig, (void)info;
	switch (what) {
	case BAD_CS:
		g[REG_CSGSFS] &= ~0xffffL;
		break;
	case KERNEL_CS:
		g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffL) | 0x10;
		break;
	case BAD_SS:
		g[REG_CSGSFS] = (g[REG_CSGSFS] & 0xffffffffffffL) | 0x18L << 48;
		break;
	case NONCANONICAL_RIP:
		g[REG_RIP] = 0x8000000000000000;
		break;
	case KERNEL_RIP:
		g[REG_RIP] = 0xffffffff80200000;
		break;
	case NONCANONICAL_RSP:
		g[REG_RSP] = 0x8000000000000000;
		break;
	case IOPL:
		g[REG_EFL] |= 0x3000;
		break;
	case BAD_FPU:
		memset(u->uc_mcontext.fpregs, 0xff, 512);
		break;
	case FPU_KERNEL_POINTER:
		u->uc_mcontext.fpregs = (void *)0xffffffff80200000;
		break;
	case NULL_FPU:
		u->uc_mcontext.fpregs = 0;
		break;
	case NESTED_TASK:
		g[REG_EFL] |= 0x4000;
		break;
	}
}

// 1000 + signal for a death, the exit code else.
static int run(int kind)
{
	pid_t pid = xfork();
	if (pid == 0) {
		uint64_t flags;
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		what = kind;
		catch_signal(SIGUSR1, forge, 0);
		raise(SIGUSR1);
		__asm__ volatile("pushfq; pop %0" : "=r"(flags));
		_exit(flags & 0x3000 ? 99 : 0);
	}
	int status = wait_for(pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void)
{
	plan(KINDS + 3);
	for (int i = 0; i < KINDS; i++) {
		int r = run(i);
		if (i == IOPL || i == NULL_FPU || i == NESTED_TASK)
			is(r, 0, "%s: taken out or harmless", names[i]);
		else if (i == BAD_FPU)
			ok(r == 0 || r == 1000 + SIGSEGV, "%s: cleaned or refused", names[i]);
		else if (i == NONCANONICAL_RSP)
			ok(r == 1000 + SIGBUS || r == 1000 + SIGSEGV, "%s: kills", names[i]);
		else
			ok(r == 1000 + SIGSEGV || r == 1000 + SIGILL, "%s: kills", names[i]);
		if (r > 1 && r < 1000)
			note("  result %d", r);
	}

	// rt_sigreturn out of the blue: whatever lies on the stack is a frame.
	pid_t pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		syscall(SYS_rt_sigreturn);
		_exit(0);
	}
	int status = wait_for(pid);
	ok(WIFSIGNALED(status), "a bare rt_sigreturn kills");
	pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		__asm__ volatile("mov $8, %rsp\n mov $15, %eax\n syscall");
		_exit(0);
	}
	ok_killed(pid, SIGSEGV, "one with a bad stack pointer too");
	pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		catch_signal(SIGUSR1, forge, 0);
		what = KINDS;
		__asm__ volatile("mov %0, %%rsp\n mov %1, %%edi\n mov $10, %%esi\n mov $62, %%eax\n"
				 "syscall" ::"r"(0x10L), "r"(getpid())
				 : "memory");
		_exit(0);
	}
	ok_killed(pid, SIGSEGV, "J3: a handler with no stack to run on kills");
	return done();
}
