// dup and its relatives, fcntl, and the limits of the descriptor table.
#include "helpers.h"

int main(void)
{
	plan(38);
	scratch();
	int fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0644), n;
	int low = dup(fd);
	ok(low > fd, "dup takes the lowest free number");
	is(fcntl(low, F_GETFD), 0, "without FD_CLOEXEC");
	lseek(fd, 77, SEEK_SET);
	is(lseek(low, 0, SEEK_CUR), 77, "the offset is shared");
	fcntl(low, F_SETFL, O_APPEND);
	ok(fcntl(fd, F_GETFL) & O_APPEND, "so are the status flags");
	is(dup2(fd, 100), 100, "dup2 to a free number");
	is(dup2(low, 100), 100, "to a used one closes that first");
	is(dup2(fd, fd), fd, "onto itself does nothing");
	is(fcntl(fd, F_GETFD), FD_CLOEXEC, "not even to its flags");
	fails(dup2(999, 999), EBADF, "but a closed one is an error");
	fails(dup2(999, 5), EBADF, "a closed source");
	fails(dup2(fd, -1), EBADF, "a negative target");
	fails(dup(999), EBADF, "dup of a closed one");
	is(dup3(fd, 101, O_CLOEXEC), 101, "dup3 with O_CLOEXEC");
	is(fcntl(101, F_GETFD), FD_CLOEXEC, "sets the flag");
	fails(syscall(SYS_dup3, fd, fd, 0), EINVAL, "dup3 onto itself");
	fails(syscall(SYS_dup3, fd, 102, O_APPEND), EINVAL, "dup3 with other flags");
	is(fcntl(fd, F_DUPFD, 200), 200, "F_DUPFD");
	is(fcntl(fd, F_DUPFD, 200), 201, "the next free one");
	is(fcntl(fd, F_DUPFD_CLOEXEC, 200), 202, "F_DUPFD_CLOEXEC");
	is(fcntl(202, F_GETFD), FD_CLOEXEC, "sets the flag");
	fails(fcntl(fd, F_DUPFD, -1), EINVAL, "a negative start");
	fails(fcntl(fd, 9999, 0), EINVAL, "an unknown command");
	fails(fcntl(999, F_GETFD), EBADF, "a closed one");
	is(fcntl(fd, F_SETFD, 0), 0, "F_SETFD");
	is(fcntl(fd, F_GETFD), 0, "clears");
	is(fcntl(low, F_SETFL, O_NONBLOCK | O_RDONLY | O_TRUNC), 0, "F_SETFL");
	n = fcntl(fd, F_GETFL);
	ok((n & O_ACCMODE) == O_RDWR && (n & O_NONBLOCK) && !(n & O_APPEND),
	   "changes status flags, not the access mode");
	is(close(low), 0, "close");
	fails(close(low), EBADF, "twice");
	ok(lseek(fd, 0, SEEK_CUR) == 77, "the others stay open");
	fails(close(-1), EBADF, "close(-1)");

	struct rlimit r, old;
	getrlimit(RLIMIT_NOFILE, &old);
	r = (struct rlimit){ 300, old.rlim_max };
	is(setrlimit(RLIMIT_NOFILE, &r), 0, "RLIMIT_NOFILE");
	fails(dup2(fd, 300), EBADF, "dup2 at the limit");
	fails(fcntl(fd, F_DUPFD, 300), EINVAL, "F_DUPFD at the limit");
	int opened = 0;
	while ((n = open("f", O_RDONLY)) >= 0)
		opened++;
	ok(errno == EMFILE && opened > 200, "open until EMFILE (%d)", opened);
	fails(dup(fd), EMFILE, "dup, too");
	close(150);
	is(open("f", O_RDONLY), 150, "a closed number is the next to be given");
	for (int i = 10; i < 300; i++)
		close(i);
	setrlimit(RLIMIT_NOFILE, &old);
	is(dup2(0, 250), 250, "and all is well with the old limit");
	return done();
}
