// SIGCHLD: its siginfo, SA_NOCLDSTOP, and children that reap themselves.
#include "helpers.h"

static volatile siginfo_t seen;
static volatile sig_atomic_t count;

static void on_chld(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	memcpy((void *)&seen, info, sizeof seen);
	count++;
}

// Lets SIGCHLD in until the count has moved.
static void await(int n)
{
	sigset_t open;
	sigprocmask(SIG_BLOCK, 0, &open);
	sigdelset(&open, SIGCHLD);
	while (count < n)
		sigsuspend(&open);
}

int main(void)
{
	plan(20);
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	struct gate go;
	gate_init(&go);
	block(SIGCHLD);
	catch_signal(SIGCHLD, on_chld, 0);

	pid_t pid = xfork();
	if (pid == 0)
		_exit(7);
	await(1);
	is(seen.si_signo, SIGCHLD, "exit sends SIGCHLD");
	is(seen.si_code, CLD_EXITED, "CLD_EXITED");
	is(seen.si_pid, pid, "si_pid");
	is(seen.si_uid, getuid(), "si_uid");
	is(seen.si_status, 7, "si_status is the exit code");
	wait_for(pid);

	pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		_exit(0);
	}
	kill(pid, SIGSTOP);
	await(2);
	ok(seen.si_code == CLD_STOPPED && seen.si_status == SIGSTOP && seen.si_pid == pid,
	   "a stop: CLD_STOPPED and the signal");
	kill(pid, SIGCONT);
	await(3);
	ok(seen.si_code == CLD_CONTINUED && seen.si_status == SIGCONT, "SIGCONT: CLD_CONTINUED");
	kill(pid, SIGKILL);
	await(4);
	ok(seen.si_code == CLD_KILLED && seen.si_status == SIGKILL, "a kill: CLD_KILLED");
	wait_for(pid);
	pid = xfork();
	if (pid == 0)
		abort();
	await(5);
	ok((seen.si_code == CLD_DUMPED || seen.si_code == CLD_KILLED) && seen.si_status == SIGABRT,
	   "abort: CLD_DUMPED, or CLD_KILLED without a core");
	wait_for(pid);

	catch_signal(SIGCHLD, on_chld, SA_NOCLDSTOP);
	count = 0;
	pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		_exit(0);
	}
	int status;
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	kill(pid, SIGCONT);
	waitpid(pid, &status, WCONTINUED);
	sigset_t pend;
	sigpending(&pend);
	ok(!sigismember(&pend, SIGCHLD), "SA_NOCLDSTOP: no signal for stop and continue");
	gate_open(&go);
	await(1);
	is(seen.si_code, CLD_EXITED, "SA_NOCLDSTOP: but one for the exit");
	is(wait_for(pid), 0, "SA_NOCLDSTOP: waited for as usual");

	catch_signal(SIGCHLD, on_chld, SA_NOCLDWAIT);
	count = 0;
	pid = xfork();
	if (pid == 0)
		_exit(1);
	await(1);
	is(seen.si_pid, pid, "SA_NOCLDWAIT: the signal still comes");
	fails(waitpid(pid, &status, 0), ECHILD, "SA_NOCLDWAIT: nothing to wait for");
	unblock(SIGCHLD);

	signal(SIGCHLD, SIG_IGN);
	pid = xfork();
	if (pid == 0)
		_exit(1);
	fails(waitpid(pid, &status, 0), ECHILD, "SIG_IGN: wait blocks until the child is gone");
	fails(kill(pid, 0), ESRCH, "SIG_IGN: no zombie is left when it returns");
	pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		_exit(1);
	}
	is(waitpid(pid, &status, WNOHANG), 0, "SIG_IGN: a running child is still a child");
	gate_open(&go);
	fails(waitpid(-1, &status, 0), ECHILD, "SIG_IGN: any child, the same");

	// Ignored by default is not the same as ignored.
	signal(SIGCHLD, SIG_DFL);
	pid = xfork();
	if (pid == 0)
		_exit(2);
	is(wait_for(pid), 2 << 8, "SIG_DFL: children stay for wait");

	// Several deaths while blocked: one signal, but each can be waited for.
	catch_signal(SIGCHLD, on_chld, 0);
	block(SIGCHLD);
	count = 0;
	for (int i = 0; i < 3; i++)
		if (xfork() == 0)
			_exit(0);
	int reaped = 0;
	while (waitpid(-1, &status, 0) > 0)
		reaped++;
	unblock(SIGCHLD);
	ok(reaped == 3 && count == 1, "three deaths, one pending SIGCHLD, three waits");
	return done();
}
