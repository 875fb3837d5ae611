// Blocking, pending, unblocking.
#include "helpers.h"

static volatile sig_atomic_t count, order[16];

static void handler(int sig)
{
	order[count++ % 16] = sig;
}

static int raw_mask(int how, uint64_t *set, uint64_t *old, size_t size)
{
	return syscall(SYS_rt_sigprocmask, how, set, old, size);
}

int main(void)
{
	plan(20);
	uint64_t set = 1ull << (SIGUSR1 - 1), old = ~0ull, all = ~0ull;
	signal(SIGUSR1, handler);
	signal(SIGUSR2, handler);

	is(raw_mask(SIG_BLOCK, &set, &old, 8), 0, "SIG_BLOCK");
	is(old, 0, "nothing was blocked before");
	raise(SIGUSR1);
	is(count, 0, "a blocked signal waits");
	sigset_t pend;
	sigpending(&pend);
	ok(sigismember(&pend, SIGUSR1) && !sigismember(&pend, SIGUSR2), "and is pending");
	raise(SIGUSR1);
	raise(SIGUSR1);
	is(raw_mask(SIG_UNBLOCK, &set, &old, 8), 0, "SIG_UNBLOCK");
	is(old, set, "gives the mask before");
	is(count, 1, "it ran before the call returned, once for three");

	set = 1ull << (SIGUSR2 - 1);
	raw_mask(SIG_SETMASK, &set, 0, 8);
	set = 1ull << (SIGUSR1 - 1);
	raw_mask(SIG_BLOCK, &set, 0, 8);
	raw_mask(SIG_BLOCK, 0, &old, 8);
	is(old, 1ull << (SIGUSR1 - 1) | 1ull << (SIGUSR2 - 1), "SIG_BLOCK adds to SIG_SETMASK");
	raw_mask(SIG_SETMASK, &all, 0, 8);
	raw_mask(SIG_BLOCK, 0, &old, 8);
	is(old, all & ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1)),
	   "SIGKILL and SIGSTOP cannot be blocked, without an error");
	set = 0;
	raw_mask(SIG_SETMASK, &set, 0, 8);

	fails(raw_mask(3, &set, 0, 8), EINVAL, "an unknown how");
	fails(raw_mask(SIG_BLOCK, &set, 0, 16), EINVAL, "a wrong size");
	fails(raw_mask(SIG_BLOCK, (uint64_t *)8, 0, 8), EFAULT, "a bad set pointer");
	fails(raw_mask(SIG_BLOCK, 0, (uint64_t *)8, 8), EFAULT, "a bad old pointer");
	is(raw_mask(77, 0, &old, 8), 0, "how does not matter without a set");

	// The handler runs with its own signal and sa_mask blocked.
	struct sigaction sa = { .sa_handler = handler };
	sa.sa_mask = set_of(SIGUSR2);
	sigaction(SIGUSR1, &sa, 0);
	block(SIGUSR1);
	block(SIGUSR2);
	raise(SIGUSR2);
	raise(SIGUSR1);
	count = 0;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, 0);
	is(count, 2, "both run");
	// Frames are stacked in order of number, so the last one built runs first;
	// with USR2 masked by USR1's frame it has to wait for that to return.
	ok(order[0] == SIGUSR1 && order[1] == SIGUSR2, "in order of number, as sa_mask demands");

	// Unblocking several real-time signals: lowest first, each queued one.
	for (int i = 0; i < 3; i++)
		signal(SIGRTMIN + i, handler);
	sigset_t rt, full;
	sigfillset(&full);
	sigprocmask(SIG_SETMASK, &full, 0);
	kill(getpid(), SIGRTMIN + 2);
	kill(getpid(), SIGRTMIN);
	kill(getpid(), SIGRTMIN + 2);
	sigemptyset(&rt);
	sigpending(&rt);
	ok(sigismember(&rt, SIGRTMIN) && sigismember(&rt, SIGRTMIN + 2) &&
		   !sigismember(&rt, SIGRTMIN + 1), "real-time signals pending");
	siginfo_t info;
	is(sigwaitinfo(&rt, &info), SIGRTMIN, "the lowest comes first");
	is(sigwaitinfo(&rt, &info), SIGRTMIN + 2, "then the next");
	is(sigwaitinfo(&rt, &info), SIGRTMIN + 2, "as often as it was sent");
	return done();
}
