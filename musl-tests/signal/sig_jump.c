// Leaving handlers by siglongjmp, nesting them, forking in them.
#include "helpers.h"
#include <setjmp.h>

static sigjmp_buf back;
static volatile sig_atomic_t depth, deepest, handled;
static pid_t forked;

static void jump(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static void chain(int sig)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (sig < SIGRTMIN + 15)
		raise(sig + 1);
	depth--;
	handled++;
}

static void forking(int sig)
{
	(void)sig;
	forked = fork();
	handled++;
}

static void exiting(int sig)
{
	_exit(sig);
}

int main(void)
{
	plan(8);
	signal(SIGSEGV, jump);
	volatile int n = 0;
	for (int i = 0; i < 500; i++)
		if (sigsetjmp(back, 1) == 0)
			poke(8);
		else
			n++;
	is(n, 500, "500 faults left by siglongjmp");
	sigset_t now;
	sigprocmask(SIG_BLOCK, 0, &now);
	ok(!sigismember(&now, SIGSEGV), "which restored the mask");

	for (int s = SIGRTMIN; s <= SIGRTMIN + 15; s++)
		signal(s, chain);
	raise(SIGRTMIN);
	is(deepest, 16, "16 handlers nested");
	is(handled, 16, "and all returned");

	handled = 0;
	signal(SIGUSR1, forking);
	raise(SIGUSR1);
	if (forked == 0)
		_exit(handled == 1 ? 0 : 1); // the child returned from the handler too
	is(handled, 1, "S6: a handler that forks returns in the parent");
	ok_child(forked, "S6: and in the child");

	signal(SIGUSR2, exiting);
	pid_t pid = xfork();
	if (pid == 0) {
		raise(SIGUSR2);
		_exit(0);
	}
	is(wait_for(pid), SIGUSR2 << 8, "a handler may exit");

	// Within the handler the signal is blocked, so this fault kills.
	pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGSEGV, (void (*)(int))8);
		poke(8);
		_exit(0);
	}
	ok_killed(pid, SIGSEGV, "J3: a handler at an unmapped address kills");
	return done();
}
