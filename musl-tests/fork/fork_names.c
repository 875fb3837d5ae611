// comm is inherited; /proc/PID/cmdline is read from the child's own memory.
#include "helpers.h"
#include <sys/prctl.h>

int main(int argc, char **argv)
{
	(void)argc;
	plan(4);
	char name[17] = "";
	prctl(PR_SET_NAME, "a-name-of-15-ch", 0, 0, 0);
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(prctl(PR_GET_NAME, name, 0, 0, 0) == 0);
		CHECK(!strcmp(name, "a-name-of-15-ch"));
		CHECK(prctl(PR_SET_NAME, "other", 0, 0, 0) == 0);
		_exit(0);
	}
	ok_child(pid, "L9: comm is inherited");
	prctl(PR_GET_NAME, name, 0, 0, 0);
	is_str(name, "a-name-of-15-ch", "L9: a name set in the child is the child's own");

	char mine[4096], his[4096], path[64];
	if (slurp("/proc/self/cmdline", mine, sizeof mine) <= 0) {
		skip(2, "no /proc/self/cmdline");
		return done();
	}
	struct gate go, ready;
	gate_init(&go);
	gate_init(&ready);
	char first = argv[0][0];
	pid = xfork();
	if (pid == 0) {
		argv[0][0] = '!';
		gate_open(&ready);
		gate_wait(&go);
		_exit(0);
	}
	gate_wait(&ready);
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	slurp(path, his, sizeof his);
	ok(his[0] == '!' && !strcmp(his + 1, mine + 1),
	   "L9: /proc/PID/cmdline shows the child's memory");
	slurp("/proc/self/cmdline", mine, sizeof mine);
	ok(mine[0] == first, "L9: and not the parent's");
	gate_open(&go);
	wait_for(pid);
	return done();
}
