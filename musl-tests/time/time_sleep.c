// nanosleep and clock_nanosleep.
#include "helpers.h"

static void handler(int sig)
{
	(void)sig;
}

static long raw(clockid_t c, int flags, struct timespec *t, void *rem)
{
	return syscall(SYS_clock_nanosleep, c, flags, t, rem);
}

int main(void)
{
	plan(18);
	struct timespec t = { 0, 30000000 }, rem;
	uint64_t start = now_ns();
	is(syscall(SYS_nanosleep, &t, 0), 0, "nanosleep");
	ok(now_ns() - start >= 30000000, "sleeps at least as long as told");
	t = (struct timespec){ 0, 0 };
	is(syscall(SYS_nanosleep, &t, 0), 0, "no time at all");
	t.tv_nsec = 1000000000;
	fails(syscall(SYS_nanosleep, &t, 0), EINVAL, "a billion nanoseconds");
	t.tv_nsec = -1;
	fails(syscall(SYS_nanosleep, &t, 0), EINVAL, "negative nanoseconds");
	t = (struct timespec){ -1, 0 };
	fails(syscall(SYS_nanosleep, &t, 0), EINVAL, "negative seconds");
	fails(syscall(SYS_nanosleep, 8, 0), EFAULT, "a bad pointer");

	signal(SIGUSR1, handler);
	pid_t me = getpid(), pid = xfork();
	if (pid == 0) {
		wait_asleep(me);
		kill(me, SIGUSR1);
		_exit(0);
	}
	t = (struct timespec){ 1000, 0 };
	fails(syscall(SYS_nanosleep, &t, &rem), EINTR, "a handler ends it");
	wait_for(pid);
	ok(rem.tv_sec >= 900 && rem.tv_sec <= 1000 && rem.tv_nsec >= 0 && rem.tv_nsec < 1000000000,
	   "and what is left is told (%ld s)", (long)rem.tv_sec);

	start = now_ns();
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += 30000000;
	if (t.tv_nsec >= 1000000000)
		t.tv_sec++, t.tv_nsec -= 1000000000;
	is(raw(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0), 0, "clock_nanosleep to a moment");
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ok(now.tv_sec > t.tv_sec || (now.tv_sec == t.tv_sec && now.tv_nsec >= t.tv_nsec), "not before it");
	is(raw(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){ 1, 0 }, 0), 0, "a moment long past");
	is(raw(CLOCK_REALTIME, 0, &(struct timespec){ 0, 1000000 }, 0), 0, "CLOCK_REALTIME");
	fails(raw(99, 0, &(struct timespec){ 0, 0 }, 0), EINVAL, "an unknown clock");
	fails(raw(CLOCK_THREAD_CPUTIME_ID, 0, &(struct timespec){ 0, 0 }, 0), EOPNOTSUPP,
	      "the thread's own processor time");
	fails(raw(CLOCK_MONOTONIC, 0, &(struct timespec){ 0, 2000000000 }, 0), EINVAL, "bad nanoseconds");

	pid = xfork();
	if (pid == 0) {
		wait_asleep(me);
		kill(me, SIGUSR1);
		_exit(0);
	}
	rem = (struct timespec){ 7, 7 };
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += 1000;
	fails(raw(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, &rem), EINTR, "an absolute sleep is interrupted");
	wait_for(pid);
	ok(rem.tv_sec == 7 && rem.tv_nsec == 7, "and stores no remainder");
	return done();
}
