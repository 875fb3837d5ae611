// Which descriptors live through exec.
#include "self.h"

// argv: the part's name, then the numbers that must be open, then "-", then
// those that must be closed.
static int second(int argc, char **argv)
{
	int want = 1;
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "-")) {
			want = 0;
			continue;
		}
		if ((fcntl(atoi(argv[i]), F_GETFD) >= 0) != want)
			return 10 + i;
		if (want && fcntl(atoi(argv[i]), F_GETFD) != 0)
			return 30 + i;
	}
	return 0;
}

static char *num(int n)
{
	char *s = malloc(12);
	snprintf(s, 12, "%d", n);
	return s;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "fds"))
		return second(argc, argv);
	if (argc > 1) { // the offset of descriptor argv[2] is 4 and it can append
		int fd = atoi(argv[2]);
		return lseek(fd, 0, SEEK_CUR) == 4 && (fcntl(fd, F_GETFL) & O_APPEND) ? 0 : 1;
	}
	plan(8);
	self_init(argv[0]);
	scratch();
	spill("f", "0123456789", 0644);

	int keep = open("f", O_RDONLY), drop = open("f", O_RDONLY | O_CLOEXEC);
	is(wait_for(SPAWN_SELF("fds", num(keep), "-", num(drop))), 0, "O_CLOEXEC");
	fcntl(keep, F_SETFD, FD_CLOEXEC);
	fcntl(drop, F_SETFD, 0);
	is(wait_for(SPAWN_SELF("fds", num(drop), "-", num(keep))), 0, "FD_CLOEXEC set and cleared");
	int dup_of = dup(keep), dup_c = fcntl(drop, F_DUPFD_CLOEXEC, 50);
	is(wait_for(SPAWN_SELF("fds", num(dup_of), "-", num(dup_c))), 0,
	   "dup clears the flag, F_DUPFD_CLOEXEC sets it");
	int three = dup3(drop, 60, O_CLOEXEC), two = dup2(keep, 61);
	is(wait_for(SPAWN_SELF("fds", num(two), "-", num(three))), 0, "dup2 clears it, dup3 sets it");
	int p[2], q[2];
	xpipe(p);
	is(pipe2(q, O_CLOEXEC), 0, "pipe2 with O_CLOEXEC");
	is(wait_for(SPAWN_SELF("fds", num(p[0]), num(p[1]), "-", num(q[0]), num(q[1]))), 0,
	   "pipes with and without");
	int pos = open("f", O_RDWR | O_APPEND);
	lseek(pos, 4, SEEK_SET);
	is(wait_for(SPAWN_SELF("offset", num(pos))), 0, "offset and status flags live on");

	// In a vfork child the flag closes the child's descriptor, not ours.
	pid_t pid = vfork();
	if (pid == 0) {
		execl(self, self, "fds", "-", "59", (char *)0);
		_exit(1);
	}
	wait_for(pid);
	is(fcntl(keep, F_GETFD), FD_CLOEXEC, "the parent's own descriptors stay open");
	return done();
}
