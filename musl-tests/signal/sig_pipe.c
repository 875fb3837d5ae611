// SIGPIPE: writing where nobody can ever read.
#include "helpers.h"

static volatile siginfo_t seen;
static volatile sig_atomic_t count;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	memcpy((void *)&seen, info, sizeof seen);
	count++;
}

int main(void)
{
	plan(7);
	int p[2];
	xpipe(p);
	close(p[0]);
	pid_t pid = xfork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		if (write(p[1], "x", 1) < 0)
			_exit(1);
		_exit(0);
	}
	ok_killed(pid, SIGPIPE, "by default it kills");
	catch_signal(SIGPIPE, handler, SA_RESTART);
	fails(write(p[1], "x", 1), EPIPE, "with a handler: EPIPE");
	is(count, 1, "and the handler ran");
	is(seen.si_code, SI_USER, "si_code is SI_USER");
	is(seen.si_pid, getpid(), "the pid is one's own");
	signal(SIGPIPE, SIG_IGN);
	fails(write(p[1], "x", 1), EPIPE, "ignored: only EPIPE");
	is(write(p[1], "", 0), 0, "writing nothing is fine");
	return done();
}
