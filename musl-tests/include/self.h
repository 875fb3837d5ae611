// self.h: a test that executes itself to play a second part.
//
// The part is argv[1]; exec_self() in a child starts it, and the child's exit
// code says how it went. The path is made absolute before anybody changes
// directory or root.
#ifndef SELF_H
#define SELF_H

#include "helpers.h"

static char self[PATH_MAX];

TAP_UNUSED static void self_init(const char *argv0)
{
	if (!realpath(argv0, self)) {
		ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
		if (n < 0)
			bail("cannot find my own path");
		self[n] = 0;
	}
}

// fork and execv of the test itself with these arguments.
TAP_UNUSED static pid_t spawn_self(char *const argv[])
{
	pid_t pid = xfork();
	if (pid == 0) {
		execv(self, argv);
		_exit(126);
	}
	return pid;
}

#define SPAWN_SELF(...) spawn_self((char *[]){ self, __VA_ARGS__, 0 })

TAP_UNUSED static int copy_self(const char *to, mode_t mode)
{
	char buf[16384];
	int in = open(self, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, mode);
	ssize_t n = -1;
	while (in >= 0 && out >= 0 && (n = read(in, buf, sizeof buf)) > 0)
		if (write(out, buf, n) != n)
			n = -1;
	close(in);
	close(out);
	return n < 0 ? -1 : 0;
}

#endif
