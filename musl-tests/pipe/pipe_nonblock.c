// O_NONBLOCK: all or nothing up to PIPE_BUF, as much as fits beyond.
#include "helpers.h"

static char bulk[100000];

int main(void)
{
	plan(17);
	int p[2];
	is(pipe2(p, O_NONBLOCK), 0, "pipe2 with O_NONBLOCK");
	char c;
	fails(read(p[0], &c, 1), EAGAIN, "an empty pipe");
	is(write(p[1], bulk, sizeof bulk), 65536, "a large write fills it");
	fails(write(p[1], "x", 1), EAGAIN, "a full pipe");
	is(read(p[0], bulk, 4000), 4000, "room for less than a page");
	fails(write(p[1], bulk, 4096), EAGAIN, "PIPE_BUF bytes do not go in by parts");
	is(read(p[0], bulk, 96), 96, "room for a page");
	is(write(p[1], bulk, 4096), 4096, "then they go");
	is(read(p[0], bulk, 8192), 8192, "room for two pages");
	is(write(p[1], bulk, 10000), 8192, "more than PIPE_BUF goes by parts");
	ssize_t total = 0, n;
	while ((n = read(p[0], bulk, 7777)) > 0)
		total += n;
	is(total, 65536, "all comes out");
	ok(n < 0 && errno == EAGAIN, "then EAGAIN, not the end");
	close(p[1]);
	is(read(p[0], &c, 1), 0, "the end, once the writer is gone");

	// The flag belongs to the open file, not to the pipe.
	xpipe(p);
	is(fcntl(p[0], F_SETFL, O_NONBLOCK), 0, "F_SETFL");
	fails(read(p[0], &c, 1), EAGAIN, "the reader does not bulk now");
	is(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0, "the writer still would");
	pid_t pid = xfork();
	if (pid == 0)
		_exit((fcntl(p[0], F_GETFL) & O_NONBLOCK) == 0);
	ok_child(pid, "S8: a child shares the flag");
	return done();
}
