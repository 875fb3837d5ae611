// WUNTRACED and WCONTINUED: each change is reported once, and only if asked.
#include "helpers.h"

static struct gate end;

static pid_t idle_child(void)
{
	pid_t pid = xfork();
	if (pid == 0) {
		gate_wait(&end);
		_exit(3);
	}
	return pid;
}

int main(void)
{
	plan(19);
	gate_init(&end);
	static const int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };
	int status;
	pid_t pid;

	// In a group of its own that is not orphaned, so that tty stops count.
	for (size_t i = 0; i < COUNT(stops); i++) {
		pid = idle_child();
		setpgid(pid, pid);
		kill(pid, stops[i]);
		is(waitpid(pid, &status, WUNTRACED), pid, "stop by signal %d is reported", stops[i]);
		ok(WIFSTOPPED(status) && WSTOPSIG(status) == stops[i], "with its number");
		kill(pid, SIGKILL);
		is(wait_for(pid), SIGKILL, "SIGKILL ends a stopped process");
	}

	pid = idle_child();
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	is(waitpid(pid, &status, WUNTRACED | WNOHANG), 0, "a stop is reported only once");
	kill(pid, SIGCONT);
	is(waitpid(pid, &status, WCONTINUED), pid, "WCONTINUED reports SIGCONT");
	is(status, 0xffff, "with status 0xffff");
	is(waitpid(pid, &status, WCONTINUED | WNOHANG), 0, "and only once");

	kill(pid, SIGSTOP);
	while (proc_state(pid) != 'T' && proc_state(pid) != 0)
		syscall(SYS_sched_yield);
	is(waitpid(pid, &status, WNOHANG), 0, "without WUNTRACED a stop is not reported");
	is(waitpid(pid, &status, WNOHANG | WUNTRACED), pid, "it was kept for one who asks");
	kill(pid, SIGCONT);
	gate_open(&end);
	is(wait_for(pid), 3 << 8, "an unasked continue does not hide the exit");
	return done();
}
