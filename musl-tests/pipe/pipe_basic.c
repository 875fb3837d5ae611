// A pipe's plain life.
#include "helpers.h"
#include <sys/ioctl.h>
#include <sys/uio.h>

int main(void)
{
	plan(31);
	int p[2];
	char buf[64];
	is(pipe(p), 0, "pipe");
	is(write(p[1], "hello ", 6), 6, "write");
	is(write(p[1], "world", 5), 5, "and again");
	int n = 0;
	ok(ioctl(p[0], FIONREAD, &n) == 0 && n == 11, "FIONREAD counts both");
	is(read(p[0], buf, 3), 3, "a short read takes the front");
	is(read(p[0], buf + 3, 60), 8, "the next all the rest, over the writes' boundary");
	buf[11] = 0;
	is_str(buf, "hello world", "in order");
	is(read(p[0], buf, 0), 0, "reading nothing does not wait");
	is(write(p[1], buf, 0), 0, "writing nothing is nothing");

	fails(read(p[1], buf, 1), EBADF, "read from the write end");
	fails(write(p[0], buf, 1), EBADF, "write to the read end");
	fails(lseek(p[0], 0, SEEK_CUR), ESPIPE, "lseek");
	fails(pread(p[0], buf, 1, 0), ESPIPE, "pread");
	fails(pwrite(p[1], buf, 1, 0), ESPIPE, "pwrite");
	fails(ftruncate(p[1], 0), EINVAL, "ftruncate");
	fails(fsync(p[1]), EINVAL, "fsync");
	fails(read(p[0], (void *)8, 0) == 0 ? write(p[1], (void *)8, 4) : 0, EFAULT, "a bad buffer");
	struct stat st;
	fstat(p[0], &st);
	ok(S_ISFIFO(st.st_mode), "fstat says FIFO");
	is(st.st_mode & 0777, 0600, "mode 0600");
	is(fcntl(p[0], F_GETFL) & O_ACCMODE, O_RDONLY, "one end is O_RDONLY");
	is(fcntl(p[1], F_GETFL) & O_ACCMODE, O_WRONLY, "the other O_WRONLY");

	struct iovec out[3] = { { "ab", 2 }, { "", 0 }, { "cdef", 4 } };
	struct iovec in[2] = { { buf, 3 }, { buf + 10, 10 } };
	is(writev(p[1], out, 3), 6, "writev");
	is(readv(p[0], in, 2), 6, "readv");
	ok(!memcmp(buf, "abc", 3) && !memcmp(buf + 10, "def", 3), "scattered as told");

	// What was written stays readable after the writer has gone; then EOF.
	if (write(p[1], "last", 4) != 4)
		bail("write");
	close(p[1]);
	is(read(p[0], buf, sizeof buf), 4, "data outlives the writer");
	is(read(p[0], buf, sizeof buf), 0, "then end of file");
	is(read(p[0], buf, sizeof buf), 0, "again and again");
	close(p[0]);

	// A reader that waits is woken by the last writer's leaving.
	xpipe(p);
	pid_t pid = xfork();
	if (pid == 0) {
		close(p[1]);
		CHECK(read(p[0], buf, 1) == 0);
		_exit(0);
	}
	wait_asleep(pid);
	close(p[1]);
	ok_child(pid, "a waiting reader sees the end");
	close(p[0]);
	// And a writer that waits, by the last reader's.
	xpipe(p);
	pid = xfork();
	if (pid == 0) {
		static char block[100000];
		close(p[0]);
		signal(SIGPIPE, SIG_IGN);
		ssize_t r = write(p[1], block, sizeof block);
		CHECK(r == 65536 || (r < 0 && errno == EPIPE));
		_exit(0);
	}
	wait_asleep(pid);
	close(p[0]);
	close(p[1]);
	ok_child(pid, "a waiting writer sees that nobody reads any more");

	fails(syscall(SYS_pipe, 8), EFAULT, "a bad pointer for the two numbers");
	int before = dup(0);
	close(before);
	fails(syscall(SYS_pipe, 8), EFAULT, "once more");
	if (dup(0) != before)
		bail("a failed pipe() leaked descriptors");
	return done();
}
