// SA_RESETHAND, SA_NODEFER, sa_mask, and what a handler may assume.
#include "helpers.h"

static volatile sig_atomic_t count, depth, deepest, blocked_self, blocked_other;

static void handler(int sig, siginfo_t *info, void *context)
{
	sigset_t m;
	(void)info, (void)context;
	count++;
	sigprocmask(SIG_BLOCK, 0, &m);
	blocked_self = sigismember(&m, sig);
	blocked_other = sigismember(&m, SIGUSR2);
}

static void recursive(int sig, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	if (++depth > deepest)
		deepest = depth;
	if (depth < 4)
		raise(sig);
	depth--;
}

static volatile uint64_t handler_rsp, handler_flags;
static volatile uint32_t handler_mxcsr;
void raw_handler(int);
__asm__(".text\n.globl raw_handler\n"
	"raw_handler: mov %rsp, handler_rsp(%rip)\n"
	"pushfq\n pop handler_flags(%rip)\n"
	"stmxcsr handler_mxcsr(%rip)\n"
	"ret\n");

// Fills the red zone, sends itself SIGUSR1 with the direction flag set, and
// returns whether the red zone survived.
long red_zone_kept(long pid);
__asm__(".text\n.globl red_zone_kept\n"
	"red_zone_kept:\n"
	"movabs $0x5a5a5a5a12345678, %rcx\n"
	"mov $-128, %rdx\n"
	"1: mov %rcx, (%rsp,%rdx)\n"
	"add $8, %rdx\n jnz 1b\n"
	"mov $62, %eax\n mov $10, %esi\n" // kill(pid, SIGUSR1)
	"std\n syscall\n cld\n"
	"movabs $0x5a5a5a5a12345678, %rcx\n"
	"xor %eax, %eax\n"
	"mov $-128, %rdx\n"
	"2: cmp %rcx, (%rsp,%rdx)\n jne 3f\n"
	"add $8, %rdx\n jnz 2b\n"
	"mov $1, %eax\n"
	"3: ret\n");

int main(void)
{
	plan(16);
	catch_signal(SIGUSR1, handler, 0);
	raise(SIGUSR1);
	is(blocked_self, 1, "a signal is blocked in its own handler");
	raise(SIGUSR1);
	is(count, 2, "and free again afterwards");
	catch_signal(SIGUSR1, handler, SA_NODEFER);
	raise(SIGUSR1);
	is(blocked_self, 0, "SA_NODEFER: it is not");
	catch_signal(SIGUSR1, recursive, SA_NODEFER);
	raise(SIGUSR1);
	is(deepest, 4, "SA_NODEFER: handlers nest");
	deepest = 0;
	catch_signal(SIGUSR1, recursive, 0);
	depth = 3;
	raise(SIGUSR1);
	is(depth, 3, "without it they do not");

	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	sa.sa_mask = set_of(SIGUSR2);
	sigaction(SIGUSR1, &sa, 0);
	raise(SIGUSR1);
	ok(blocked_self && blocked_other, "sa_mask adds to it");
	sigset_t m;
	sigprocmask(SIG_BLOCK, 0, &m);
	ok(!sigismember(&m, SIGUSR1) && !sigismember(&m, SIGUSR2), "the old mask comes back");

	count = 0;
	catch_signal(SIGUSR1, handler, SA_RESETHAND);
	raise(SIGUSR1);
	is(count, 1, "SA_RESETHAND: runs once");
	is(blocked_self, 1, "SA_RESETHAND alone still blocks the signal");
	sigaction(SIGUSR1, 0, &sa);
	ok(sa.sa_handler == SIG_DFL, "then the action is the default");
	pid_t pid = xfork();
	if (pid == 0) {
		raise(SIGUSR1);
		_exit(0);
	}
	ok_killed(pid, SIGUSR1, "and a second one kills");

	signal(SIGUSR1, raw_handler);
	uint32_t odd = 0x1f80 | 0x6000, normal = 0x1f80, after;
	__asm__ volatile("ldmxcsr %0" ::"m"(odd));
	long kept = red_zone_kept(getpid());
	__asm__ volatile("stmxcsr %0" : "=m"(after));
	__asm__ volatile("ldmxcsr %0" ::"m"(normal));
	is(kept, 1, "the 128 bytes below rsp belong to the interrupted code");
	is(handler_rsp % 16, 8, "the handler's rsp is aligned as after a call");
	is(handler_flags & 0x400, 0, "the direction flag is clear in the handler");
	is(handler_mxcsr, 0x1f80, "MXCSR has its default in the handler");
	is(after, odd, "and its old value afterwards");
	return done();
}
