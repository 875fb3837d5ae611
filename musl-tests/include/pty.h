// pty.h: a pseudo terminal for the tty tests, or a skip with a reason.
#ifndef OXBOW_PTY_H
#define OXBOW_PTY_H

#include "helpers.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

struct pty {
	int master, slave;
	char name[64];
};

// Opens a pair; call it before plan(): a machine without ptys skips the test.
TAP_UNUSED static struct pty pty_open(void)
{
	struct pty p;
	p.master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p.master < 0)
		skip_all("/dev/ptmx: %s", strerror(errno));
	int number, unlock = 0;
	if (ioctl(p.master, TIOCSPTLCK, &unlock) < 0 || ioctl(p.master, TIOCGPTN, &number) < 0)
		skip_all("no pty behind /dev/ptmx: %s", strerror(errno));
	snprintf(p.name, sizeof p.name, "/dev/pts/%d", number);
	p.slave = open(p.name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p.slave < 0)
		skip_all("%s: %s", p.name, strerror(errno));
	return p;
}

TAP_UNUSED static void type(struct pty *p, const char *keys)
{
	if (write(p->master, keys, strlen(keys)) != (ssize_t)strlen(keys))
		bail("typing: %s", strerror(errno));
}

// What lies ready at a descriptor within a generous time; "" for nothing.
TAP_UNUSED static const char *ready_text(int fd)
{
	static char text[4096];
	struct pollfd f = { fd, POLLIN, 0 };
	ssize_t n = poll(&f, 1, 20000) == 1 ? read(fd, text, sizeof text - 1) : 0;
	text[n > 0 ? n : 0] = 0;
	return text;
}

// Whether there is nothing to read just now.
TAP_UNUSED static int is_quiet(int fd)
{
	struct pollfd f = { fd, POLLIN, 0 };
	return poll(&f, 1, 0) == 0;
}

// Reads until the text has come (echo may arrive in pieces).
TAP_UNUSED static int expect(int fd, const char *want)
{
	static char got[8192];
	size_t len = 0;
	while (len < sizeof got - 1) {
		const char *more = ready_text(fd);
		if (!*more)
			break;
		len += snprintf(got + len, sizeof got - len, "%s", more);
		if (len >= strlen(want) && !strcmp(got + len - strlen(want), want))
			return 1;
	}
	note("  terminal said \"%s\", expected \"%s\"", got, want);
	return 0;
}

TAP_UNUSED static struct termios mode(int fd)
{
	struct termios t;
	if (tcgetattr(fd, &t) < 0)
		bail("tcgetattr: %s", strerror(errno));
	return t;
}

#endif
