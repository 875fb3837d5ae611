// A wait that a handler interrupts: EINTR, or restarted with SA_RESTART.
#include "helpers.h"
#include <pthread.h>

static volatile sig_atomic_t count;

static void on_usr1(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	count++;
}

// A helper process that signals us when we sleep; then lets the child go.
static pid_t pester(struct gate *go)
{
	pid_t me = getpid(), pid = xfork();
	if (pid == 0) {
		wait_asleep(me);
		kill(me, SIGUSR1);
		wait_asleep(me);
		if (go)
			gate_open(go);
		_exit(0);
	}
	return pid;
}

static pid_t target;

static void *wait_in_thread(void *arg)
{
	int status;
	pid_t got = waitpid(target, &status, 0);
	(void)arg;
	return (void *)(long)(got == target ? status : -1);
}

int main(void)
{
	plan(7);
	struct gate go;
	gate_init(&go);
	int status;

	catch_signal(SIGUSR1, on_usr1, 0);
	pid_t pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		_exit(5);
	}
	pid_t helper = pester(0);
	fails(waitpid(pid, &status, 0), EINTR, "a handler interrupts waitpid");
	is(count, 1, "it ran once");
	gate_open(&go);
	is(wait_for(pid), 5 << 8, "the child can still be waited for");
	wait_for(helper);

	catch_signal(SIGUSR1, on_usr1, SA_RESTART);
	pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		_exit(6);
	}
	helper = pester(&go);
	is(waitpid(pid, &status, 0), pid, "with SA_RESTART the wait goes on");
	is(status, 6 << 8, "to its end");
	is(count, 2, "the handler ran in between");
	wait_for(helper);

	// Any thread may wait for a child of any other.
	target = xfork();
	if (target == 0)
		_exit(8);
	pthread_t t;
	void *r;
	pthread_create(&t, 0, wait_in_thread, 0);
	pthread_join(t, &r);
	is((long)r, 8 << 8, "a second thread waits for the first one's child");
	return done();
}
