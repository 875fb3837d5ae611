// testfdsharing: parent and child read one open file by turns.
#include "self.h"

int main(int argc, char **argv)
{
	static char buf[512], buf2[512];
	if (argc > 1) { // reads on where the parent stopped
		int fd = atoi(argv[1]);
		return read(fd, buf, 10) == 10 && !memcmp(buf, "abcdefghij", 10) ? 0 : 1;
	}
	plan(7);
	self_init(argv[0]);
	scratch();
	for (size_t i = 0; i < sizeof buf - 1; i++)
		buf[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[i % 36];
	spill("motd", buf, 0644);
	int fd = open("motd", O_RDONLY);
	lseek(fd, 0, SEEK_SET);
	ssize_t n = read(fd, buf, sizeof buf);
	ok(n > 0, "J: the whole file: %zd bytes", n);

	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(lseek(fd, 0, SEEK_SET) == 0);
		CHECK(read(fd, buf2, sizeof buf2) == n);
		CHECK(!memcmp(buf, buf2, n));
		CHECK(lseek(fd, 0, SEEK_SET) == 0);
		CHECK(close(fd) == 0);
		_exit(0);
	}
	ok_child(pid, "J: the child reads it all, seeks back and closes");
	is(read(fd, buf2, sizeof buf2), n, "J: the parent can read it all again");
	ok(!memcmp(buf, buf2, n), "J: the same bytes");
	lseek(fd, 10, SEEK_SET);
	char num[12];
	snprintf(num, sizeof num, "%d", fd);
	is(wait_for(SPAWN_SELF(num)), 0, "J: a new program reads on");
	is(lseek(fd, 0, SEEK_CUR), 20, "J: and moves the parent's place");
	is(read(fd, buf2, 1), 1, "J: which is still open here");
	return done();
}
