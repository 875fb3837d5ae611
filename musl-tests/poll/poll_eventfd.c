// eventfd: counting, semaphores, blocking, poll.
#include "helpers.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

static int events(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

int main(void)
{
	plan(19);
	eventfd_t v = 0;
	fails(eventfd(0, 8), EINVAL, "unknown flags");
	int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
	is(fcntl(fd, F_GETFD), FD_CLOEXEC, "EFD_CLOEXEC");
	is(events(fd), POLLIN | POLLOUT, "3: readable, writable");
	is(eventfd_write(fd, 4), 0, "add 4");
	ok(eventfd_read(fd, &v) == 0 && v == 7, "a read takes all");
	fails(eventfd_read(fd, &v), EAGAIN, "empty");
	is(events(fd), POLLOUT, "0: writable");
	fails(read(fd, &v, 7), EINVAL, "a short read");
	fails(write(fd, &v, 7), EINVAL, "a short write");
	fails(eventfd_write(fd, ~0ull), EINVAL, "-1 cannot be added");
	is(eventfd_write(fd, ~0ull - 1), 0, "the most there is");
	is(events(fd), POLLIN, "full: not writable");
	fails(eventfd_write(fd, 1), EAGAIN, "full");
	fails(pread(fd, &v, 8, 0), ESPIPE, "no offset");
	close(fd);

	fd = eventfd(2, EFD_SEMAPHORE);
	ok(eventfd_read(fd, &v) == 0 && v == 1, "a semaphore gives 1");
	ok(eventfd_read(fd, &v) == 0 && v == 1, "and 1");
	pid_t child = fork();
	if (child == 0) {
		usleep(20000);
		_exit(eventfd_write(fd, 1));
	}
	ok(eventfd_read(fd, &v) == 0 && v == 1, "a read waits for a write in another process");
	waitpid(child, 0, 0);
	close(fd);

	fd = eventfd(0, 0);
	eventfd_write(fd, ~0ull - 1);
	child = fork();
	if (child == 0) {
		usleep(20000);
		_exit(eventfd_read(fd, &v));
	}
	is(eventfd_write(fd, 5), 0, "a write waits for room");
	waitpid(child, 0, 0);
	ok(eventfd_read(fd, &v) == 0 && v == 5, "and adds then");
	return done();
}
