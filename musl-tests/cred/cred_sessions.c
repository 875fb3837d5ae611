// Process groups and sessions, with their errors.
#include "self.h"

int main(int argc, char **argv)
{
	if (argc > 1) { // exec has happened: tell, then wait for the end
		if (write(atoi(argv[1]), "e", 1) != 1)
			return 1;
		for (;;)
			pause();
	}
	plan(22);
	self_init(argv[0]);
	struct gate go, ready;
	gate_init(&go);
	gate_init(&ready);
	pid_t pid = xfork();
	if (pid == 0) {
		pid_t me = getpid();
		CHECK(setsid() == me && getsid(0) == me && getpgrp() == me);
		CHECK_FAILS(setsid(), EPERM); // leads its group already
		CHECK_FAILS(setpgid(0, 0), EPERM); // a session leader stays
		pid_t sub = fork();
		if (sub == 0) {
			CHECK(getsid(0) == me && getpgrp() == me);
			CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid() && getsid(0) == me);
			CHECK(setpgid(0, me) == 0 && getpgrp() == me); // and back
			_exit(0);
		}
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "setsid, and what a session leader may not");

	pid = xfork();
	if (pid == 0) {
		gate_open(&ready);
		gate_wait(&go);
		_exit(0);
	}
	gate_wait(&ready);
	is(getpgid(pid), getpgrp(), "S3: a child is in its parent's group");
	is(setpgid(pid, 0), 0, "the parent moves it");
	is(getpgid(pid), pid, "to a group of its own");
	is(getpgid(0), getpgrp(), "getpgid(0) is oneself");
	is(getsid(pid), getsid(0), "the session is the same");
	fails(setpgid(pid, -1), EINVAL, "a negative group");
	fails(setpgid(-1, 0), EINVAL, "a negative pid");
	fails(setpgid(pid, 1), EPERM, "a group of another session");
	fails(setpgid(pid, 999999), EPERM, "a group that does not exist");
	fails(setpgid(999999, 0), ESRCH, "a process that does not exist");
	fails(setpgid(1, 1), ESRCH, "one that is no child");
	fails(getpgid(999999), ESRCH, "getpgid of nobody");
	fails(getsid(999999), ESRCH, "getsid of nobody");
	pid_t second = xfork();
	if (second == 0)
		_exit(setpgid(0, pid) != 0 || getpgrp() != pid);
	ok_child(second, "a sibling joins that group");
	gate_open(&go);
	wait_for(pid);
	fails(getpgid(pid), ESRCH, "a reaped one is gone");

	// After exec the parent may not move it any more.
	int p[2];
	xpipe(p);
	char num[12], c;
	snprintf(num, sizeof num, "%d", p[1]);
	pid = SPAWN_SELF(num);
	if (read(p[0], &c, 1) != 1)
		bail("read");
	fails(setpgid(pid, pid), EACCES, "a child that has called exec");
	kill(pid, SIGKILL);
	wait_for(pid);

	// A child in another session.
	pid = xfork();
	if (pid == 0) {
		setsid();
		gate_open(&ready);
		gate_wait(&go);
		_exit(0);
	}
	gate_wait(&ready);
	fails(setpgid(pid, getpgrp()), EPERM, "a child in another session");
	is(getsid(pid), pid, "getsid sees over sessions");
	gate_open(&go);
	wait_for(pid);

	// The group lives on without its leader.
	pid = xfork();
	if (pid == 0) {
		setpgid(0, 0);
		pid_t member = fork();
		if (member == 0) {
			gate_wait(&go);
			CHECK(getpgrp() == getpgid(0));
			gate_open(&ready);
			_exit(0);
		}
		_exit(0);
	}
	wait_for(pid);
	is(kill(-pid, 0), 0, "a group without its leader can be signalled");
	pid_t fresh = xfork();
	if (fresh == 0)
		_exit(setpgid(0, pid) != 0);
	ok_child(fresh, "and joined");
	gate_open(&go);
	gate_wait(&ready);
	ok(getpgrp() != pid, "we are not in it");
	return done();
}
