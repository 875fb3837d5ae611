// Many signals from many senders: nothing lost that must not be lost.
#include "helpers.h"

#define SENDERS 4
#define EACH 250

static volatile sig_atomic_t count;
static volatile int last[SENDERS], disorder;

static void handler(int sig, siginfo_t *info, void *context)
{
	int sender = info->si_value.sival_int / 10000, number = info->si_value.sival_int % 10000;
	(void)sig, (void)context;
	if (sender < SENDERS) {
		if (number != last[sender] + 1)
			disorder++;
		last[sender] = number;
	}
	count++;
}

static void ignore(int sig)
{
	(void)sig;
}

// The queue of a user has a limit, and then says so.
static void queue_limit(void)
{
	pid_t pid = xfork();
	if (pid == 0) {
		struct rlimit r = { 8, 8 };
		CHECK(setrlimit(RLIMIT_SIGPENDING, &r) == 0);
		CHECK(become(58001) == 0);
		block(SIGRTMIN + 1);
		for (int i = 0; i < 8; i++)
			CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ 0 }) == 0);
		CHECK_FAILS(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ 0 }), EAGAIN);
		_exit(0);
	}
	ok_child(pid, "RLIMIT_SIGPENDING: EAGAIN when the queue is full");
}

int main(void)
{
	plan(5);
	pid_t me = getpid(), pids[SENDERS];
	block(SIGRTMIN);
	catch_signal(SIGRTMIN, handler, 0);
	for (int s = 0; s < SENDERS; s++) {
		pids[s] = xfork();
		if (pids[s] == 0) {
			for (int i = 1; i <= EACH; i++)
				while (sigqueue(me, SIGRTMIN, (union sigval){ .sival_int = s * 10000 + i }))
					CHECK(errno == EAGAIN);
			_exit(0);
		}
	}
	sigset_t none;
	sigemptyset(&none);
	while (count < SENDERS * EACH)
		sigsuspend(&none);
	int good = 0;
	for (int s = 0; s < SENDERS; s++)
		good += wait_for(pids[s]) == 0;
	is(good, SENDERS, "%d senders", SENDERS);
	is(count, SENDERS * EACH, "every queued signal arrived");
	is(disorder, 0, "each sender's in order");

	if (geteuid() == 0)
		queue_limit();
	else
		skip(1, "needs root to be a user without signals of others");

	// Fork and exit under fire.
	signal(SIGUSR1, ignore);
	pid_t gunner = xfork();
	if (gunner == 0)
		for (;;)
			kill(me, SIGUSR1);
	good = 0;
	for (int i = 0; i < 60; i++) {
		pid_t pid = xfork();
		if (pid == 0)
			_exit(i);
		good += wait_for(pid) == i << 8;
	}
	kill(gunner, SIGKILL);
	wait_for(gunner);
	is(good, 60, "60 forks and waits under constant fire");
	return done();
}
