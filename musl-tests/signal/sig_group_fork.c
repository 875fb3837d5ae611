// A signal to a group reaches every member, also one that is just being
// forked: nobody slips through between the count and the signal.
#include "helpers.h"
#include <poll.h>

#define ROUNDS 40

#define CHILDREN 6
#define DEPTH 3

// Forks six times; each child does the same, three generations deep. The bare
// call: libc's fork blocks all signals around it, and what comes before the call
// is then rightly pending for the parent alone.
static void breed(void)
{
	int depth = 0;
	for (int i = 0; i < CHILDREN && depth < DEPTH; i++)
		if (syscall(SYS_fork) == 0) {
			depth++;
			i = -1;
		}
	for (;;)
		pause();
}

// Whether everybody who held the write end is gone.
static int all_gone(int fd)
{
	struct pollfd f = { fd, POLLIN, 0 };
	return poll(&f, 1, 10000) == 1 && (f.revents & POLLHUP);
}

static int round_of(int sig, int delay)
{
	int p[2];
	xpipe(p);
	pid_t pid = xfork();
	if (pid == 0) {
		setpgid(0, 0);
		close(p[0]);
		breed();
	}
	setpgid(pid, pid);
	close(p[1]);
	for (volatile int i = 0; i < delay; i++)
		;
	kill(-pid, sig);
	int gone = all_gone(p[0]);
	if (!gone)
		kill(-pid, SIGKILL);
	close(p[0]);
	return wait_for(pid) == sig && gone;
}

int main(void)
{
	plan(2);
	int good = 0;
	for (int i = 0; i < ROUNDS && good == i; i++)
		good += round_of(SIGKILL, 3000 * (i % 20));
	is(good, ROUNDS, "one SIGKILL ends a group that is forking, %d times", ROUNDS);
	good = 0;
	for (int i = 0; i < ROUNDS && good == i; i++)
		good += round_of(SIGTERM, 3000 * (i % 20));
	is(good, ROUNDS, "so does one SIGTERM");
	return done();
}
