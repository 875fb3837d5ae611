// Resource usage travels by wait4, and only by wait4.
#include "helpers.h"

static long cpu_us(const struct rusage *u)
{
	return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000L + u->ru_utime.tv_usec +
	       u->ru_stime.tv_usec;
}

static void burn(long ms)
{
	struct timespec t;
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
}

int main(void)
{
	plan(8);
	struct rusage before, use, after;
	getrusage(RUSAGE_CHILDREN, &before);
	is(cpu_us(&before), 0, "no child has been waited for");

	pid_t pid = xfork();
	if (pid == 0) {
		char *p = private(8 * MIB);
		for (long i = 0; i < 8 * MIB; i += PAGE)
			p[i] = 1;
		burn(100);
		_exit(0);
	}
	while (proc_state(pid) != 'Z' && proc_state(pid) != 0)
		syscall(SYS_sched_yield);
	getrusage(RUSAGE_CHILDREN, &after);
	is(cpu_us(&after), 0, "a zombie's time is not counted yet");
	int status;
	memset(&use, 0xee, sizeof use);
	is(wait4(pid, &status, 0, &use), pid, "wait4 with rusage");
	ok(cpu_us(&use) >= 60000 && cpu_us(&use) < 60000000, "its processor time is plausible (%ld us)",
	   cpu_us(&use));
	ok(use.ru_minflt > 100, "so are its page faults (%ld)", use.ru_minflt);
	ok(use.ru_maxrss >= 7168, "so is its largest resident set (%ld KiB)", use.ru_maxrss);
	getrusage(RUSAGE_CHILDREN, &after);
	ok(cpu_us(&after) >= cpu_us(&use) - 20000, "now it counts as a child's");

	// Time of a grandchild that its parent waited for is handed up.
	pid = xfork();
	if (pid == 0) {
		pid_t sub = fork();
		if (sub == 0) {
			burn(100);
			_exit(0);
		}
		wait_for(sub);
		_exit(0);
	}
	wait4(pid, &status, 0, &use);
	ok(cpu_us(&use) >= 60000, "a grandchild's time is handed up (%ld us)", cpu_us(&use));
	return done();
}
