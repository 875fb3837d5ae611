// sigaltstack: where handlers run, and the errors.
#include "helpers.h"
#include <setjmp.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static char alt[32768] __attribute__((aligned(16)));
static volatile int inside, flags_inside, change_errno;
static volatile int nested_inside;

static int on_alt(const void *p)
{
	return (char *)p >= alt && (char *)p < alt + sizeof alt;
}

static void handler(int sig, siginfo_t *info, void *context)
{
	int here;
	stack_t ss, other = { .ss_sp = alt, .ss_size = sizeof alt };
	(void)sig, (void)info, (void)context;
	inside = on_alt(&here);
	sigaltstack(0, &ss);
	flags_inside = ss.ss_flags;
	errno = 0;
	sigaltstack(&other, 0);
	change_errno = errno;
	if (sig == SIGUSR1)
		raise(SIGUSR2);
}

static void nested(int sig, siginfo_t *info, void *context)
{
	int here;
	(void)sig, (void)info, (void)context;
	nested_inside = on_alt(&here);
}

static sigjmp_buf back;
static volatile int overflow_inside;

static void on_overflow(int sig, siginfo_t *info, void *context)
{
	int here;
	(void)sig, (void)info, (void)context;
	overflow_inside = on_alt(&here);
	siglongjmp(back, 1);
}

static int recurse(volatile char *p)
{
	volatile char frame[2000];
	frame[0] = p ? p[0] : 1;
	if (frame[0] != 1)
		return 0; // never; but the compiler wants to see an end
	return recurse(frame) + frame[0];
}

int main(void)
{
	plan(20);
	stack_t ss = { 0 };
	sigaltstack(0, &ss);
	is(ss.ss_flags, SS_DISABLE, "there is none at first");
	stack_t mine = { .ss_sp = alt, .ss_size = sizeof alt };
	is(sigaltstack(&mine, &ss), 0, "set one");
	is(sigaltstack(0, &ss), 0, "ask for it");
	ok(ss.ss_sp == alt && ss.ss_size == sizeof alt && ss.ss_flags == 0, "as it was set");

	catch_signal(SIGUSR1, handler, SA_ONSTACK);
	catch_signal(SIGUSR2, nested, SA_ONSTACK);
	raise(SIGUSR1);
	ok(inside, "SA_ONSTACK: the handler runs there");
	is(flags_inside, SS_ONSTACK, "and sees SS_ONSTACK");
	is(change_errno, EPERM, "it cannot change the stack it runs on");
	ok(nested_inside, "a second handler stays on it");
	raise(SIGUSR2);
	ok(nested_inside, "alone, too");
	catch_signal(SIGUSR1, handler, 0);
	catch_signal(SIGUSR2, nested, 0);
	raise(SIGUSR1);
	ok(!inside, "without SA_ONSTACK the ordinary stack is used");

	// libc checks these two itself, so the system call is made directly.
	stack_t small = { .ss_sp = alt, .ss_size = 1024 };
	fails(syscall(SYS_sigaltstack, &small, 0), ENOMEM, "a stack below MINSIGSTKSZ");
	stack_t odd = { .ss_sp = alt, .ss_size = sizeof alt, .ss_flags = 0x10 };
	fails(syscall(SYS_sigaltstack, &odd, 0), EINVAL, "unknown flags");
	odd.ss_flags = SS_ONSTACK;
	is(syscall(SYS_sigaltstack, &odd, 0), 0, "SS_ONSTACK is taken as nothing, for old programs");
	fails(syscall(SYS_sigaltstack, 8, 0), EFAULT, "a bad pointer");
	stack_t off = { .ss_flags = SS_DISABLE };
	is(sigaltstack(&off, &ss), 0, "switch it off");
	catch_signal(SIGUSR1, handler, SA_ONSTACK);
	raise(SIGUSR1);
	ok(!inside, "then SA_ONSTACK uses the ordinary stack");

	// The classic use: the ordinary stack has run out.
	sigaltstack(&mine, 0);
	catch_signal(SIGSEGV, on_overflow, SA_ONSTACK);
	struct rlimit r = { 256 * KIB, RLIM_INFINITY };
	setrlimit(RLIMIT_STACK, &r);
	if (sigsetjmp(back, 1) == 0)
		recurse(0);
	ok(overflow_inside, "J1: a stack overflow is handled on the alternate stack");
	r.rlim_cur = 8 * MIB;
	setrlimit(RLIMIT_STACK, &r);

	catch_signal(SIGSEGV, on_overflow, 0);
	pid_t pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_STACK, &(struct rlimit){ 256 * KIB, RLIM_INFINITY });
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		recurse(0);
		_exit(0);
	}
	ok_killed(pid, SIGSEGV, "J3: without it the frame cannot be built, which kills");

	mine.ss_flags = SS_AUTODISARM;
	is(sigaltstack(&mine, 0), 0, "SS_AUTODISARM");
	catch_signal(SIGUSR1, handler, SA_ONSTACK);
	raise(SIGUSR1);
	ok(inside && flags_inside == SS_DISABLE, "takes the stack off while the handler runs");
	return done();
}
