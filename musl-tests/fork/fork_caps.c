// Capabilities, no_new_privs and dumpability go to the child.
#include "helpers.h"
#include <sys/prctl.h>

struct cap_header {
	uint32_t version;
	int pid;
};
struct cap_data {
	uint32_t effective, permitted, inheritable;
};
#define CAP_VERSION_3 0x20080522

static int capget_(struct cap_data d[2])
{
	struct cap_header h = { CAP_VERSION_3, 0 };
	return syscall(SYS_capget, &h, d);
}

int main(void)
{
	plan(4);
	pid_t pid = xfork();
	if (pid == 0) {
		struct cap_data mine[2], his[2];
		struct cap_header h = { CAP_VERSION_3, 0 };
		CHECK(capget_(mine) == 0);
		// A recognisable set: everything but CAP_SYS_TIME (25), if we had it.
		mine[0].effective &= ~(1u << 25);
		CHECK(syscall(SYS_capset, &h, mine) == 0);
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0) {
			CHECK(capget_(his) == 0);
			_exit(memcmp(mine, his, sizeof mine) != 0);
		}
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "S11: capability sets are inherited");

	pid = xfork();
	if (pid == 0) {
		CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
		CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0)
			_exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1);
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "S11: no_new_privs is inherited");
	is(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0, "S11: and it is not the grandparent's");

	pid = xfork();
	if (pid == 0) {
		CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0)
			_exit(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0);
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "S11: the dumpable flag is inherited");
	return done();
}
