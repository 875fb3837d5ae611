// F_GETPIPE_SZ and F_SETPIPE_SZ.
#include "helpers.h"

#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#endif

static char bulk[200000];

int main(void)
{
	plan(13);
	int p[2];
	xpipe(p);
	is(fcntl(p[0], F_GETPIPE_SZ), 65536, "64 KiB at first");
	is(fcntl(p[1], F_SETPIPE_SZ, 100000), 131072, "a size is rounded up to a power of two");
	is(fcntl(p[0], F_GETPIPE_SZ), 131072, "and seen at both ends");
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	is(write(p[1], bulk, sizeof bulk), 131072, "it really holds that much");
	fails(fcntl(p[0], F_SETPIPE_SZ, 4096), EBUSY, "it cannot shrink below what it holds");
	is(read(p[0], bulk, 131072), 131072, "emptied");
	is(fcntl(p[0], F_SETPIPE_SZ, 1), 4096, "the least is a page");
	is(write(p[1], bulk, 10000), 4096, "which is what it holds now");
	is(read(p[0], bulk, 10000), 4096, "and gives back");
	is(fcntl(p[0], F_SETPIPE_SZ, 0), 4096, "0 is a page as well");
	fails(fcntl(p[0], F_SETPIPE_SZ, ~0u), EINVAL, "4 GiB are too much");
	fails(fcntl(0, F_GETPIPE_SZ), EBADF, "only pipes have one");
	if (geteuid() != 0) {
		skip(1, "needs root to stop being root");
		return done();
	}
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(become(58002) == 0);
		CHECK_FAILS(fcntl(p[0], F_SETPIPE_SZ, 8 * MIB), EPERM);
		CHECK(fcntl(p[0], F_SETPIPE_SZ, 1 * MIB) == MIB);
		_exit(0);
	}
	ok_child(pid, "an ordinary user may have 1 MiB, not more");
	return done();
}
