// The status word: exit codes, deaths by signal, stops.
#include "helpers.h"

int main(void)
{
	plan(8);
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);

	int right = 0;
	for (int code = 0; code < 256; code++) {
		pid_t pid = xfork();
		if (pid == 0)
			_exit(code);
		right += wait_for(pid) == code << 8;
	}
	is(right, 256, "every exit code 0..255 arrives as code << 8");

	pid_t pid = xfork();
	if (pid == 0)
		syscall(SYS_exit_group, 0x12345);
	is(wait_for(pid), 0x4500, "only the low eight bits of an exit code count");
	pid = xfork();
	if (pid == 0)
		syscall(SYS_exit, -1);
	is(wait_for(pid), 0xff00, "exit(-1) is 255");

	static const int deadly[] = { SIGHUP, SIGINT, SIGKILL, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM,
				      SIGTERM, SIGSTKFLT, SIGVTALRM, SIGPROF, SIGIO, SIGPWR };
	right = 0;
	for (size_t i = 0; i < COUNT(deadly); i++) {
		pid = xfork();
		if (pid == 0) {
			if (deadly[i] != SIGKILL)
				signal(deadly[i], SIG_DFL);
			kill(getpid(), deadly[i]);
			_exit(77);
		}
		int status = wait_for(pid);
		if (status == deadly[i])
			right++;
		else
			note("signal %d gave status 0x%x", deadly[i], status);
	}
	is(right, COUNT(deadly), "terminating signals: the status is the signal number");

	static const int cores[] = { SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE,
				     SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS };
	right = 0;
	for (size_t i = 0; i < COUNT(cores); i++) {
		pid = xfork();
		if (pid == 0) {
			kill(getpid(), cores[i]);
			_exit(77);
		}
		// Whether a core was really written is the machine's business.
		right += (wait_for(pid) & ~0x80) == cores[i];
	}
	is(right, COUNT(cores), "core-dumping signals likewise, but for the core flag");

	right = 0;
	for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++) {
		pid = xfork();
		if (pid == 0) {
			kill(getpid(), sig);
			_exit(77);
		}
		right += wait_for(pid) == sig;
	}
	is(right, SIGRTMAX - SIGRTMIN + 1, "real-time signals kill by default");

	pid = xfork();
	if (pid == 0) {
		raise(SIGSTOP);
		_exit(0);
	}
	int status;
	waitpid(pid, &status, WUNTRACED);
	is(status, SIGSTOP << 8 | 0x7f, "a stop is signal << 8 | 0x7f");
	kill(pid, SIGCONT);
	is(wait_for(pid), 0, "and it goes on to its exit");
	return done();
}
