// sigsuspend, sigwaitinfo and sigtimedwait.
#include "helpers.h"

static volatile sig_atomic_t count, mask_in_handler;

static void handler(int sig)
{
	sigset_t m;
	(void)sig;
	sigprocmask(SIG_BLOCK, 0, &m);
	mask_in_handler = sigismember(&m, SIGUSR2);
	count++;
}

int main(void)
{
	plan(20);
	signal(SIGUSR1, handler);
	signal(SIGUSR2, handler);
	block(SIGUSR1);
	block(SIGUSR2);

	raise(SIGUSR1);
	sigset_t only2 = set_of(SIGUSR2);
	errno = 0;
	is(sigsuspend(&only2), -1, "sigsuspend returns -1");
	is(errno, EINTR, "with EINTR");
	is(count, 1, "after the handler of a signal that was pending");
	is(mask_in_handler, 1, "which ran under the temporary mask");
	sigset_t now;
	sigprocmask(SIG_BLOCK, 0, &now);
	ok(sigismember(&now, SIGUSR1) && sigismember(&now, SIGUSR2), "the old mask is back");
	fails(syscall(SYS_rt_sigsuspend, &only2, 4), EINVAL, "a wrong size");
	fails(syscall(SYS_rt_sigsuspend, 8, 8), EFAULT, "a bad pointer");

	// No lost wake-up: the child signals at any moment, 200 times.
	pid_t me = getpid(), pid = xfork();
	sigset_t none;
	sigemptyset(&none);
	count = 0;
	if (pid == 0) {
		signal(SIGUSR1, handler);
		for (int i = 0; i < 200; i++) {
			kill(me, SIGUSR1);
			while (count <= i)
				sigsuspend(&only2);
		}
		_exit(0);
	}
	for (int i = 0; i < 200; i++) {
		while (count <= i)
			sigsuspend(&only2);
		kill(pid, SIGUSR1);
	}
	ok_child(pid, "200 rounds of kill and sigsuspend, none lost");
	is(count, 200, "200 signals seen");

	siginfo_t info;
	sigset_t both = set_of(SIGUSR1);
	sigaddset(&both, SIGUSR2);
	struct timespec zero = { 0 }, soon = { 0, 20000000 };
	fails(sigtimedwait(&both, &info, &zero), EAGAIN, "sigtimedwait with time 0: nothing there");
	uint64_t start = now_ns();
	fails(sigtimedwait(&both, &info, &soon), EAGAIN, "it waits for its time");
	ok(now_ns() - start >= 20000000, "all of it");
	struct timespec bad = { 0, 1000000000 };
	fails(sigtimedwait(&both, &info, &bad), EINVAL, "a billion nanoseconds");
	count = 0;
	raise(SIGUSR2);
	raise(SIGUSR1);
	is(sigtimedwait(&both, &info, &zero), SIGUSR1, "the lowest pending signal");
	ok(info.si_signo == SIGUSR1 && info.si_code == SI_TKILL && info.si_pid == getpid(),
	   "with its siginfo");
	is(sigwaitinfo(&both, 0), SIGUSR2, "the next, without siginfo");
	is(count, 0, "and no handler ran");
	pid = xfork();
	if (pid == 0) {
		wait_asleep(me);
		kill(me, SIGUSR2);
		_exit(0);
	}
	is(sigwaitinfo(&both, &info), SIGUSR2, "waits for one to come");
	is(info.si_pid, pid, "from the child");
	wait_for(pid);

	// A signal the set does not name is not taken.
	raise(SIGUSR1);
	fails(sigtimedwait(&only2, &info, &zero), EAGAIN, "another signal stays pending");
	return done();
}
