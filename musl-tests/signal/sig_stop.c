// Stopping and continuing, and how they cancel each other.
#include "helpers.h"

static volatile sig_atomic_t count;

static void handler(int sig)
{
	(void)sig;
	count++;
}

int main(void)
{
	plan(13);
	int status;
	volatile long *ticks = shared(PAGE);
	pid_t pid = xfork();
	if (pid == 0)
		for (;;)
			++*ticks;
	while (*ticks < 1000)
		syscall(SYS_sched_yield);
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	char state = proc_state(pid);
	ok(state == 'T' || state == 0, "a stopped process is in state T");
	long seen = *ticks;
	for (volatile int i = 0; i < 3000000; i++)
		;
	is(*ticks, seen, "and does not run");
	kill(pid, SIGUSR1);
	kill(pid, SIGTERM);
	is(waitpid(pid, &status, WNOHANG), 0, "signals wait while it is stopped");
	kill(pid, SIGCONT);
	status = wait_for(pid);
	ok(WIFSIGNALED(status) && (WTERMSIG(status) == SIGUSR1 || WTERMSIG(status) == SIGTERM),
	   "and are taken when it continues");

	pid = xfork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	kill(pid, SIGKILL);
	ok_killed(pid, SIGKILL, "SIGKILL does not wait");

	// SIGCONT throws pending stops away, and stops throw SIGCONT away, even
	// blocked ones.
	pid = xfork();
	if (pid == 0) {
		sigset_t pend;
		block(SIGTSTP);
		block(SIGCONT);
		raise(SIGTSTP);
		raise(SIGCONT);
		CHECK(sigpending(&pend) == 0);
		CHECK(!sigismember(&pend, SIGTSTP) && sigismember(&pend, SIGCONT));
		raise(SIGTSTP);
		CHECK(sigpending(&pend) == 0);
		CHECK(sigismember(&pend, SIGTSTP) && !sigismember(&pend, SIGCONT));
		_exit(0);
	}
	ok_child(pid, "stop and continue cancel each other while pending");

	struct gate go, ready;
	gate_init(&go);
	gate_init(&ready);
	pid = xfork();
	if (pid == 0) {
		signal(SIGCONT, handler);
		gate_open(&ready);
		gate_wait(&go);
		_exit(count);
	}
	gate_wait(&ready);
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	kill(pid, SIGCONT);
	waitpid(pid, &status, WCONTINUED);
	gate_open(&go);
	is(wait_for(pid), 1 << 8, "a handler for SIGCONT runs after it continued");

	pid = xfork();
	if (pid == 0) {
		block(SIGCONT);
		raise(SIGSTOP);
		sigset_t pend;
		CHECK(sigpending(&pend) == 0 && sigismember(&pend, SIGCONT));
		_exit(0);
	}
	waitpid(pid, &status, WUNTRACED);
	kill(pid, SIGCONT);
	ok_child(pid, "a blocked SIGCONT continues all the same, and stays pending");

	// A handler makes SIGTSTP an ordinary signal.
	pid = xfork();
	if (pid == 0) {
		signal(SIGTSTP, handler);
		raise(SIGTSTP);
		_exit(count);
	}
	is(wait_for(pid), 1 << 8, "a handled SIGTSTP does not stop");

	// In an orphaned group terminal stops are dropped; SIGSTOP is not.
	pid = xfork();
	if (pid == 0) {
		setsid();
		raise(SIGTSTP);
		raise(SIGTTIN);
		raise(SIGTTOU);
		_exit(3);
	}
	is(waitpid(pid, &status, WUNTRACED), pid, "an orphaned group");
	is(status, 3 << 8, "ignores SIGTSTP, SIGTTIN and SIGTTOU by default");

	// A group that becomes orphaned with a stopped member: SIGHUP, SIGCONT.
	int p[2];
	xpipe(p);
	pid = xfork();
	if (pid == 0) {
		setsid();
		pid_t sub = fork();
		if (sub == 0) {
			setpgid(0, 0);
			close(p[0]);
			raise(SIGSTOP);
			for (;;)
				pause();
		}
		setpgid(sub, sub);
		waitpid(sub, &status, WUNTRACED);
		_exit(0);
	}
	close(p[1]);
	ok_child(pid, "a session leader leaves a stopped child behind");
	char c;
	is(read(p[0], &c, 1), 0, "which gets SIGHUP and SIGCONT, and dies of it");
	return done();
}
