// alarm and the three interval timers.
#include "helpers.h"
#include <sys/time.h>

static volatile sig_atomic_t alarms, virtuals, profs;

static void handler(int sig)
{
	if (sig == SIGALRM)
		alarms++;
	else if (sig == SIGVTALRM)
		virtuals++;
	else
		profs++;
}

int main(void)
{
	plan(24);
	struct itimerval it, old;
	alarm(0);
	signal(SIGALRM, handler);
	signal(SIGVTALRM, handler);
	signal(SIGPROF, handler);
	is(alarm(100), 0, "alarm: none before");
	unsigned left = alarm(50);
	ok(left >= 99 && left <= 100, "alarm: the seconds left of the one before (%u)", left);
	getitimer(ITIMER_REAL, &it);
	ok(it.it_value.tv_sec >= 48 && it.it_value.tv_sec <= 50 && !it.it_interval.tv_sec,
	   "alarm and ITIMER_REAL are one");
	is(alarm(0) > 0, 1, "alarm(0) takes it off");
	getitimer(ITIMER_REAL, &it);
	ok(!it.it_value.tv_sec && !it.it_value.tv_usec, "nothing is armed");

	it = (struct itimerval){ .it_value = { 0, 20000 } };
	uint64_t start = now_ns();
	is(setitimer(ITIMER_REAL, &it, &old), 0, "setitimer, once");
	ok(!old.it_value.tv_sec && !old.it_value.tv_usec, "the old one is told");
	sigset_t none;
	sigemptyset(&none);
	block(SIGALRM);
	while (!alarms)
		sigsuspend(&none);
	unblock(SIGALRM);
	ok(now_ns() - start >= 20000000, "not too early");
	getitimer(ITIMER_REAL, &it);
	ok(alarms == 1 && !it.it_value.tv_sec && !it.it_value.tv_usec, "one signal, then it is off");

	it = (struct itimerval){ .it_value = { 0, 5000 }, .it_interval = { 0, 5000 } };
	alarms = 0;
	setitimer(ITIMER_REAL, &it, 0);
	block(SIGALRM);
	while (alarms < 5)
		sigsuspend(&none);
	unblock(SIGALRM);
	ok(alarms >= 5, "an interval timer comes again and again");
	it = (struct itimerval){ 0 };
	is(setitimer(ITIMER_REAL, &it, &old), 0, "off");
	ok(old.it_interval.tv_usec == 5000 || old.it_interval.tv_usec == 8000, "its interval is told");
	int seen = alarms;
	nanosleep(&(struct timespec){ 0, 30000000 }, 0);
	is(alarms, seen, "off is off");

	// Processor time: a sleep does not count, work does.
	it = (struct itimerval){ .it_value = { 0, 20000 } };
	setitimer(ITIMER_VIRTUAL, &it, 0);
	nanosleep(&(struct timespec){ 0, 50000000 }, 0);
	is(virtuals, 0, "ITIMER_VIRTUAL does not run in a sleep");
	while (!virtuals)
		;
	is(virtuals, 1, "but in user code");
	setitimer(ITIMER_PROF, &it, 0);
	while (!profs)
		syscall(SYS_getppid);
	is(profs, 1, "ITIMER_PROF runs in system calls as well");

	fails(setitimer(7, &it, 0), EINVAL, "an unknown timer");
	fails(getitimer(7, &it), EINVAL, "for getitimer too");
	it.it_value.tv_usec = 1000000;
	fails(syscall(SYS_setitimer, ITIMER_REAL, &it, 0), EINVAL, "a million microseconds");
	it.it_value = (struct timeval){ -1, 0 };
	fails(syscall(SYS_setitimer, ITIMER_REAL, &it, 0), EINVAL, "negative seconds");
	fails(syscall(SYS_setitimer, ITIMER_REAL, 8, 0), EFAULT, "a bad pointer");
	fails(syscall(SYS_getitimer, ITIMER_REAL, 8), EFAULT, "for the result too");

	pid_t pid = xfork();
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		it = (struct itimerval){ .it_value = { 0, 1000 } };
		setitimer(ITIMER_REAL, &it, 0);
		for (;;)
			pause();
	}
	ok_killed(pid, SIGALRM, "by default SIGALRM kills");
	pid = xfork();
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		it = (struct itimerval){ .it_value = { 0, 10000 } };
		setitimer(ITIMER_REAL, &it, 0);
		execlp("sleep", "sleep", "30", (char *)0);
		_exit(127);
	}
	int status = wait_for(pid);
	ok((WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) || status == 127 << 8,
	   "a timer goes on over exec");
	return done();
}
