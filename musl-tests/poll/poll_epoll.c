// epoll: level, edge, one shot, nesting, the end of a file, blocking waits.
#include "helpers.h"
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static int add(int ep, int fd, unsigned events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };
	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static int ready(int ep, int timeout)
{
	struct epoll_event e[4];
	return epoll_wait(ep, e, 4, timeout);
}

static void nothing(int sig)
{
	(void)sig;
}

int main(void)
{
	plan(38);
	int p[2];
	char c;
	fails(syscall(SYS_epoll_create, 0), EINVAL, "epoll_create wants a positive size");
	fails(epoll_create1(1), EINVAL, "unknown flags");
	int ep = epoll_create1(EPOLL_CLOEXEC);
	ok(ep >= 0 && fcntl(ep, F_GETFD) == FD_CLOEXEC, "EPOLL_CLOEXEC");
	if (pipe(p))
		bail("pipe");
	is(add(ep, p[0], EPOLLIN), 0, "add");
	fails(add(ep, p[0], EPOLLIN), EEXIST, "twice");
	fails(add(ep, 999, EPOLLIN), EBADF, "a closed descriptor");
	fails(add(ep, ep, EPOLLIN), EINVAL, "itself");
	int file = open("/proc/self/exe", O_RDONLY);
	fails(add(ep, file, EPOLLIN), EPERM, "a regular file");
	fails(epoll_ctl(ep, 7, p[0], &(struct epoll_event){ 0 }), EINVAL, "an unknown operation");
	fails(epoll_ctl(p[0], EPOLL_CTL_DEL, p[1], 0), EINVAL, "no epoll instance");
	fails(epoll_wait(ep, &(struct epoll_event){ 0 }, 0, 0), EINVAL, "room for no event");
	is(ready(ep, 0), 0, "nothing is ready");
	is(ready(ep, 20), 0, "nor after 20 ms");
	if (write(p[1], "x", 1) != 1)
		bail("write");
	is(ready(ep, 0), 1, "level: ready");
	is(ready(ep, 0), 1, "and still");
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u64 = 0x123456789abcdef0 };
	is(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e), 0, "edge");
	struct epoll_event got = { 0 };
	is(epoll_wait(ep, &got, 1, 0), 1, "ready at once");
	ok(got.events == EPOLLIN && got.data.u64 == 0x123456789abcdef0, "with the cookie");
	is(ready(ep, 0), 0, "but once");
	if (write(p[1], "x", 1) != 1)
		bail("write");
	is(ready(ep, 0), 1, "until there is more");
	e.events = EPOLLIN | EPOLLONESHOT;
	epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e);
	is(ready(ep, 0), 1, "one shot");
	if (write(p[1], "x", 1) != 1)
		bail("write");
	is(ready(ep, 0), 0, "fired");
	epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e);
	is(ready(ep, 0), 1, "armed again");
	is(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0), 0, "removed");
	fails(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0), ENOENT, "twice");
	is(ready(ep, 0), 0, "and silent");

	int outer = epoll_create1(0);
	for (int left = 1; left > 0;)
		if (read(p[0], &c, 1) != 1 || ioctl(p[0], FIONREAD, &left))
			bail("cannot empty the pipe");
	add(ep, p[0], EPOLLIN);
	is(add(outer, ep, EPOLLIN), 0, "an instance in an instance");
	fails(add(ep, outer, EPOLLIN), ELOOP, "but no circle");
	is(ready(outer, 0), 0, "quiet");
	pid_t child = fork();
	if (child == 0) {
		usleep(20000);
		_exit(write(p[1], "z", 1) != 1);
	}
	is(ready(outer, 5000), 1, "a blocked wait sees the inner file's event");
	waitpid(child, 0, 0);
	int copy = dup(p[0]);
	close(p[0]);
	is(ready(ep, 0), 1, "registered until the last descriptor is closed");
	close(copy);
	is(ready(ep, 0), 0, "then gone");
	is(add(ep, p[1], EPOLLOUT), 0, "the write end, whose readers are gone");
	is(epoll_wait(ep, &got, 1, 0), 1, "reports");
	ok(got.events & EPOLLERR, "EPOLLERR unasked");
	epoll_ctl(ep, EPOLL_CTL_DEL, p[1], 0);

	int ev = eventfd(0, 0);
	add(ep, ev, EPOLLIN);
	struct sigaction sa = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	sigaction(SIGUSR1, &sa, 0);
	sigset_t all, none;
	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &all, 0);
	kill(getpid(), SIGUSR1);
	fails(epoll_pwait(ep, &got, 1, -1, &none), EINTR, "a signal ends it, SA_RESTART or not");
	sigset_t now;
	sigprocmask(SIG_SETMASK, 0, &now);
	ok(sigismember(&now, SIGUSR1), "the mask is back");
	eventfd_write(ev, 1);
	is(epoll_pwait(ep, &got, 1, -1, &none), 1, "without a signal it waits for the event");
	return done();
}
