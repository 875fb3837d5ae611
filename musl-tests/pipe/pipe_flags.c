// pipe2's flags, and running out of descriptors.
#include "helpers.h"

int main(void)
{
	plan(13);
	int p[2] = { -7, -7 };
	is(pipe2(p, O_CLOEXEC), 0, "O_CLOEXEC");
	ok(fcntl(p[0], F_GETFD) == FD_CLOEXEC && fcntl(p[1], F_GETFD) == FD_CLOEXEC, "on both ends");
	fails(pipe2(p, O_APPEND), EINVAL, "O_APPEND is no flag for a pipe");
	fails(pipe2(p, 1 << 30), EINVAL, "nor an unknown bit");

	is(pipe2(p, O_DIRECT | O_NONBLOCK), 0, "O_DIRECT: a pipe of packets");
	char buf[100];
	if (write(p[1], "first", 5) != 5 || write(p[1], "second", 6) != 6)
		bail("write");
	is(read(p[0], buf, sizeof buf), 5, "a read takes one packet");
	is(read(p[0], buf, 3), 3, "a short one loses the rest of it");
	fails(read(p[0], buf, sizeof buf), EAGAIN, "nothing is left");

	struct rlimit old, few;
	getrlimit(RLIMIT_NOFILE, &old);
	int top = dup(0);
	few = (struct rlimit){ top + 2, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	p[0] = p[1] = -7;
	fails(pipe(p), EMFILE, "room for one descriptor only");
	ok(p[0] == -7 && p[1] == -7, "the numbers are not touched");
	is(dup(0), top + 1, "and that one is still free");
	close(top + 1);
	close(top);
	is(pipe(p), 0, "room for two");
	ok(p[0] == top && p[1] == top + 1, "the two lowest free numbers, the read end first");
	return done();
}
