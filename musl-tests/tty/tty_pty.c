// Pseudo terminals as a pair: numbers, ends, flow.
#include "pty.h"

int main(void)
{
	struct pty p = pty_open(), q = pty_open();
	plan(14);
	char buf[64];
	ok(strcmp(p.name, q.name) != 0, "each has a number of its own");
	struct stat st;
	ok(fstat(p.slave, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev >> 8 == 136, "a device 136:n");
	if (write(p.slave, "out", 3) != 3)
		bail("write");
	is_str(ready_text(p.master), "out", "from slave to master");
	ok(is_quiet(q.master), "not to another pair");
	struct pollfd f = { p.master, POLLOUT | POLLIN, 0 };
	ok(poll(&f, 1, 0) == 1 && f.revents == POLLOUT, "poll: the master is writable");

	// A large output: the writer waits for the reader, nothing is lost.
	struct termios t = mode(p.slave);
	cfmakeraw(&t);
	tcsetattr(p.slave, TCSANOW, &t);
	pid_t pid = xfork();
	if (pid == 0) {
		for (int i = 0; i < 5000; i++)
			CHECK(write(p.slave, "0123456789abcde\n", 16) == 16);
		_exit(0);
	}
	long total = 0, bad = 0;
	while (total < 80000) {
		ssize_t n = read(p.master, buf, sizeof buf);
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++, total++)
			bad += buf[i] != "0123456789abcde\n"[total % 16];
	}
	is(total, 80000, "80,000 bytes through a pty");
	is(bad, 0, "in order");
	ok_child(pid, "the writer ends");

	int slave2 = open(p.name, O_RDWR | O_NOCTTY);
	ok(slave2 >= 0, "a slave can be opened twice");
	close(slave2);
	close(p.slave);
	fails(read(p.master, buf, 1), EIO, "all slaves closed: EIO for the master");
	p.slave = open(p.name, O_RDWR | O_NOCTTY);
	ok(p.slave >= 0 && is_quiet(p.master), "opened again it is alive");
	close(q.master);
	is(read(q.slave, buf, 1), 0, "the master closed: end of file for the slave");
	fails(write(q.slave, "x", 1), EIO, "and EIO");
	fails(open(q.name, O_RDWR | O_NOCTTY), ENOENT, "its name is gone");
	return done();
}
