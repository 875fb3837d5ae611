// Raw input with VMIN and VTIME, input and output translation, termios calls.
#include "pty.h"

static void raw(int fd, int min, int time)
{
	struct termios t = mode(fd);
	cfmakeraw(&t);
	t.c_cc[VMIN] = min;
	t.c_cc[VTIME] = time;
	tcsetattr(fd, TCSANOW, &t);
}

int main(void)
{
	struct pty p = pty_open();
	plan(28);
	char buf[64];
	struct termios first = mode(p.slave), t;
	raw(p.slave, 1, 0);
	type(&p, "a");
	is(read(p.slave, buf, 10), 1, "raw: a key at a time");
	type(&p, "\003\004\r\177");
	is(read(p.slave, buf, 10), 4, "raw: control characters are only characters");
	ok(!memcmp(buf, "\003\004\r\177", 4), "unchanged");
	ok(is_quiet(p.master), "raw: no echo");
	raw(p.slave, 0, 0);
	is(read(p.slave, buf, 10), 0, "VMIN 0, VTIME 0: never waits");
	raw(p.slave, 0, 1);
	uint64_t start = now_ns();
	is(read(p.slave, buf, 10), 0, "VMIN 0, VTIME 1: waits a tenth of a second");
	ok(now_ns() - start >= 90000000, "at least");
	raw(p.slave, 3, 0);
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(read(p.slave, buf, 10) == 3 && !memcmp(buf, "xyz", 3));
		_exit(0);
	}
	type(&p, "xy");
	wait_asleep(pid);
	is(waitpid(pid, 0, WNOHANG), 0, "VMIN 3: two are not enough");
	type(&p, "z");
	ok_child(pid, "VMIN 3: three are");
	raw(p.slave, 10, 1);
	type(&p, "ab");
	is(read(p.slave, buf, 10), 2, "VMIN 10, VTIME 1: a pause between keys ends the wait");

	// Output.
	raw(p.slave, 1, 0);
	if (write(p.slave, "a\nb", 3) != 3)
		bail("write");
	is_str(ready_text(p.master), "a\nb", "raw output goes through");
	tcsetattr(p.slave, TCSANOW, &first);
	if (write(p.slave, "a\nb", 3) != 3)
		bail("write");
	is_str(ready_text(p.master), "a\r\nb", "OPOST and ONLCR: newline becomes two");
	t = first;
	t.c_oflag &= ~ONLCR;
	tcsetattr(p.slave, TCSADRAIN, &t);
	if (write(p.slave, "a\nb", 3) != 3)
		bail("write");
	is_str(ready_text(p.master), "a\nb", "without ONLCR it does not");

	// Input.
	t = first;
	t.c_lflag &= ~(ICANON | ECHO | ISIG);
	t.c_cc[VMIN] = 1;
	tcsetattr(p.slave, TCSANOW, &t);
	type(&p, "\r");
	is_str(ready_text(p.slave), "\n", "ICRNL");
	t.c_iflag &= ~ICRNL;
	t.c_iflag |= INLCR;
	tcsetattr(p.slave, TCSANOW, &t);
	type(&p, "\n\r");
	is_str(ready_text(p.slave), "\r\r", "INLCR");
	t.c_iflag |= IGNCR | ISTRIP;
	t.c_iflag &= ~INLCR;
	tcsetattr(p.slave, TCSANOW, &t);
	type(&p, "a\r\301b");
	is_str(ready_text(p.slave), "aAb", "IGNCR and ISTRIP");

	// The calls themselves.
	tcsetattr(p.slave, TCSAFLUSH, &first);
	t = mode(p.slave);
	ok(t.c_iflag == first.c_iflag && t.c_oflag == first.c_oflag && t.c_lflag == first.c_lflag &&
		   !memcmp(t.c_cc, first.c_cc, 17), "tcgetattr gives what tcsetattr took");
	ok(first.c_cc[VINTR] == 3 && first.c_cc[VEOF] == 4 && first.c_cc[VERASE] == 0177 &&
		   first.c_cc[VKILL] == 025 && first.c_cc[VSUSP] == 032 && first.c_cc[VQUIT] == 034,
	   "the usual control characters");
	is(mode(p.master).c_lflag, first.c_lflag, "the master shows the same");
	struct winsize w = { 33, 99, 0, 0 }, g = { 0 };
	is(ioctl(p.master, TIOCSWINSZ, &w), 0, "TIOCSWINSZ");
	ok(ioctl(p.slave, TIOCGWINSZ, &g) == 0 && g.ws_row == 33 && g.ws_col == 99, "TIOCGWINSZ");
	fails(ioctl(p.slave, TCGETS, 8), EFAULT, "a bad pointer");
	fails(ioctl(p.slave, 0x54ff, buf), ENOTTY, "an unknown ioctl");
	int fds[2];
	xpipe(fds);
	fails(tcgetattr(fds[0], &t), ENOTTY, "a pipe is no terminal");
	ok(isatty(p.slave) && isatty(p.master) && !isatty(fds[0]), "isatty");
	fcntl(p.slave, F_SETFL, O_NONBLOCK);
	fails(read(p.slave, buf, 1), EAGAIN, "O_NONBLOCK");
	is(tcdrain(p.slave), 0, "tcdrain");
	char *name = ttyname(p.slave);
	is_str(name, p.name, "ttyname");
	return done();
}
