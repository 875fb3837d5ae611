// Resource limits: reading, lowering, raising; nice values; host name.
#include "helpers.h"
#include <sys/utsname.h>

static int raw_prlimit(pid_t pid, int what, struct rlimit *new, struct rlimit *old)
{
	return syscall(SYS_prlimit64, pid, what, new, old);
}

int main(void)
{
	plan(25);
	struct rlimit r, old;
	int good = 0;
	for (int what = 0; what < 16; what++)
		good += getrlimit(what, &r) == 0 && r.rlim_cur <= r.rlim_max;
	is(good, 16, "16 limits can be read");
	fails(raw_prlimit(0, 16, 0, &r), EINVAL, "a seventeenth not");
	fails(raw_prlimit(0, 7, 0, (void *)8), EFAULT, "a bad pointer");
	fails(raw_prlimit(999999, 7, 0, &r), ESRCH, "of nobody");
	getrlimit(RLIMIT_STACK, &r);
	is(r.rlim_cur, 8 * MIB, "8 MiB of stack");
	getrlimit(RLIMIT_NOFILE, &r);
	ok(r.rlim_cur >= 256, "room for files (%lu)", (unsigned long)r.rlim_cur);

	pid_t pid = xfork();
	if (pid == 0) {
		getrlimit(RLIMIT_NOFILE, &old);
		r = (struct rlimit){ 100, 200 };
		CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
		r = (struct rlimit){ 201, 200 };
		CHECK_FAILS(setrlimit(RLIMIT_NOFILE, &r), EINVAL);
		CHECK(become(58004) == 0);
		r = (struct rlimit){ 200, 200 };
		CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0); // up to the hard one
		r = (struct rlimit){ 200, 201 };
		CHECK_FAILS(setrlimit(RLIMIT_NOFILE, &r), EPERM);
		r = (struct rlimit){ 50, 60 };
		CHECK(raw_prlimit(0, RLIMIT_NOFILE, &r, &old) == 0 && old.rlim_cur == 200);
		CHECK(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur == 50 && r.rlim_max == 60);
		_exit(0);
	}
	ok_child(pid, "lowering is free, raising the hard limit is not");
	struct gate go;
	gate_init(&go);
	pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		getrlimit(RLIMIT_NOFILE, &r);
		_exit(r.rlim_cur != 77);
	}
	r = (struct rlimit){ 77, 88 };
	is(raw_prlimit(pid, RLIMIT_NOFILE, &r, 0), 0, "prlimit on a child");
	gate_open(&go);
	ok_child(pid, "the child has it");
	pid = xfork();
	if (pid == 0) {
		r = (struct rlimit){ 90, 90 };
		setrlimit(RLIMIT_NOFILE, &r);
		pid_t sub = fork();
		if (sub == 0) {
			getrlimit(RLIMIT_NOFILE, &r);
			_exit(r.rlim_cur != 90);
		}
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "S3: limits are inherited");
	pid = xfork();
	if (pid == 0) {
		r = (struct rlimit){ 1, 2 };
		signal(SIGXCPU, SIG_DFL);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		CHECK(setrlimit(RLIMIT_CPU, &r) == 0);
		for (;;)
			;
	}
	ok_killed(pid, SIGXCPU, "RLIMIT_CPU: SIGXCPU after a second of work");

	errno = 0;
	is(getpriority(PRIO_PROCESS, 0), 0, "nice 0");
	is(errno, 0, "which is no error");
	pid = xfork();
	if (pid == 0) {
		CHECK(setpriority(PRIO_PROCESS, 0, 5) == 0 && getpriority(PRIO_PROCESS, 0) == 5);
		CHECK(setpriority(PRIO_PROCESS, 0, 100) == 0 && getpriority(PRIO_PROCESS, 0) == 19);
		CHECK(become(58004) == 0);
		CHECK_FAILS(setpriority(PRIO_PROCESS, 0, 3), EACCES);
		CHECK(setpriority(PRIO_PROCESS, 0, 19) == 0);
		_exit(0);
	}
	ok_child(pid, "nice up to 19; an ordinary user cannot go back");
	fails(getpriority(77, 0), EINVAL, "an unknown kind of target");
	fails(getpriority(PRIO_PROCESS, 999999), ESRCH, "nobody");
	pid = xfork();
	if (pid == 0) {
		CHECK(become(58004) == 0);
		CHECK_FAILS(setpriority(PRIO_PROCESS, 1, 5), EPERM);
		_exit(0);
	}
	ok_child(pid, "somebody else's process");

	struct utsname u, v;
	is(uname(&u), 0, "uname");
	ok(!strcmp(u.machine, "x86_64") && u.release[0] && u.version[0] && u.sysname[0],
	   "%s %s %s", u.sysname, u.release, u.machine);
	int major = atoi(u.release);
	ok(major >= 5, "a release that libraries accept");
	fails(syscall(SYS_uname, 8), EFAULT, "a bad pointer");
	char name[100];
	is(gethostname(name, sizeof name), 0, "gethostname");
	is_str(name, u.nodename, "is uname's nodename");
	memset(name, 'n', sizeof name);
	fails(sethostname(name, 65), geteuid() ? EPERM : EINVAL, "a host name of 65 bytes");
	uname(&v);
	is_str(v.nodename, u.nodename, "changes nothing");
	return done();
}
