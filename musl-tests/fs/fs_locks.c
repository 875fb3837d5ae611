// flock and fcntl record locks.
#include "helpers.h"
#include <sys/file.h>

static int lock(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
	return fcntl(fd, cmd, &l);
}

int main(void)
{
	plan(22);
	scratch();
	struct gate go, ready;
	gate_init(&go);
	gate_init(&ready);
	int a = open("f", O_RDWR | O_CREAT, 0644), b = open("f", O_RDWR);
	is(flock(a, LOCK_EX), 0, "flock LOCK_EX");
	fails(flock(b, LOCK_EX | LOCK_NB), EAGAIN, "another open file is shut out");
	fails(flock(b, LOCK_SH | LOCK_NB), EAGAIN, "for sharing too");
	int c = dup(a);
	is(flock(c, LOCK_EX | LOCK_NB), 0, "a duplicate holds the same lock");
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(flock(a, LOCK_EX | LOCK_NB) == 0); // inherited with the open file
		CHECK_FAILS(flock(b, LOCK_EX | LOCK_NB), EAGAIN);
		close(a);
		close(c);
		_exit(0);
	}
	ok_child(pid, "L5: a child shares it, and its close does not drop it");
	fails(flock(b, LOCK_SH | LOCK_NB), EAGAIN, "still held");
	is(flock(a, LOCK_SH), 0, "down to LOCK_SH");
	is(flock(b, LOCK_SH | LOCK_NB), 0, "which can be shared");
	flock(b, LOCK_UN);
	close(a);
	fails(flock(b, LOCK_EX | LOCK_NB), EAGAIN, "one duplicate is closed: still held");
	close(c);
	is(flock(b, LOCK_EX | LOCK_NB), 0, "the last one is closed: free");
	fails(flock(b, 16), EINVAL, "an unknown operation");
	pid = xfork();
	if (pid == 0) {
		int mine = open("f", O_RDWR);
		gate_open(&ready);
		CHECK(flock(mine, LOCK_EX) == 0);
		_exit(0);
	}
	gate_wait(&ready);
	wait_asleep(pid);
	is(waitpid(pid, 0, WNOHANG), 0, "a second one waits");
	flock(b, LOCK_UN);
	ok_child(pid, "until it is unlocked");

	// Record locks belong to the process.
	is(lock(b, F_SETLK, F_WRLCK, 0, 10), 0, "F_SETLK");
	pid = xfork();
	if (pid == 0) {
		struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 1 };
		CHECK(fcntl(b, F_GETLK, &l) == 0);
		CHECK(l.l_type == F_WRLCK && l.l_start == 0 && l.l_len == 10 && l.l_pid == getppid());
		CHECK_FAILS(lock(b, F_SETLK, F_RDLCK, 5, 10), EAGAIN);
		CHECK(lock(b, F_SETLK, F_WRLCK, 10, 0) == 0); // the rest of the file
		gate_open(&ready);
		gate_wait(&go);
		_exit(0);
	}
	gate_wait(&ready);
	fails(lock(b, F_SETLK, F_WRLCK, 1000, 1), EAGAIN, "the child holds the rest");
	struct flock q = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0 };
	ok(fcntl(b, F_GETLK, &q) == 0 && q.l_start == 10 && q.l_len == 0 && q.l_pid == pid,
	   "F_GETLK tells who");
	gate_open(&go);
	ok_child(pid, "S8: record locks are not inherited");
	is(lock(b, F_SETLK, F_WRLCK, 1000, 1), 0, "the child's end frees its locks");
	lock(b, F_SETLK, F_UNLCK, 3, 4); // leaves 0..2 and 7..9
	pid = xfork();
	if (pid == 0) {
		CHECK(lock(b, F_SETLK, F_WRLCK, 3, 4) == 0);
		CHECK_FAILS(lock(b, F_SETLK, F_WRLCK, 2, 1), EAGAIN);
		CHECK_FAILS(lock(b, F_SETLK, F_WRLCK, 7, 1), EAGAIN);
		_exit(0);
	}
	ok_child(pid, "unlocking the middle splits a lock");
	close(open("f", O_RDONLY)); // any close of the file drops all of them
	pid = xfork();
	if (pid == 0)
		_exit(lock(b, F_SETLK, F_WRLCK, 0, 0) != 0);
	ok_child(pid, "closing any descriptor of the file drops all its locks");
	int ro = open("f", O_RDONLY);
	fails(lock(ro, F_SETLK, F_WRLCK, 0, 0), EBADF, "a write lock needs write access");
	fails(lock(ro, F_SETLK, 77, 0, 0), EINVAL, "an unknown type");
	return done();
}
