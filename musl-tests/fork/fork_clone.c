// clone(2) with selected sharing, and the combinations it refuses.
#include "helpers.h"
#include <sched.h>

static char stack_memory[64 * 1024] __attribute__((aligned(16)));
#define STACK (stack_memory + sizeof stack_memory)

static volatile int word;
static int some_fd;

static int store(void *arg)
{
	word = *(int *)arg;
	return 5;
}

static int close_fd(void *arg)
{
	(void)arg;
	return close(some_fd);
}

static int change_fs(void *arg)
{
	(void)arg;
	umask(055);
	return chdir("/");
}

static int private_stack(void *arg)
{
	volatile int *mine = arg, here = 7;
	*mine += here;
	return 0;
}

static long raw_clone(unsigned long flags, int *ptid, int *ctid)
{
	return syscall(SYS_clone, flags, 0, ptid, ctid, 0);
}

int main(void)
{
	plan(19);
	int value = 6;
	pid_t pid = clone(store, STACK, CLONE_VM | SIGCHLD, &value);
	ok(pid > 0, "J13: clone(CLONE_VM|SIGCHLD) with its own stack");
	is(wait_for(pid), 5 << 8, "J13: the function's result is the exit code");
	is(word, 6, "J13: memory is shared");

	value = 8;
	pid = clone(store, STACK, SIGCHLD, &value);
	is(wait_for(pid), 5 << 8, "S22: without CLONE_VM");
	is(word, 6, "S22: memory is copied");

	some_fd = dup(1);
	pid = clone(close_fd, STACK, CLONE_FILES | SIGCHLD, 0);
	wait_for(pid);
	fails(fcntl(some_fd, F_GETFD), EBADF, "S22: CLONE_FILES shares the descriptor table");

	scratch();
	char cwd[PATH_MAX];
	pid = clone(change_fs, STACK, CLONE_FS | SIGCHLD, 0);
	wait_for(pid);
	is_str(getcwd(cwd, sizeof cwd), "/", "S22: CLONE_FS shares the working directory");
	is(umask(022), 055, "S22: and the umask");

	int *data = shared(PAGE);
	*data = 1;
	pid = clone(private_stack, STACK, SIGCHLD, data);
	wait_for(pid);
	is(*data, 8, "J13: shared data with a private stack");

	int *tids = shared(PAGE);
	tids[1] = 0;
	pid = raw_clone(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, &tids[0], &tids[1]);
	if (pid == 0)
		_exit(tids[1] != syscall(SYS_gettid));
	is(tids[0], pid, "S22: CLONE_PARENT_SETTID stores before clone returns");
	ok_child(pid, "S22: CLONE_CHILD_SETTID stores before the child runs");

	tids[1] = 99;
	pid = raw_clone(CLONE_CHILD_CLEARTID | SIGCHLD, 0, &tids[1]);
	if (pid == 0)
		_exit(0);
	wait_for(pid);
	is(tids[1], 99, "S22: CLONE_CHILD_CLEARTID spares memory that nobody else's mm shares");

	// No exit signal: only __WCLONE (or __WALL) sees such a child.
	pid = raw_clone(0, 0, 0);
	if (pid == 0)
		_exit(3);
	fails(waitpid(pid, 0, 0), ECHILD, "S22: a child without exit signal is no plain child");
	int status = 0;
	waitpid(pid, &status, __WALL);
	is(status, 3 << 8, "S22: __WALL reaps it");

	// Numbers that are no signal are taken, and then nothing is sent.
	pid = raw_clone(200, 0, 0);
	if (pid == 0)
		_exit(4);
	status = 0;
	is(waitpid(pid, &status, __WALL), pid, "S22: an exit signal that does not exist");
	is(status, 4 << 8, "S22: harms nobody");

	fails(raw_clone(CLONE_SIGHAND | SIGCHLD, 0, 0), EINVAL, "S22: CLONE_SIGHAND needs CLONE_VM");
	fails(raw_clone(CLONE_THREAD | CLONE_VM, 0, 0), EINVAL,
	      "S22: CLONE_THREAD needs CLONE_SIGHAND");
	fails(raw_clone(CLONE_FS | CLONE_NEWNS | SIGCHLD, 0, 0), EINVAL,
	      "S22: CLONE_FS and CLONE_NEWNS exclude each other");
	return done();
}
