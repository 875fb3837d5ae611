// vfork: the parent waits, and the memory is truly one.
#include "helpers.h"

static volatile int word;
static char *self;

int main(int argc, char **argv)
{
	if (argc > 1)
		_exit(atoi(argv[1]));
	plan(8);
	self = argv[0];
	volatile pid_t me = getpid();

	word = 1;
	pid_t pid = vfork();
	if (pid == 0) {
		word = syscall(SYS_getpid) != me ? 2 : 3;
		// Give a parent that is not suspended every chance to show it.
		for (int i = 0; i < 20; i++)
			syscall(SYS_sched_yield);
		word += 10;
		_exit(4);
	}
	is(word, 12, "S22: the parent went on only after the child was done, and sees its store");
	int status = wait_for(pid);
	is(status, 4 << 8, "S22: the exit code of a vfork child");

	pid = vfork();
	if (pid == 0) {
		execl(self, self, "9", (char *)0);
		_exit(1);
	}
	status = wait_for(pid);
	is(status, 9 << 8, "S22: exec in the child gives it memory of its own");
	ok(getpid() == me && word == 12, "S22: the parent's memory outlives that exec");

	pid = vfork();
	if (pid == 0) {
		execl("/nonexistent/program", "x", (char *)0);
		word = errno;
		_exit(127);
	}
	is(word, ENOENT, "S22: a failed exec leaves the child in the shared memory");
	is(wait_for(pid), 127 << 8, "S22: and it exits as it likes");

	pid = vfork();
	if (pid == 0) {
		kill(syscall(SYS_getpid), SIGKILL);
		_exit(1);
	}
	ok_killed(pid, SIGKILL, "S22: the death of the child by a signal lets the parent go on");

	int fd = dup(1);
	pid = vfork();
	if (pid == 0) {
		close(fd);
		_exit(0);
	}
	wait_for(pid);
	is(fcntl(fd, F_GETFD), 0, "S22: the descriptor table is not shared");
	return done();
}
