// Process group, session, user and group ids are inherited.
#include "helpers.h"
#include <sys/fsuid.h>

static int body(void)
{
	pid_t pgid = getpgrp(), sid = getsid(0);
	gid_t groups[3] = { 7, 4242, 100000 };
	int root = geteuid() == 0;

	if (root) {
		CHECK(setgroups(3, groups) == 0);
		CHECK(setresgid(11, 12, 13) == 0);
		CHECK(setresuid(21, 0, 23) == 0);
		setfsuid(24);
		setfsgid(14);
	}
	uid_t r, e, s, r2, e2, s2;
	gid_t gr, ge, gs, gr2, ge2, gs2;
	CHECK(getresuid(&r, &e, &s) == 0 && getresgid(&gr, &ge, &gs) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid > 0)
		return wait_for(pid);

	CHECK(getpgrp() == pgid && getsid(0) == sid);
	CHECK(getresuid(&r2, &e2, &s2) == 0 && getresgid(&gr2, &ge2, &gs2) == 0);
	CHECK(r == r2 && e == e2 && s == s2);
	CHECK(gr == gr2 && ge == ge2 && gs == gs2);
	if (root) {
		gid_t got[8];
		CHECK(r2 == 21 && e2 == 0 && s2 == 23 && gr2 == 11 && ge2 == 12 && gs2 == 13);
		CHECK(getgroups(8, got) == 3);
		CHECK(got[0] == 7 && got[1] == 4242 && got[2] == 100000);
		// Setting an id that is refused reports the old one.
		CHECK(setfsuid(-1) == 24 && setfsgid(-1) == 14);
	}
	_exit(0);
}

int main(void)
{
	plan(3);
	pid_t pid = xfork();
	if (pid == 0)
		_exit(body() != 0);
	ok_child(pid, "S3: pgid, sid, r/e/s/fs uid and gid and groups are inherited");

	pid = xfork();
	if (pid == 0) {
		CHECK(setpgid(0, 0) == 0);
		_exit(body() != 0);
	}
	ok_child(pid, "S3: the same in a process group of its own");

	pid = xfork();
	if (pid == 0) {
		CHECK(setsid() == getpid());
		_exit(body() != 0);
	}
	ok_child(pid, "S3: the same in a session of its own");
	return done();
}
