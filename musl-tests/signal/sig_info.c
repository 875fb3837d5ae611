// What siginfo tells about kill, tgkill, sigqueue, timers and children.
#include "helpers.h"
#include <sys/time.h>

static volatile siginfo_t seen;
static volatile sig_atomic_t count;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	memcpy((void *)&seen, info, sizeof seen);
	count++;
	if (info->si_signo != sig)
		count = -1000;
}

int main(void)
{
	plan(19);
	catch_signal(SIGUSR1, handler, 0);
	catch_signal(SIGRTMIN, handler, 0);
	kill(getpid(), SIGUSR1);
	is(seen.si_code, SI_USER, "kill: SI_USER");
	ok(seen.si_pid == getpid() && seen.si_uid == getuid(), "kill: pid and uid of the sender");
	is(seen.si_errno, 0, "si_errno is 0");

	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
	is(seen.si_code, SI_TKILL, "tgkill: SI_TKILL");
	ok(seen.si_pid == getpid() && seen.si_uid == getuid(), "tgkill: pid and uid");
	syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1);
	is(seen.si_code, SI_TKILL, "tkill: SI_TKILL");

	union sigval v = { .sival_ptr = (void *)0x123456789abcdef0 };
	is(sigqueue(getpid(), SIGUSR1, v), 0, "sigqueue");
	is(seen.si_code, SI_QUEUE, "sigqueue: SI_QUEUE");
	ok(seen.si_value.sival_ptr == v.sival_ptr && seen.si_pid == getpid(),
	   "sigqueue: all 64 bits of the value, and the pid");

	// From another process, as another user if we may.
	block(SIGUSR1);
	pid_t me = getpid(), pid = xfork();
	if (pid == 0) {
		if (geteuid() == 0 && setresuid(1234, getuid(), getuid()) < 0)
			_exit(1);
		kill(me, SIGUSR1);
		_exit(0);
	}
	wait_for(pid);
	unblock(SIGUSR1);
	is(seen.si_pid, pid, "the sender's pid, though it is gone");
	is(seen.si_uid, geteuid() == 0 ? 1234 : getuid(), "the sender's real uid");

	// The queue keeps values in order; a standard signal keeps its first.
	block(SIGRTMIN);
	block(SIGUSR1);
	for (int i = 1; i <= 5; i++) {
		sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i });
		sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = i });
	}
	siginfo_t info;
	sigset_t rt = set_of(SIGRTMIN);
	int in_order = 1;
	for (int i = 1; i <= 5; i++)
		in_order &= sigwaitinfo(&rt, &info) == SIGRTMIN && info.si_value.sival_int == i;
	ok(in_order, "five queued real-time signals in order");
	count = 0;
	unblock(SIGUSR1);
	is(count, 1, "five queued SIGUSR1 are one");
	is(seen.si_value.sival_int, 1, "with the first value");

	// A process may forge codes below zero for itself, others only as kernel.
	siginfo_t forged = { .si_code = SI_QUEUE };
	is(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &forged), 0, "rt_sigqueueinfo");
	struct gate go;
	gate_init(&go);
	pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		_exit(0);
	}
	forged.si_code = SI_USER;
	fails(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &forged), EPERM,
	      "SI_USER cannot be forged for another process");
	forged.si_code = SI_TKILL;
	fails(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &forged), EPERM, "nor SI_TKILL");
	gate_open(&go);
	wait_for(pid);

	catch_signal(SIGVTALRM, handler, 0);
	count = 0;
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){ .it_value = { 0, 10000 } }, 0);
	while (count == 0)
		;
	is(seen.si_signo, SIGVTALRM, "an interval timer's signal");
	is(seen.si_code, SI_KERNEL, "comes from the kernel");
	return done();
}
