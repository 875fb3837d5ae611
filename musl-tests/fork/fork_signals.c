// What of the signal state crosses fork: all of it but what is pending.
#include "helpers.h"

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
}

int main(void)
{
	plan(8);
	static char alt[16384];
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof alt };
	sigset_t mask, old, now;

	catch_signal(SIGUSR1, handler, SA_RESTART | SA_ONSTACK);
	catch_signal(SIGRTMAX, handler, SA_NODEFER);
	signal(SIGUSR2, SIG_IGN);
	sigaltstack(&ss, 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGRTMIN + 3);
	sigprocmask(SIG_SETMASK, &mask, &old);
	kill(getpid(), SIGUSR1);
	sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = 5 });
	sigpending(&now);
	ok(sigismember(&now, SIGUSR1) && sigismember(&now, SIGRTMIN + 3),
	   "S6: two signals are pending in the parent");

	pid_t pid = xfork();
	if (pid == 0) {
		sigset_t pend;
		CHECK(sigpending(&pend) == 0 && sigisemptyset(&pend));
		_exit(0);
	}
	ok_child(pid, "S6: no signal is pending in the child");

	pid = xfork();
	if (pid == 0) {
		sigset_t m;
		CHECK(sigprocmask(SIG_BLOCK, 0, &m) == 0);
		for (int s = 1; s < 65; s++)
			CHECK(s == 32 || s == 33 || s == 34 ||
			      sigismember(&m, s) == (s == SIGUSR1 || s == SIGRTMIN + 3));
		_exit(0);
	}
	ok_child(pid, "S6: the blocked mask is inherited");

	pid = xfork();
	if (pid == 0) {
		struct sigaction sa;
		CHECK(sigaction(SIGUSR1, 0, &sa) == 0 && sa.sa_sigaction == handler);
		CHECK((sa.sa_flags & (SA_RESTART | SA_ONSTACK | SA_SIGINFO | SA_NODEFER)) ==
		      (SA_RESTART | SA_ONSTACK | SA_SIGINFO));
		CHECK(sigaction(SIGRTMAX, 0, &sa) == 0 && sa.sa_sigaction == handler);
		CHECK(sa.sa_flags & SA_NODEFER);
		CHECK(sigaction(SIGUSR2, 0, &sa) == 0 && sa.sa_handler == SIG_IGN);
		CHECK(sigaction(SIGTERM, 0, &sa) == 0 && sa.sa_handler == SIG_DFL);
		// From here on they are the child's own.
		signal(SIGUSR2, SIG_DFL);
		_exit(0);
	}
	ok_child(pid, "S6: actions and their flags are inherited");
	struct sigaction sa;
	sigaction(SIGUSR2, 0, &sa);
	ok(sa.sa_handler == SIG_IGN, "S6: a change in the child is not seen in the parent");

	pid = xfork();
	if (pid == 0) {
		stack_t got;
		CHECK(sigaltstack(0, &got) == 0);
		CHECK(got.ss_sp == alt && got.ss_size == sizeof alt && got.ss_flags == 0);
		_exit(0);
	}
	ok_child(pid, "S6: the alternate stack is inherited");

	sigpending(&now);
	ok(sigismember(&now, SIGUSR1) && sigismember(&now, SIGRTMIN + 3),
	   "S6: the parent's pending signals are untouched");
	siginfo_t info;
	sigset_t rt = set_of(SIGRTMIN + 3);
	sigtimedwait(&rt, &info, &(struct timespec){ 0 });
	is(info.si_value.sival_int, 5, "S6: with their values");
	return done();
}
