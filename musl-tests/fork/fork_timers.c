// Timers stay with the process that armed them.
#include "helpers.h"
#include <sys/time.h>

int main(void)
{
	plan(5);
	guard(600); // SIGALRM's timer, far away: it is itself an exhibit
	struct itimerval hour = { .it_value = { 3600, 0 }, .it_interval = { 60, 0 } }, got;
	setitimer(ITIMER_VIRTUAL, &hour, 0);
	setitimer(ITIMER_PROF, &hour, 0);

	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(alarm(0) == 0);
		_exit(0);
	}
	ok_child(pid, "S7: the alarm is not inherited");

	pid = xfork();
	if (pid == 0) {
		for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
			CHECK(getitimer(which, &got) == 0);
			CHECK(!got.it_value.tv_sec && !got.it_value.tv_usec);
			CHECK(!got.it_interval.tv_sec && !got.it_interval.tv_usec);
		}
		_exit(0);
	}
	ok_child(pid, "S7: no interval timer is inherited");

	getitimer(ITIMER_PROF, &got);
	ok(got.it_value.tv_sec > 3000 && got.it_interval.tv_sec == 60,
	   "S7: the parent's timer runs on");
	ok(alarm(600) > 500, "S7: so does its alarm");

	timer_t t;
	if (timer_create(CLOCK_MONOTONIC, 0, &t) < 0 && errno == ENOSYS) {
		skip(1, "no POSIX timers");
		return done();
	}
	pid = xfork();
	if (pid == 0) {
		struct itimerspec spec;
		CHECK_FAILS(timer_gettime(t, &spec), EINVAL);
		_exit(0);
	}
	ok_child(pid, "S7: a POSIX timer does not exist in the child");
	return done();
}
