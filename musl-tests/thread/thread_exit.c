// How threads and their process end.
#include "self.h"
#include <pthread.h>

static struct gate ready, told;
static pthread_mutex_t *robust;

static void *forever(void *arg)
{
	gate_open(&ready);
	while (pause() == -1)
		;
	return arg;
}

static void *spin(void *arg)
{
	gate_open(&ready);
	while (ready.fd[0] >= 0)
		__asm__ volatile("pause");
	return arg;
}

static void *exits(void *arg)
{
	_exit((int)(long)arg);
}

static void *faults(void *arg)
{
	poke(8);
	return arg;
}

static void *outlives(void *arg)
{
	pid_t leader = getpid();
	// The leader is a zombie by now, but the process lives.
	while (proc_state(leader) != 'Z' && proc_state(leader) != 0)
		syscall(SYS_sched_yield);
	if (kill(leader, 0) == 0 && getpid() == leader && syscall(SYS_gettid) != leader)
		_exit(23);
	_exit((int)(long)arg);
}

static void *executes(void *arg)
{
	(void)arg;
	execl(self, self, "part", (char *)0);
	_exit(99);
}

static void *dies_with_lock(void *arg)
{
	pthread_mutex_lock(robust);
	return arg;
}

static void start(void *(*f)(void *), void *arg)
{
	pthread_t t;
	if (pthread_create(&t, 0, f, arg))
		_exit(98);
}

int main(int argc, char **argv)
{
	if (argc > 1) // exec by a thread: it has the process' pid now, and is alone
		return getpid() == syscall(SYS_gettid) ? 31 : 32;
	plan(10);
	self_init(argv[0]);
	gate_init(&ready);
	gate_init(&told);
	pid_t pid = xfork();
	if (pid == 0) {
		start(forever, 0);
		start(spin, 0);
		gate_wait(&ready);
		gate_wait(&ready);
		exit(11);
	}
	is(wait_for(pid), 11 << 8, "exit ends sleeping and spinning threads");
	pid = xfork();
	if (pid == 0) {
		start(forever, 0);
		start(exits, (void *)12);
		for (;;)
			pause();
	}
	is(wait_for(pid), 12 << 8, "exit_group by a second thread");
	pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		start(forever, 0);
		start(faults, 0);
		for (;;)
			pause();
	}
	ok_killed(pid, SIGSEGV, "a fault in a thread kills the process");
	pid = xfork();
	if (pid == 0) {
		start(spin, 0);
		for (;;)
			pause();
	}
	gate_wait(&ready);
	kill(pid, SIGKILL);
	ok_killed(pid, SIGKILL, "SIGKILL ends all threads");

	pid = xfork();
	if (pid == 0) {
		start(outlives, (void *)1);
		syscall(SYS_exit, 5); // the leader only
	}
	is(wait_for(pid), 23 << 8, "the leader may go first; wait sees the last one's code");
	pid = xfork();
	if (pid == 0) {
		start(forever, 0);
		gate_wait(&ready);
		gate_open(&told);
		syscall(SYS_exit, 5);
	}
	gate_wait(&told);
	while (proc_state(pid) != 'Z')
		syscall(SYS_sched_yield);
	is(waitpid(pid, 0, WNOHANG), 0, "a dead leader with live threads cannot be waited for yet");
	kill(pid, SIGTERM);
	int status = wait_for(pid);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "a signal still reaches the others");

	pid = xfork();
	if (pid == 0) {
		start(forever, 0);
		start(executes, 0);
		for (;;)
			pause();
	}
	is(wait_for(pid), 31 << 8, "exec by a second thread takes over the pid");

	// pthread_exit of the last thread ends the process with 0.
	pid = xfork();
	if (pid == 0)
		pthread_exit(0);
	is(wait_for(pid), 0, "pthread_exit of the only thread");

	robust = shared(PAGE);
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(robust, &a);
	pid = xfork();
	if (pid == 0) {
		dies_with_lock(0);
		syscall(SYS_exit_group, 0);
	}
	wait_for(pid);
	is(pthread_mutex_lock(robust), EOWNERDEAD, "a robust mutex tells that its owner died");
	return done();
}
