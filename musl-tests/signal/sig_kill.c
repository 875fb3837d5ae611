// kill and its relatives: whom it reaches, what it refuses.
#include "helpers.h"

static volatile sig_atomic_t count;

static void handler(int sig)
{
	(void)sig;
	count++;
}

static struct gate end, ready;

static pid_t idle(pid_t pgid)
{
	pid_t pid = xfork();
	if (pid == 0) {
		signal(SIGUSR1, SIG_DFL);
		setpgid(0, pgid);
		gate_open(&ready);
		gate_wait(&end);
		_exit(0);
	}
	gate_wait(&ready);
	return pid;
}

int main(void)
{
	plan(24);
	gate_init(&end);
	gate_init(&ready);
	pid_t gone = xfork();
	if (gone == 0)
		_exit(0);
	wait_for(gone);

	fails(kill(gone, SIGTERM), ESRCH, "a pid that is gone");
	fails(kill(gone, 0), ESRCH, "also with signal 0");
	fails(kill(-gone, SIGTERM), ESRCH, "a group that does not exist");
	fails(kill(getpid(), 65), EINVAL, "signal 65");
	fails(kill(getpid(), -1), EINVAL, "signal -1");
	fails(kill(gone, 65), ESRCH, "a bad pid is noticed before a bad signal");
	is(kill(getpid(), 0), 0, "signal 0 only asks");
	fails(kill(INT_MIN, SIGTERM), ESRCH, "INT_MIN");

	fails(syscall(SYS_tgkill, getpid(), 0, SIGTERM), EINVAL, "tgkill: tid 0");
	fails(syscall(SYS_tgkill, 0, getpid(), SIGTERM), EINVAL, "tgkill: tgid 0");
	fails(syscall(SYS_tkill, -1, SIGTERM), EINVAL, "tkill: tid -1");
	fails(syscall(SYS_tgkill, getpid(), gone, SIGTERM), ESRCH, "tgkill: no such thread");
	pid_t other = idle(0);
	fails(syscall(SYS_tgkill, getpid(), other, SIGTERM), ESRCH, "tgkill: thread of another group");

	pid_t second = idle(other);
	is(kill(-other, SIGUSR1), 0, "a whole group");
	ok_killed(other, SIGUSR1, "the first of the group");
	ok_killed(second, SIGUSR1, "the second of the group");

	// Group 0: everybody here, the caller included.
	pid_t pid = xfork();
	if (pid == 0) {
		setpgid(0, 0);
		signal(SIGUSR1, handler);
		pid_t sub = idle(getpid());
		CHECK(kill(0, SIGUSR1) == 0 && count == 1);
		int status = wait_for(sub);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
		_exit(0);
	}
	ok_child(pid, "kill(0) reaches the caller's group");

	// Before kill to oneself returns, one unblocked signal has been taken.
	signal(SIGUSR1, handler);
	kill(getpid(), SIGUSR1);
	is(count, 1, "a signal to oneself is taken before kill returns");

	if (geteuid() != 0) {
		skip(6, "needs root to play two users");
		return done();
	}
	pid_t roots = idle(0);
	pid = xfork();
	if (pid == 0) {
		CHECK(become(1111) == 0);
		CHECK_FAILS(kill(roots, SIGTERM), EPERM);
		CHECK_FAILS(kill(roots, 0), EPERM);
		CHECK_FAILS(kill(-roots, SIGTERM), EPERM);
		CHECK_FAILS(kill(1, SIGTERM), EPERM);
		_exit(0);
	}
	ok_child(pid, "an ordinary user cannot signal root's processes");
	pid = xfork();
	if (pid == 0) {
		CHECK(become(1111) == 0);
		CHECK(kill(roots, SIGCONT) == 0);
		_exit(0);
	}
	ok_child(pid, "but SIGCONT within a session is allowed");
	pid = xfork();
	if (pid == 0) {
		CHECK(become(1111) == 0 && setsid() > 0);
		CHECK_FAILS(kill(roots, SIGCONT), EPERM);
		_exit(0);
	}
	ok_child(pid, "not from another session");
	pid = xfork();
	if (pid == 0) {
		// The sender's effective id against the target's saved id.
		pid_t sub = fork();
		if (sub == 0) {
			if (setresuid(2222, 2222, 1111) < 0)
				_exit(1);
			gate_open(&ready);
			for (;;)
				pause();
		}
		gate_wait(&ready);
		CHECK(become(1111) == 0 && kill(sub, SIGKILL) == 0);
		_exit(WTERMSIG(wait_for(sub)) != SIGKILL);
	}
	ok_child(pid, "the target's saved uid counts");
	pid = xfork();
	if (pid == 0) {
		pid_t sub = fork();
		if (sub == 0) {
			if (setresuid(2222, 1111, 2222) < 0)
				_exit(1);
			gate_open(&ready);
			for (;;)
				pause();
		}
		gate_wait(&ready);
		pid_t third = fork();
		if (third == 0) {
			CHECK(become(1111) == 0);
			CHECK_FAILS(kill(sub, SIGKILL), EPERM);
			_exit(0);
		}
		CHECK(wait_for(third) == 0 && kill(sub, SIGKILL) == 0);
		_exit(WTERMSIG(wait_for(sub)) != SIGKILL);
	}
	ok_child(pid, "its effective uid does not");
	gate_open(&end);
	ok_child(roots, "the target was not disturbed");
	return done();
}
