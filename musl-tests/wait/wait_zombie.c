// A zombie is still a process to those who look, until it is reaped.
#include "helpers.h"

int main(void)
{
	plan(10);
	char path[64], text[512];
	pid_t pid = xfork();
	if (pid == 0)
		_exit(0);
	char state;
	while ((state = proc_state(pid)) != 'Z' && state != 0)
		syscall(SYS_sched_yield);
	is(state, 'Z', "its state in /proc is Z");
	is(kill(pid, 0), 0, "it can be signalled");
	is(kill(pid, SIGKILL), 0, "even killed, to no effect");
	is(getpgid(pid), getpgrp(), "it has a process group");
	is(getsid(pid), getsid(0), "and a session");
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	is(slurp(path, text, sizeof text), 0, "its command line is empty");
	is(wait_for(pid), 0, "its status is that of the exit");
	fails(kill(pid, 0), ESRCH, "then it is gone");
	snprintf(path, sizeof path, "/proc/%d", pid);
	fails(access(path, F_OK), ENOENT, "from /proc too");
	fails(getpgid(pid), ESRCH, "and has no group");
	return done();
}
