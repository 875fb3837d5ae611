// Which calls a handler interrupts for good, and which start again.
#include "helpers.h"
#include <poll.h>
#include <sys/select.h>

static volatile sig_atomic_t count;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	count++;
}

static int data[2];

// A child that signals us once we sleep, and then, once we sleep again or
// have gone on, sends the byte that ends a restarted read.
static pid_t pester(int times)
{
	pid_t me = getpid(), pid = xfork();
	if (pid == 0) {
		for (int i = 0; i < times; i++) {
			wait_asleep(me);
			kill(me, SIGUSR1);
		}
		wait_asleep(me);
		if (write(data[1], "x", 1) != 1)
			_exit(1);
		_exit(0);
	}
	return pid;
}

static void drain(pid_t helper)
{
	char c;
	fcntl(data[0], F_SETFL, O_NONBLOCK);
	wait_for(helper);
	while (read(data[0], &c, 1) > 0)
		;
	fcntl(data[0], F_SETFL, 0);
}

int main(void)
{
	plan(18);
	char c;
	xpipe(data);

	catch_signal(SIGUSR1, handler, 0);
	pid_t helper = pester(1);
	fails(read(data[0], &c, 1), EINTR, "read without SA_RESTART");
	is(count, 1, "after the handler");
	drain(helper);

	catch_signal(SIGUSR1, handler, SA_RESTART);
	count = 0;
	helper = pester(3);
	is(read(data[0], &c, 1), 1, "read with SA_RESTART starts again");
	is(count, 3, "three times");
	drain(helper);

	struct pollfd p = { data[0], POLLIN, 0 };
	helper = pester(1);
	fails(poll(&p, 1, -1), EINTR, "poll never restarts");
	drain(helper);
	fd_set r;
	FD_ZERO(&r);
	FD_SET(data[0], &r);
	helper = pester(1);
	fails(select(data[0] + 1, &r, 0, 0, 0), EINTR, "select neither");
	drain(helper);
	helper = pester(1);
	fails(pause(), EINTR, "pause neither");
	drain(helper);
	struct timespec left = { 0 };
	helper = pester(1);
	fails(nanosleep(&(struct timespec){ 30, 0 }, &left), EINTR, "nanosleep neither");
	ok(left.tv_sec >= 5 && left.tv_sec <= 30, "and tells what is left (%ld s)", (long)left.tv_sec);
	drain(helper);
	sigset_t none;
	sigemptyset(&none);
	helper = pester(1);
	fails(sigsuspend(&none), EINTR, "sigsuspend neither");
	drain(helper);
	siginfo_t info;
	sigset_t other = set_of(SIGUSR2);
	helper = pester(1);
	// libc would start sigtimedwait again by itself.
	fails(syscall(SYS_rt_sigtimedwait, &other, &info, 0, 8), EINTR, "sigtimedwait neither");
	drain(helper);

	// A full pipe: the writer is interrupted before it could write anything.
	int full[2];
	xpipe(full);
	static char block[65536];
	if (write(full[1], block, sizeof block) != sizeof block)
		bail("filling a pipe");
	catch_signal(SIGUSR1, handler, 0);
	helper = pester(1);
	fails(write(full[1], block, 10), EINTR, "write without SA_RESTART");
	drain(helper);
	// With room for a part of it, the count of that part comes back.
	if (read(full[0], block, 8192) != 8192)
		bail("making room");
	helper = pester(1);
	ssize_t n = write(full[1], block, 20000);
	ok(n >= 4096 && n < 20000, "a write that got somewhere says how far (%zd)", n);
	drain(helper);

	// Ignored and default-ignored signals interrupt nothing.
	signal(SIGUSR1, SIG_IGN);
	helper = pester(2);
	is(read(data[0], &c, 1), 1, "an ignored signal does not disturb a read");
	drain(helper);
	// Stop and continue do not disturb a read either.
	pid_t me = xfork();
	if (me == 0) {
		CHECK(read(data[0], &c, 1) == 1);
		_exit(0);
	}
	int status;
	wait_asleep(me);
	kill(me, SIGSTOP);
	waitpid(me, &status, WUNTRACED);
	kill(me, SIGCONT);
	waitpid(me, &status, WCONTINUED);
	if (write(data[1], "y", 1) != 1)
		bail("write");
	ok_child(me, "stop and continue without a handler do not disturb a read");
	// But poll says so, with the rest of its time for a restart.
	me = xfork();
	if (me == 0) {
		CHECK(poll(&p, 1, 30000) == 1 && p.revents == POLLIN);
		_exit(0);
	}
	wait_asleep(me);
	kill(me, SIGSTOP);
	waitpid(me, &status, WUNTRACED);
	kill(me, SIGCONT);
	wait_asleep(me);
	if (write(data[1], "y", 1) != 1)
		bail("write");
	ok_child(me, "nor a poll");
	if (read(data[0], &c, 1) != 1)
		bail("read");
	me = xfork();
	if (me == 0) {
		struct timespec t = { 0, 300000000 };
		uint64_t start = now_ns();
		CHECK(nanosleep(&t, 0) == 0);
		CHECK(now_ns() - start >= 300000000);
		_exit(0);
	}
	wait_asleep(me);
	kill(me, SIGSTOP);
	waitpid(me, &status, WUNTRACED);
	kill(me, SIGCONT);
	ok_child(me, "nor does it shorten a nanosleep");
	ok(count >= 8, "all those handlers ran");
	return done();
}
