// Which child a wait picks: by pid, by group, any; and WNOHANG.
#include "helpers.h"

static struct gate end;

static pid_t child_in_group(pid_t pgid, int code)
{
	pid_t pid = xfork();
	if (pid == 0) {
		setpgid(0, pgid);
		gate_wait(&end);
		_exit(code);
	}
	setpgid(pid, pgid);
	return pid;
}

int main(void)
{
	plan(13);
	int status;
	gate_init(&end);
	pid_t mine = child_in_group(getpgrp(), 1);
	is(waitpid(mine, &status, WNOHANG), 0, "WNOHANG: a running child gives 0");
	is(waitpid(-1, &status, WNOHANG), 0, "WNOHANG: so does any child");
	gate_open(&end);
	is(waitpid(mine, &status, 0), mine, "by pid");
	is(status, 1 << 8, "with its status");

	pid_t a = child_in_group(0, 2);
	pid_t b = child_in_group(a, 3);
	mine = child_in_group(getpgrp(), 4);
	is(waitpid(-a, &status, WNOHANG), 0, "the group's children run");
	for (int i = 0; i < 3; i++)
		gate_open(&end);
	pid_t first = waitpid(-a, &status, 0), second = waitpid(-a, &status, 0);
	ok((first == a && second == b) || (first == b && second == a),
	   "waitpid(-pgid) finds the two in that group");
	fails(waitpid(-a, &status, 0), ECHILD, "then none is left in it");
	is(waitpid(0, &status, 0), mine, "waitpid(0) finds the one in my group");
	is(status, 4 << 8, "with its status");
	fails(waitpid(-1, &status, 0), ECHILD, "all gone");

	// The same wait in a loop finds each of them exactly once.
	int seen[16] = { 0 }, good = 0;
	for (int i = 0; i < 16; i++)
		if (xfork() == 0)
			_exit(i);
	while (waitpid(-1, &status, 0) > 0)
		if (WIFEXITED(status) && WEXITSTATUS(status) < 16)
			seen[WEXITSTATUS(status)]++;
	for (int i = 0; i < 16; i++)
		good += seen[i] == 1;
	is(errno, ECHILD, "the loop ends with ECHILD");
	is(good, 16, "16 children, each once");

	pid_t pid = xfork();
	if (pid == 0)
		_exit(9);
	is(wait4(pid, 0, 0, 0), pid, "null pointers for status and rusage are fine");
	return done();
}
