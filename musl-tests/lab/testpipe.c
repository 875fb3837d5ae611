// testpipe, testpiperace: pipes seen from several processes, and a pipe's
// end that must not look closed while its descriptors come and go.
#include "helpers.h"
#include <poll.h>

static const char msg[] = "Now is the time for all good men to come to the aid of their party.";

int main(void)
{
	plan(7);
	int p[2];
	char buf[100];
	xpipe(p);
	pid_t pid = xfork();
	if (pid == 0) {
		close(p[1]);
		ssize_t n = read(p[0], buf, sizeof buf - 1);
		CHECK(n == (ssize_t)strlen(msg) && !memcmp(buf, msg, n));
		CHECK(read(p[0], buf, 1) == 0);
		_exit(0);
	}
	close(p[0]);
	is(write(p[1], msg, strlen(msg)), (long)strlen(msg), "J: a message is written");
	close(p[1]);
	ok_child(pid, "J: the child reads it, and then the end");

	// A writer that finds its reader gone.
	xpipe(p);
	pid = xfork();
	if (pid == 0) {
		close(p[0]);
		for (;;)
			if (write(p[1], "x", 1) != 1)
				break;
		_exit(0);
	}
	close(p[0]);
	close(p[1]);
	ok_killed(pid, SIGPIPE, "J: SIGPIPE ends a writer without readers");

	// The race: the child dups and closes the read end all the time; at no
	// moment may the write end see no reader.
	volatile int *finished = shared(PAGE);
	struct gate end;
	gate_init(&end);
	xpipe(p);
	pid = xfork();
	if (pid == 0) {
		close(p[1]);
		for (int i = 0; i < 3000; i++) {
			CHECK(dup2(p[0], 50) == 50);
			CHECK(close(p[0]) == 0);
			CHECK(dup2(50, p[0]) == p[0]);
			CHECK(close(50) == 0);
		}
		*finished = 1;
		gate_wait(&end);
		_exit(0);
	}
	close(p[0]);
	int closed = 0, checks = 0;
	while (!*finished && proc_state(pid) != 'Z') {
		struct pollfd f = { p[1], 0, 0 };
		poll(&f, 1, 0);
		closed += (f.revents & POLLERR) != 0;
		checks++;
	}
	gate_open(&end);
	ok_child(pid, "J: 3,000 rounds of dup2 and close");
	is(closed, 0, "J: the pipe never looked closed (%d looks)", checks);
	struct pollfd f = { p[1], 0, 0 };
	poll(&f, 1, 0);
	is(f.revents, POLLERR, "J: now it is");

	// Many processes come and go with both ends.
	xpipe(p);
	for (int i = 0; i < 200; i++)
		if ((pid = xfork()) == 0)
			_exit(write(p[1], "x", 1) != 1);
		else
			wait_for(pid);
	close(p[1]);
	int total = 0;
	ssize_t n;
	while ((n = read(p[0], buf, sizeof buf)) > 0)
		total += n;
	is(total, 200, "J: 200 short-lived writers, then the end");
	return done();
}
