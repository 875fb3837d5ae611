// A fork by one of several threads: only the caller exists in the child.
#include "helpers.h"
#include <pthread.h>

static struct gate ready, stop;
static char *volatile other_stack;
static volatile long ticks;
static volatile int enough;

static void *sleeper(void *arg)
{
	char text[64];
	strcpy(text, "on the other thread's stack");
	other_stack = text;
	__asm__ volatile("" ::: "memory");
	gate_open(&ready);
	gate_wait(&stop);
	return arg;
}

static void *counter(void *arg)
{
	while (!enough)
		ticks++;
	return arg;
}

static void *forker(void *out)
{
	pid_t *result = out;
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(getpid() == syscall(SYS_gettid));
		_exit(0);
	}
	*result = pid;
	return 0;
}

static int threads_of_self(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0;
	if (!dir)
		return -1;
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

int main(void)
{
	plan(5);
	gate_init(&ready);
	gate_init(&stop);
	pthread_t a, b, c;
	pthread_create(&a, 0, sleeper, 0);
	gate_wait(&ready);
	pthread_create(&b, 0, counter, 0);
	while (ticks < 1000)
		;

	pid_t pid = xfork();
	if (pid == 0) {
		long seen = ticks;
		for (volatile long i = 0; i < 3000000; i++)
			;
		CHECK(ticks == seen);
		_exit(0);
	}
	ok_child(pid, "S12: the other threads do not run in the child");

	pid = xfork();
	if (pid == 0) {
		int n = threads_of_self();
		CHECK(n == 1 || n == -1);
		_exit(0);
	}
	ok_child(pid, "S12: the child has one task");

	pid = xfork();
	if (pid == 0) {
		CHECK(!strcmp(other_stack, "on the other thread's stack"));
		other_stack[0] = 'O';
		_exit(0);
	}
	ok_child(pid, "L7: the other thread's stack is mapped and readable in the child");
	ok(other_stack[0] == 'o', "L7: a store to it there is private to the child");

	pid_t made = 0;
	pthread_create(&c, 0, forker, &made);
	pthread_join(c, 0);
	ok_child(made, "S2: a child forked by a second thread leads its own group");
	enough = 1;
	gate_open(&stop);
	pthread_join(a, 0);
	pthread_join(b, 0);
	return done();
}
