// Named pipes: what open waits for.
#include "helpers.h"

int main(void)
{
	plan(15);
	scratch();
	is(mkfifo("f", 0640), 0, "mkfifo");
	struct stat st;
	stat("f", &st);
	ok(S_ISFIFO(st.st_mode) && (st.st_mode & 0777) == 0640, "its type and mode");
	fails(mkfifo("f", 0640), EEXIST, "a second one of that name");
	fails(open("f", O_WRONLY | O_NONBLOCK), ENXIO, "O_WRONLY|O_NONBLOCK without a reader");
	int r = open("f", O_RDONLY | O_NONBLOCK);
	ok(r >= 0, "O_RDONLY|O_NONBLOCK opens at once");
	char buf[16];
	is(read(r, buf, 1), 0, "without a writer: end of file, not EAGAIN");
	int w = open("f", O_WRONLY | O_NONBLOCK);
	ok(w >= 0, "with a reader the writer may");
	fails(read(r, buf, 1), EAGAIN, "with a writer: EAGAIN");
	ok(write(w, "x", 1) == 1 && read(r, buf, 1) == 1, "data flows");
	close(w);
	is(read(r, buf, 1), 0, "the writer left: end of file");
	close(r);

	// Blocking opens meet.
	pid_t pid = xfork();
	if (pid == 0) {
		int fd = open("f", O_WRONLY);
		CHECK(fd >= 0 && write(fd, "hello", 5) == 5);
		_exit(0);
	}
	wait_asleep(pid);
	r = open("f", O_RDONLY);
	is(read(r, buf, sizeof buf), 5, "an opening writer waits for a reader");
	ok_child(pid, "and goes on");
	close(r);
	pid = xfork();
	if (pid == 0) {
		int fd = open("f", O_RDONLY);
		CHECK(fd >= 0 && read(fd, buf, 5) == 5);
		_exit(0);
	}
	wait_asleep(pid);
	w = open("f", O_WRONLY);
	if (write(w, "hello", 5) != 5)
		bail("write");
	ok_child(pid, "an opening reader waits for a writer");
	close(w);

	int rw = open("f", O_RDWR);
	ok(rw >= 0 && write(rw, "me", 2) == 2 && read(rw, buf, 2) == 2, "O_RDWR talks to itself");
	close(rw);
	pid = xfork();
	if (pid == 0) {
		signal(SIGUSR1, SIG_DFL);
		open("f", O_RDONLY);
		_exit(0);
	}
	wait_asleep(pid);
	kill(pid, SIGUSR1);
	ok_killed(pid, SIGUSR1, "a signal ends the wait");
	return done();
}
