// Which thread takes a signal.
#include "helpers.h"
#include <pthread.h>

static volatile pid_t took[65];
static volatile sig_atomic_t count;
static struct gate ready;
static volatile int stop;

static void handler(int sig)
{
	took[sig] = syscall(SYS_gettid);
	count++;
}

static void *waits(void *arg)
{
	sigset_t none;
	sigemptyset(&none);
	*(pid_t *)arg = syscall(SYS_gettid);
	gate_open(&ready);
	while (!stop)
		sigsuspend(&none);
	return 0;
}

static void *waits_sync(void *arg)
{
	sigset_t s = set_of(SIGUSR2);
	siginfo_t info;
	*(pid_t *)arg = syscall(SYS_gettid);
	gate_open(&ready);
	return (void *)(long)sigwaitinfo(&s, &info);
}

static void *mask_of_new_thread(void *arg)
{
	sigset_t m;
	pthread_sigmask(SIG_BLOCK, 0, &m);
	*(int *)arg = sigismember(&m, SIGHUP) && !sigismember(&m, SIGTERM);
	sigpending(&m);
	*(int *)arg |= sigismember(&m, SIGHUP) ? 2 : 0;
	return 0;
}

static void *counts(void *arg)
{
	volatile long *n = arg;
	while (*n >= 0)
		++*n;
	return 0;
}

int main(void)
{
	plan(12);
	pid_t tids[2], sync_tid;
	pthread_t t[2], sync;
	gate_init(&ready);
	signal(SIGUSR1, handler);
	signal(SIGUSR2, handler);
	block(SIGUSR1);
	block(SIGUSR2);
	for (int i = 0; i < 2; i++) {
		pthread_create(&t[i], 0, waits, &tids[i]);
		gate_wait(&ready);
	}
	syscall(SYS_tgkill, getpid(), tids[1], SIGUSR1);
	while (!count)
		syscall(SYS_sched_yield);
	is(took[SIGUSR1], tids[1], "tgkill reaches that thread");
	count = 0;
	is(pthread_kill(t[0], SIGUSR1), 0, "pthread_kill");
	while (!count)
		syscall(SYS_sched_yield);
	is(took[SIGUSR1], tids[0], "reaches that thread");
	count = 0;
	kill(getpid(), SIGUSR1); // blocked here: one of the others takes it
	while (!count)
		syscall(SYS_sched_yield);
	ok(took[SIGUSR1] == tids[0] || took[SIGUSR1] == tids[1],
	   "a signal to the process goes to a thread that does not block it");
	is(count, 1, "to one only");
	stop = 1;
	for (int i = 0; i < 2; i++) {
		pthread_kill(t[i], SIGUSR1);
		pthread_join(t[i], 0);
	}

	pthread_create(&sync, 0, waits_sync, &sync_tid);
	gate_wait(&ready);
	kill(getpid(), SIGUSR2);
	void *r;
	pthread_join(sync, &r);
	is((long)r, SIGUSR2, "a thread in sigwaitinfo takes it");
	sigset_t pend;
	sigpending(&pend);
	ok(!sigismember(&pend, SIGUSR2), "and nothing is left pending");

	// A new thread has its creator's mask and no pending signals of its own.
	block(SIGHUP);
	pthread_kill(pthread_self(), SIGHUP);
	int mask = 0;
	pthread_create(&t[0], 0, mask_of_new_thread, &mask);
	pthread_join(t[0], 0);
	is(mask & 1, 1, "a new thread has its creator's mask");
	is(mask & 2, 0, "but not what is pending for that thread");
	// What is pending for the process is seen by all.
	kill(getpid(), SIGHUP);
	pthread_create(&t[0], 0, mask_of_new_thread, &mask);
	pthread_join(t[0], 0);
	is(mask & 2, 2, "what is pending for the process, it sees");

	// Stopping and killing concerns all threads.
	volatile long *ticks = shared(PAGE);
	pid_t pid = xfork();
	if (pid == 0) {
		pthread_create(&t[0], 0, counts, (void *)&ticks[0]);
		pthread_create(&t[1], 0, counts, (void *)&ticks[1]);
		for (;;)
			pause();
	}
	while (ticks[0] < 1000 || ticks[1] < 1000)
		syscall(SYS_sched_yield);
	int status;
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	long first = ticks[0], second = ticks[1];
	for (volatile int i = 0; i < 3000000; i++)
		;
	ok(ticks[0] == first && ticks[1] == second, "SIGSTOP stops all threads");
	kill(pid, SIGKILL);
	ok_killed(pid, SIGKILL, "SIGKILL kills them");
	return done();
}
