// Canonical mode: lines, editing, end of file, echo.
#include "pty.h"

int main(void)
{
	struct pty p = pty_open();
	plan(25);
	char buf[256];
	struct termios t = mode(p.slave);
	ok(t.c_lflag & ICANON && t.c_lflag & ECHO && t.c_lflag & ISIG, "canonical, echo and signals on");
	type(&p, "hel");
	ok(is_quiet(p.slave), "half a line is not given out");
	is_str(ready_text(p.master), "hel", "but echoed");
	type(&p, "lo\r");
	is_str(ready_text(p.slave), "hello\n", "carriage return ends the line, as newline");
	is_str(ready_text(p.master), "lo\r\n", "echoed as carriage return and newline");

	type(&p, "one\rtwo\r");
	is_str(ready_text(p.slave), "one\n", "a read gives one line");
	is_str(ready_text(p.slave), "two\n", "the next another");
	ready_text(p.master);
	type(&p, "abcdef\n");
	is(read(p.slave, buf, 3), 3, "a short read gives a part");
	is(read(p.slave, buf, 100), 4, "the next the rest of the line");
	ready_text(p.master);

	type(&p, "ax\177bcy\177\n");
	is_str(ready_text(p.slave), "abc\n", "erase takes characters back");
	ok(expect(p.master, "ax\b \bbcy\b \b\r\n"), "and wipes them");
	type(&p, "\177\177q\n");
	is_str(ready_text(p.slave), "q\n", "erase at the start does nothing");
	ready_text(p.master);
	type(&p, "wrong line\025right\n");
	is_str(ready_text(p.slave), "right\n", "kill takes the line back");
	ready_text(p.master);
	type(&p, "two words\027one\n");
	is_str(ready_text(p.slave), "two one\n", "word erase takes a word back");
	ready_text(p.master);
	type(&p, "a\026\003b\n");
	is_str(ready_text(p.slave), "a\003b\n", "literal next takes away a key's meaning");
	ready_text(p.master);

	type(&p, "half\004");
	is_str(ready_text(p.slave), "half", "^D gives out what there is");
	type(&p, "\004");
	is(read(p.slave, buf, 10), 0, "on an empty line it is the end of file");
	type(&p, "more\n");
	is_str(ready_text(p.slave), "more\n", "which does not last");
	ready_text(p.master);

	type(&p, "\001");
	is_str(ready_text(p.master), "^A", "control characters are echoed as ^X");
	type(&p, "\n");
	ready_text(p.slave);
	ready_text(p.master);

	t.c_lflag &= ~ECHO;
	tcsetattr(p.slave, TCSANOW, &t);
	type(&p, "secret\n");
	is_str(ready_text(p.slave), "secret\n", "without ECHO the line arrives");
	ok(is_quiet(p.master), "and nothing is echoed");
	t.c_lflag |= ECHONL;
	tcsetattr(p.slave, TCSANOW, &t);
	type(&p, "secret\n");
	ready_text(p.slave);
	is_str(ready_text(p.master), "\r\n", "ECHONL echoes the newline alone");

	int n = 0;
	type(&p, "count me\n");
	// Linux carries a pty's input over by a work queue: wait for it to arrive.
	poll(&(struct pollfd){ .fd = p.slave, .events = POLLIN }, 1, 20000);
	ok(ioctl(p.slave, FIONREAD, &n) == 0 && n == 9, "FIONREAD counts a line");
	is(tcflush(p.slave, TCIFLUSH), 0, "tcflush");
	ok(is_quiet(p.slave), "throws it away");
	return done();
}
