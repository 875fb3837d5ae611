// The descriptor table is copied; what the descriptors open is shared.
#include "helpers.h"

int main(void)
{
	plan(10);
	scratch();
	spill("f", "0123456789", 0644);
	int fd = open("f", O_RDWR);
	int cloexec = open("f", O_RDONLY | O_CLOEXEC);
	struct gate parent_go, child_go;
	gate_init(&parent_go);
	gate_init(&child_go);

	pid_t pid = xfork();
	if (pid == 0) {
		char c[3];
		CHECK(fcntl(fd, F_GETFD) == 0 && fcntl(cloexec, F_GETFD) == FD_CLOEXEC);
		CHECK(read(fd, c, 3) == 3 && c[0] == '0');
		CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0);
		// Closing here and opening elsewhere is the child's own affair.
		CHECK(close(cloexec) == 0);
		int mine = open("f", O_RDONLY);
		CHECK(mine == cloexec);
		gate_open(&parent_go);
		gate_wait(&child_go);
		CHECK(lseek(fd, 0, SEEK_CUR) == 7);
		CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
		_exit(0);
	}
	gate_wait(&parent_go);
	is(lseek(fd, 0, SEEK_CUR), 3, "S8: the child's read moved the shared offset");
	is(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND, "S8: status flags are shared");
	ok(fcntl(cloexec, F_GETFD) == FD_CLOEXEC, "S8: a close in the child is not seen here");
	is(lseek(fd, 7, SEEK_SET), 7, "S8: the parent moves the offset");
	gate_open(&child_go);
	ok_child(pid, "S8: FD_CLOEXEC kept, offset shared both ways");
	is(fcntl(fd, F_GETFD), 0, "S8: descriptor flags are not shared after fork");

	// An open file lives as long as one process has it.
	int p[2];
	xpipe(p);
	pid = xfork();
	if (pid == 0) {
		close(p[0]);
		gate_wait(&child_go);
		CHECK(write(p[1], "x", 1) == 1);
		_exit(0);
	}
	close(p[1]);
	gate_open(&child_go);
	char c;
	is(read(p[0], &c, 1), 1, "L5: the child's copy of the write end works");
	is(read(p[0], &c, 1), 0, "L5: end of file once the child's copy is gone");
	ok_child(pid, "L5: the writer was content");

	// A file unlinked by the parent is still there for the child.
	pid = xfork();
	if (pid == 0) {
		gate_wait(&child_go);
		char text[11] = "";
		CHECK(access("f", F_OK) < 0 && errno == ENOENT);
		CHECK(pread(fd, text, 10, 0) == 10 && !strcmp(text, "0123456789"));
		_exit(0);
	}
	unlink("f");
	close(fd);
	gate_open(&child_go);
	ok_child(pid, "L12: an unlinked file stays open in the child");
	return done();
}
