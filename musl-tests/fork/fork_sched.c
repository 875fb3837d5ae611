// Scheduling attributes are inherited; processor time starts at zero.
#include "helpers.h"
#include <sched.h>
#include <sys/times.h>

static void burn(void)
{
	struct timespec t;
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while (t.tv_sec == 0 && t.tv_nsec < 60000000);
}

int main(void)
{
	plan(5);
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(setpriority(PRIO_PROCESS, 0, 7) == 0);
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0)
			_exit(getpriority(PRIO_PROCESS, 0) != 7);
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "S4: the nice value is inherited");

	pid = xfork();
	if (pid == 0) {
		struct sched_param param = { 0 };
		CHECK(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &param) == 0);
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0)
			_exit(syscall(SYS_sched_getscheduler, 0) != SCHED_BATCH);
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "S4: the scheduling policy is inherited");

	pid = xfork();
	if (pid == 0) {
		cpu_set_t one, got;
		CPU_ZERO(&one);
		CPU_SET(0, &one);
		CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0) {
			CHECK(sched_getaffinity(0, sizeof got, &got) == 0);
			_exit(!CPU_EQUAL(&one, &got));
		}
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "S4: the processor affinity is inherited");

	burn();
	pid = xfork();
	if (pid == 0) {
		struct timespec t;
		struct rusage use;
		CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
		CHECK(t.tv_sec == 0 && t.tv_nsec < 50000000);
		CHECK(getrusage(RUSAGE_SELF, &use) == 0);
		CHECK(use.ru_utime.tv_sec == 0 && use.ru_utime.tv_usec < 50000);
		_exit(0);
	}
	ok_child(pid, "S4: the child's CPU time starts at zero");

	pid = xfork();
	if (pid == 0) {
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0) {
			burn();
			_exit(0);
		}
		wait_for(sub);
		pid_t next = fork();
		CHECK(next >= 0);
		if (next == 0) {
			struct rusage use;
			CHECK(getrusage(RUSAGE_CHILDREN, &use) == 0);
			CHECK(use.ru_utime.tv_sec == 0 && use.ru_utime.tv_usec == 0);
			_exit(0);
		}
		_exit(wait_for(next) != 0);
	}
	ok_child(pid, "S4: the sums over waited-for children start at zero too");
	return done();
}
