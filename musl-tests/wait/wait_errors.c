// What wait4 refuses.
#include "helpers.h"

int main(void)
{
	plan(11);
	int status = 42;
	fails(wait4(-1, &status, 0, 0), ECHILD, "no children");
	fails(wait4(-1, &status, WNOHANG, 0), ECHILD, "no children, even with WNOHANG");
	fails(wait4(getpid(), &status, 0, 0), ECHILD, "oneself is no child");
	fails(wait4(1, &status, 0, 0), ECHILD, "init is no child");
	fails(wait4(-1, &status, 0x100, 0), EINVAL, "an unknown option, though there is no child");
	fails(wait4(INT_MIN, &status, 0, 0), ESRCH, "INT_MIN as pid");
	is(status, 42, "a failed wait stores nothing");

	pid_t pid = xfork();
	if (pid == 0)
		_exit(1);
	fails(wait4(-pid - 100000, 0, 0, 0), ECHILD, "a process group without children");
	fails(syscall(SYS_wait4, pid, 8, 0, 0), EFAULT, "a bad status pointer");
	fails(wait4(pid, 0, 0, 0), ECHILD, "which comes too late: the child is reaped");

	pid = xfork();
	if (pid == 0) {
		// A grandchild is none of the parent's business, nor a sibling.
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0) {
			CHECK_FAILS(waitpid(getppid(), 0, 0), ECHILD);
			_exit(0);
		}
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "a child cannot wait for its parent");
	return done();
}
