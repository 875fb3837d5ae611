// A process without a controlling terminal, and things that are no terminal.
#include "helpers.h"
#include <sys/ioctl.h>
#include <termios.h>

int main(void)
{
	plan(8);
	scratch();
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(setsid() > 0);
		CHECK_FAILS(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_FAILS(open("/dev/tty", O_RDONLY | O_NOCTTY), ENXIO);
		_exit(0);
	}
	ok_child(pid, "/dev/tty without a controlling terminal: ENXIO");
	int fd = open("f", O_RDWR | O_CREAT, 0644), p[2];
	struct termios t;
	struct winsize w;
	xpipe(p);
	fails(tcgetattr(fd, &t), ENOTTY, "a file");
	fails(tcgetattr(p[0], &t), ENOTTY, "a pipe");
	fails(tcgetattr(open("/dev/null", O_RDWR), &t), ENOTTY, "/dev/null");
	fails(ioctl(fd, TIOCGWINSZ, &w), ENOTTY, "no size");
	fails(tcgetpgrp(fd), ENOTTY, "no foreground group");
	fails(ioctl(999, TCGETS, &t), EBADF, "a closed descriptor");
	int n;
	ok(ioctl(fd, FIONREAD, &n) == 0 && n == 0, "FIONREAD of an empty file");
	return done();
}
