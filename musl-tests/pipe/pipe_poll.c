// poll and select on pipes: readiness, hang-up, timeouts.
#include "helpers.h"
#include <poll.h>
#include <sys/select.h>

static char bulk[65536];

static void nothing(int sig)
{
	(void)sig;
}

static int events(int fd, short ask)
{
	struct pollfd p = { fd, ask, 0 };
	int n = poll(&p, 1, 0);
	return n < 0 ? -1 : p.revents;
}

int main(void)
{
	plan(26);
	int p[2];
	xpipe(p);
	is(events(p[0], POLLIN), 0, "empty: nothing to read");
	is(events(p[1], POLLOUT), POLLOUT, "empty: room to write");
	is(events(p[1], POLLIN), 0, "the write end is never readable");
	if (write(p[1], "x", 1) != 1)
		bail("write");
	is(events(p[0], POLLIN | POLLRDNORM), POLLIN | POLLRDNORM, "a byte: readable");
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	while (write(p[1], bulk, 4096) > 0)
		;
	is(events(p[1], POLLOUT), 0, "full: no room");
	if (read(p[0], bulk, sizeof bulk) < 4096)
		bail("read");
	is(events(p[1], POLLOUT), POLLOUT, "room again");
	close(p[1]);
	while (read(p[0], bulk, sizeof bulk) > 0)
		;
	is(events(p[0], POLLIN) & ~POLLIN, POLLHUP, "writer gone: POLLHUP");
	is(events(p[0], 0), POLLHUP, "unasked, too");
	close(p[0]);
	xpipe(p);
	close(p[0]);
	is(events(p[1], POLLOUT), POLLOUT | POLLERR, "reader gone: POLLERR");
	is(events(p[1], 0), POLLERR, "unasked, too");
	is(events(999, POLLIN), POLLNVAL, "a closed descriptor: POLLNVAL");
	is(events(-1, POLLIN), 0, "a negative one is skipped");

	uint64_t start = now_ns();
	is(poll(0, 0, 30), 0, "poll of nothing is a sleep");
	ok(now_ns() - start >= 30000000, "as long as told");
	fails(syscall(SYS_poll, 8, 1, 0), EFAULT, "a bad array");
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	struct pollfd *many = calloc(r.rlim_cur + 1, sizeof *many);
	fails(poll(many, r.rlim_cur + 1, 0), EINVAL, "more entries than RLIMIT_NOFILE");

	// Waking up, for data and for the end.
	xpipe(p);
	pid_t pid = xfork();
	if (pid == 0) {
		struct pollfd in = { p[0], POLLIN, 0 };
		close(p[1]);
		CHECK(poll(&in, 1, -1) == 1 && in.revents == POLLIN);
		CHECK(read(p[0], bulk, 10) == 1);
		CHECK(poll(&in, 1, 30000) == 1 && in.revents == POLLHUP);
		_exit(0);
	}
	wait_asleep(pid);
	if (write(p[1], "x", 1) != 1)
		bail("write");
	wait_asleep(pid);
	close(p[1]);
	ok_child(pid, "a sleeper wakes for a byte, then for the end");

	int q[2];
	xpipe(p);
	xpipe(q);
	fd_set rd, wr, ex;
	FD_ZERO(&rd);
	FD_ZERO(&wr);
	FD_ZERO(&ex);
	FD_SET(p[0], &rd);
	FD_SET(q[0], &rd);
	FD_SET(q[1], &wr);
	FD_SET(p[0], &ex);
	if (write(p[1], "x", 1) != 1)
		bail("write");
	is(select(q[1] + 1, &rd, &wr, &ex, &(struct timeval){ 0 }), 2, "select counts two");
	ok(FD_ISSET(p[0], &rd) && !FD_ISSET(q[0], &rd) && FD_ISSET(q[1], &wr) && !FD_ISSET(p[0], &ex),
	   "and marks the right ones");
	FD_ZERO(&rd);
	FD_SET(q[0], &rd);
	struct timeval t = { 0, 20000 };
	start = now_ns();
	is(syscall(SYS_select, q[0] + 1, &rd, 0, 0, &t), 0, "select times out");
	ok(now_ns() - start >= 20000000 && !FD_ISSET(q[0], &rd), "in time, with an empty set");
	ok(t.tv_sec == 0 && t.tv_usec == 0, "and nothing left of the time");
	FD_ZERO(&rd);
	close(q[0]);
	FD_SET(q[0], &rd);
	fails(select(q[0] + 1, &rd, 0, 0, 0), EBADF, "select on a closed descriptor");
	fails(select(-1, 0, 0, 0, 0), EINVAL, "a negative count");
	fails(syscall(SYS_select, 0, 0, 0, 0, &(struct timeval){ -1, 0 }), EINVAL, "negative time");

	// ppoll's mask holds for the call only.
	sigset_t none;
	sigemptyset(&none);
	signal(SIGUSR1, nothing);
	block(SIGUSR1);
	raise(SIGUSR1);
	struct pollfd in = { p[1], 0, 0 };
	fails(ppoll(&in, 1, 0, &none), EINTR, "ppoll lets a pending signal in");
	return done();
}
