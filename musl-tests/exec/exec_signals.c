// Exec resets handlers, keeps what is ignored, blocked or pending.
#include "self.h"

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
}

static int second(void)
{
	struct sigaction sa;
	sigset_t mask, pend;
	stack_t ss;
	CHECK(sigaction(SIGUSR1, 0, &sa) == 0);
	CHECK(sa.sa_handler == SIG_DFL);
	CHECK(sa.sa_flags == 0 || (sa.sa_flags & ~0x04000000) == 0);
	CHECK(sigaction(SIGUSR2, 0, &sa) == 0 && sa.sa_handler == SIG_IGN);
	CHECK(sigaction(SIGRTMIN + 1, 0, &sa) == 0 && sa.sa_handler == SIG_IGN);
	CHECK(sigaction(SIGTERM, 0, &sa) == 0 && sa.sa_handler == SIG_DFL);
	CHECK(sigprocmask(SIG_BLOCK, 0, &mask) == 0);
	for (int s = 1; s < 65; s++)
		CHECK(s == 32 || s == 33 || s == 34 ||
		      sigismember(&mask, s) == (s == SIGHUP || s == SIGRTMIN + 5));
	CHECK(sigpending(&pend) == 0 && sigismember(&pend, SIGHUP));
	CHECK(sigismember(&pend, SIGRTMIN + 5));
	CHECK(!sigismember(&pend, SIGUSR1));
	// The queue came along, values and all.
	siginfo_t info;
	sigset_t rt = set_of(SIGRTMIN + 5);
	for (int i = 0; i < 3; i++) {
		CHECK(sigtimedwait(&rt, &info, &(struct timespec){ 0 }) == SIGRTMIN + 5);
		CHECK(info.si_value.sival_int == i);
	}
	CHECK(sigaltstack(0, &ss) == 0 && ss.ss_flags == SS_DISABLE && ss.ss_size == 0);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return !strcmp(argv[1], "chld") ? signal(SIGCHLD, SIG_DFL) != SIG_IGN : second();
	plan(2);
	self_init(argv[0]);
	pid_t pid = xfork();
	if (pid == 0) {
		static char alt[16384];
		alarm(0);
		catch_signal(SIGUSR1, handler, SA_RESTART | SA_ONSTACK);
		signal(SIGUSR2, SIG_IGN);
		signal(SIGRTMIN + 1, SIG_IGN);
		sigaltstack(&(stack_t){ .ss_sp = alt, .ss_size = sizeof alt }, 0);
		block(SIGHUP);
		block(SIGRTMIN + 5);
		kill(getpid(), SIGHUP);
		for (int i = 0; i < 3; i++)
			sigqueue(getpid(), SIGRTMIN + 5, (union sigval){ .sival_int = i });
		execl(self, self, "part", (char *)0);
		_exit(2);
	}
	ok_child(pid, "S6: actions reset, ignored kept, mask and pending kept, no alternate stack");
	pid = xfork();
	if (pid == 0) {
		signal(SIGCHLD, SIG_IGN);
		execl(self, self, "chld", (char *)0);
		_exit(2);
	}
	ok_child(pid, "an ignored SIGCHLD stays ignored");
	return done();
}
