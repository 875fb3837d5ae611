// Who the child is: return values, fresh ids, its parent.
#include "helpers.h"

struct seen {
	pid_t pid, tid, ppid;
	long fork_returned;
};

int main(void)
{
	plan(9);
	struct seen *seen = shared(sizeof *seen);
	pid_t me = getpid();

	pid_t pid = fork();
	if (pid == 0) {
		*seen = (struct seen){ syscall(SYS_getpid), syscall(SYS_gettid),
				       syscall(SYS_getppid), pid };
		CHECK(getpid() == seen->pid);
		_exit(0);
	}
	ok(pid > 0, "S1: fork gives the parent the child's pid");
	ok_child(pid, "S2: libc's cached getpid() is right in the child");
	is(seen->fork_returned, 0, "S1: fork gives the child 0");
	is(seen->pid, pid, "S2: the child's pid is what fork returned");
	is(seen->tid, pid, "S2: the child's tid equals its pid");
	is(seen->ppid, me, "S2: getppid() of the child is the parent");
	ok(pid != me, "S2: the pid is fresh");
	is(getpid(), me, "S2: the parent keeps its own pid");

	// A pid is not handed out again while its zombie is there.
	pid_t zombie = xfork();
	if (zombie == 0)
		_exit(0);
	int reused = 0;
	for (int i = 0; i < 50; i++) {
		pid_t other = xfork();
		if (other == 0)
			_exit(0);
		reused |= other == zombie;
		wait_for(other);
	}
	wait_for(zombie);
	ok(!reused, "S2: a zombie's pid is not reused");
	return done();
}
