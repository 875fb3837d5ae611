// The clocks: which there are, that they agree, that they never go back.
#include "helpers.h"
#include <sys/time.h>
#include <sys/timex.h>

static uint64_t ns(clockid_t id)
{
	struct timespec t = { 0 };
	syscall(SYS_clock_gettime, id, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

int main(void)
{
	plan(26);
	struct timespec t;
	static const clockid_t ids[] = { CLOCK_REALTIME,	 CLOCK_MONOTONIC,
					 CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
					 CLOCK_MONOTONIC_RAW,	 CLOCK_REALTIME_COARSE,
					 CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME };
	int good = 0;
	for (size_t i = 0; i < COUNT(ids); i++)
		good += syscall(SYS_clock_gettime, ids[i], &t) == 0 && t.tv_nsec >= 0 &&
			t.tv_nsec < 1000000000;
	is(good, COUNT(ids), "eight clocks can be read");
	int back = 0;
	uint64_t last = 0;
	for (int i = 0; i < 20000; i++) {
		uint64_t n = ns(CLOCK_MONOTONIC);
		back += n < last;
		last = n;
	}
	is(back, 0, "CLOCK_MONOTONIC never goes back");
	uint64_t a = ns(CLOCK_MONOTONIC);
	while (ns(CLOCK_MONOTONIC) == a)
		;
	ok(1, "and it moves");
	uint64_t r = ns(CLOCK_REALTIME);
	struct timeval tv;
	is(syscall(SYS_gettimeofday, &tv, 0), 0, "gettimeofday");
	uint64_t g = tv.tv_sec * 1000000000ull + tv.tv_usec * 1000ull;
	ok(g + 1000 >= r && g < r + 5000000000ull, "agrees with CLOCK_REALTIME");
	time_t now = syscall(SYS_time, 0), stored = 0;
	ok(now >= (time_t)(r / 1000000000) && now <= (time_t)(r / 1000000000) + 5, "so does time");
	ok(syscall(SYS_time, &stored) == stored, "time stores what it returns");
	ok(r > 1700000000ull * 1000000000, "the date is after 2023: %lld", (long long)now);
	uint64_t c = ns(CLOCK_MONOTONIC_COARSE), m = ns(CLOCK_MONOTONIC);
	ok(c <= m && m - c < 100000000, "the coarse clock is close behind");
	ok(ns(CLOCK_BOOTTIME) + 1000000 >= m, "boot time is not before monotonic time");

	uint64_t cpu = ns(CLOCK_PROCESS_CPUTIME_ID);
	for (volatile int i = 0; i < 2000000; i++)
		;
	ok(ns(CLOCK_PROCESS_CPUTIME_ID) > cpu, "work takes processor time");
	cpu = ns(CLOCK_PROCESS_CPUTIME_ID);
	nanosleep(&(struct timespec){ 0, 60000000 }, 0);
	ok(ns(CLOCK_PROCESS_CPUTIME_ID) - cpu < 50000000, "sleep does not");
	ok(ns(CLOCK_THREAD_CPUTIME_ID) <= ns(CLOCK_PROCESS_CPUTIME_ID), "the thread's is part of it");

	// The real and monotonic clocks run at one rate.
	uint64_t r0 = ns(CLOCK_REALTIME), m0 = ns(CLOCK_MONOTONIC);
	nanosleep(&(struct timespec){ 0, 50000000 }, 0);
	int64_t dr = ns(CLOCK_REALTIME) - r0, dm = ns(CLOCK_MONOTONIC) - m0;
	ok(dm >= 50000000, "a sleep of 50 ms takes at least that");
	ok(dr - dm < 20000000 && dm - dr < 20000000, "by both clocks");

	is(clock_getres(CLOCK_MONOTONIC, &t), 0, "clock_getres");
	ok(t.tv_sec == 0 && t.tv_nsec >= 1 && t.tv_nsec <= 10000000, "a resolution of %ld ns", t.tv_nsec);
	is(clock_getres(CLOCK_REALTIME, 0), 0, "without a result");
	fails(syscall(SYS_clock_gettime, 99, &t), EINVAL, "an unknown clock");
	fails(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8), EFAULT, "a bad pointer");
	fails(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &t), EINVAL, "CLOCK_MONOTONIC cannot be set");
	t = (struct timespec){ 0, 1000000000 };
	fails(syscall(SYS_clock_settime, CLOCK_REALTIME, &t), EINVAL, "a billion nanoseconds");
	pid_t pid = xfork();
	if (pid == 0) {
		struct timespec z = { 1700000000, 0 };
		CHECK(become(58003) == 0);
		CHECK_FAILS(clock_settime(CLOCK_REALTIME, &z), EPERM);
		_exit(0);
	}
	ok_child(pid, "only root sets the clock");
	// The vdso, if there is one, and the system call tell one time.
	struct timespec v;
	uint64_t before = ns(CLOCK_MONOTONIC);
	clock_gettime(CLOCK_MONOTONIC, &v);
	uint64_t mid = v.tv_sec * 1000000000ull + v.tv_nsec, after = ns(CLOCK_MONOTONIC);
	ok(before <= mid && mid <= after, "libc's clock_gettime lies between two system calls");
	// Processes on different processors agree too.
	uint64_t *stamp = shared(PAGE);
	struct gate go;
	gate_init(&go);
	pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		stamp[0] = ns(CLOCK_MONOTONIC);
		_exit(0);
	}
	uint64_t sent = ns(CLOCK_MONOTONIC);
	gate_open(&go);
	wait_for(pid);
	ok(stamp[0] >= sent, "an effect is not earlier than its cause");
	ok(ns(CLOCK_MONOTONIC) >= stamp[0], "nor later than what follows");
	return done();
}
