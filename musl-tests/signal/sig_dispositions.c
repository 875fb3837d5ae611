// All 64 signals: setting and getting actions, and what the defaults do.
#include "helpers.h"

static volatile sig_atomic_t got[65];

static void handler(int sig)
{
	got[sig]++;
}

// The kernel's own struct, so that libc's reserved signals can be tried too.
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static int raw_sigaction(int sig, struct kernel_sigaction *new, struct kernel_sigaction *old)
{
	return syscall(SYS_rt_sigaction, sig, new, old, 8);
}

enum { TERM, IGN, STOP, CONT };

static int default_of(int sig)
{
	switch (sig) {
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH:
		return IGN;
	case SIGCONT:
		return CONT;
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return STOP;
	}
	return TERM;
}

int main(void)
{
	plan(13);
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	struct kernel_sigaction act = { .handler = SIG_IGN }, old;

	int good = 0, same = 0;
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || sig == SIGALRM)
			continue;
		act.mask = 1ull << (sig % 60);
		good += raw_sigaction(sig, &act, 0) == 0;
		same += raw_sigaction(sig, 0, &old) == 0 && old.handler == SIG_IGN &&
			(old.mask & ~((1ull << 8) | (1ull << 18))) ==
				(act.mask & ~((1ull << 8) | (1ull << 18)));
		act.mask = 0;
		act.handler = SIG_DFL;
		raw_sigaction(sig, &act, 0);
		act.handler = SIG_IGN;
	}
	is(good, 61, "61 actions can be set");
	is(same, 61, "and read back, mask included");
	act.mask = ~0ull;
	raw_sigaction(SIGUSR1, &act, 0);
	raw_sigaction(SIGUSR1, 0, &old);
	is(old.mask, ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1)),
	   "SIGKILL and SIGSTOP drop out of a mask");
	fails(raw_sigaction(SIGKILL, &act, 0), EINVAL, "SIGKILL cannot be ignored");
	fails(raw_sigaction(SIGSTOP, &act, 0), EINVAL, "nor SIGSTOP");
	is(raw_sigaction(SIGKILL, 0, &old), 0, "but asked about");
	fails(raw_sigaction(0, 0, &old), EINVAL, "signal 0");
	fails(raw_sigaction(65, 0, &old), EINVAL, "signal 65");
	fails(syscall(SYS_rt_sigaction, SIGUSR1, 0, &old, 4), EINVAL, "a wrong set size");
	fails(syscall(SYS_rt_sigaction, SIGUSR1, 8, 0, 8), EFAULT, "a bad pointer");

	// What happens by default.
	good = 0;
	for (int sig = 1; sig <= 64; sig++) {
		pid_t pid = xfork();
		if (pid == 0) {
			struct kernel_sigaction dfl = { .handler = SIG_DFL };
			raw_sigaction(sig, &dfl, 0);
			// A group of its own that is not orphaned: stops count there.
			setpgid(0, 0);
			syscall(SYS_kill, getpid(), sig);
			_exit(0);
		}
		int status, want = default_of(sig), as_said;
		waitpid(pid, &status, WUNTRACED);
		if (want == STOP) {
			as_said = WIFSTOPPED(status) && WSTOPSIG(status) == sig;
			kill(pid, SIGKILL);
			wait_for(pid);
		} else if (want == TERM) {
			as_said = WIFSIGNALED(status) && WTERMSIG(status) == sig;
		} else {
			as_said = status == 0;
		}
		good += as_said;
		if (!as_said)
			note("  signal %d gave status 0x%x", sig, status);
	}
	is(good, 64, "the default actions of all 64");

	good = 0;
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || (sig >= 32 && sig <= 34))
			continue;
		signal(sig, handler);
		raise(sig);
		good += got[sig] == 1;
		signal(sig, SIG_IGN);
		raise(sig);
		good += got[sig] == 1;
		signal(sig, SIG_DFL);
	}
	is(good, 2 * 59, "59 signals: handled when caught, nothing when ignored");

	// Ignoring throws a pending one away.
	block(SIGTERM);
	raise(SIGTERM);
	signal(SIGTERM, SIG_IGN);
	sigset_t pend;
	sigpending(&pend);
	ok(!sigismember(&pend, SIGTERM), "a pending signal is dropped when it becomes ignored");
	return done();
}
