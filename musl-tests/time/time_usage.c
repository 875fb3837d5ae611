// times, getrusage, sysinfo: plausible figures.
#include "helpers.h"
#include <sys/sysinfo.h>
#include <sys/times.h>

static long ms(struct timeval t)
{
	return t.tv_sec * 1000 + t.tv_usec / 1000;
}

// Uses so many nanoseconds of processor time from now on.
static void work(long ns)
{
	struct timespec a, b;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	while ((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec < ns);
}

int main(void)
{
	plan(18);
	struct tms t0, t1;
	memset(private(4 * MIB), 1, 4 * MIB);
	clock_t c0 = times(&t0);
	struct rusage u0, u1;
	getrusage(RUSAGE_SELF, &u0);
	work(150000000);
	clock_t c1 = times(&t1);
	getrusage(RUSAGE_SELF, &u1);
	ok(c0 != -1 && c1 - c0 >= 14, "times counts real time in hundredths (%ld)", (long)(c1 - c0));
	ok(t1.tms_utime + t1.tms_stime - t0.tms_utime - t0.tms_stime >= 10, "and processor time");
	is(t1.tms_cutime + t1.tms_cstime, 0, "no children yet");
	long used = ms(u1.ru_utime) + ms(u1.ru_stime) - ms(u0.ru_utime) - ms(u0.ru_stime);
	ok(used >= 100 && used < 5000, "getrusage: %ld ms of processor time", used);
	ok(u1.ru_maxrss > 3000 && u1.ru_maxrss < 100000, "ru_maxrss %ld KiB", u1.ru_maxrss);
	ok(u1.ru_minflt > 5, "ru_minflt %ld", u1.ru_minflt);

	nanosleep(&(struct timespec){ 0, 1000000 }, 0);
	nanosleep(&(struct timespec){ 0, 1000000 }, 0);
	getrusage(RUSAGE_SELF, &u0);
	ok(u0.ru_nvcsw >= u1.ru_nvcsw + 2, "two sleeps are two voluntary switches");
	pid_t pid = xfork();
	if (pid == 0) {
		work(100000000);
		_exit(0);
	}
	wait_for(pid);
	times(&t1);
	ok(t1.tms_cutime + t1.tms_cstime >= 6, "a child's time is added when it is waited for");
	getrusage(RUSAGE_CHILDREN, &u1);
	ok(ms(u1.ru_utime) + ms(u1.ru_stime) >= 60, "in getrusage as well");
	is(syscall(SYS_times, 0) != -1, 1, "times without a result");
	fails(getrusage(99, &u1), EINVAL, "an unknown target");
	fails(syscall(SYS_getrusage, RUSAGE_SELF, 8), EFAULT, "a bad pointer");
	is(getrusage(1 /* RUSAGE_THREAD */, &u1), 0, "RUSAGE_THREAD");

	struct sysinfo si;
	is(sysinfo(&si), 0, "sysinfo");
	ok(si.totalram > 0 && si.freeram > 0 && si.freeram < si.totalram && si.mem_unit >= 1,
	   "memory: %lu of %lu free", si.freeram, si.totalram);
	ok(si.procs >= 1, "%d processes", si.procs);
	struct timespec boot;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	long off = (long)si.uptime - boot.tv_sec;
	ok(off >= -2 && off <= 2, "up since %ld s", si.uptime);
	fails(syscall(SYS_sysinfo, 8), EFAULT, "a bad pointer");
	return done();
}
