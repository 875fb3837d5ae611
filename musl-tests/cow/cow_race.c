// Threads that fault on the same COW page at once: one copy, no lost store.
#include "helpers.h"
#include <pthread.h>

#define THREADS 4
#define ROUNDS 100
#define PAGES 4

static volatile uint64_t *mem;
static pthread_barrier_t line;

static void *writer(void *arg)
{
	long me = (long)arg;
	for (uint64_t n = 1; n <= ROUNDS; n++) {
		pthread_barrier_wait(&line); // the main thread has just forked
		for (int p = 0; p < PAGES; p++)
			mem[p * 512 + me] = n;
		pthread_barrier_wait(&line);
	}
	return 0;
}

int main(void)
{
	plan(2);
	mem = private(PAGES * PAGE);
	pthread_t t[THREADS];
	pthread_barrier_init(&line, 0, THREADS + 1);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&t[i], 0, writer, (void *)i);
	int lost = 0, leaked = 0;
	for (uint64_t n = 1; n <= ROUNDS; n++) {
		struct gate go;
		gate_init(&go);
		pid_t pid = xfork();
		if (pid == 0) {
			gate_wait(&go);
			for (int i = 0; i < PAGES * 512; i++)
				if (mem[i] != (i % 512 < THREADS ? n - 1 : 0))
					_exit(1);
			_exit(0);
		}
		pthread_barrier_wait(&line);
		pthread_barrier_wait(&line);
		for (int p = 0; p < PAGES; p++)
			for (int i = 0; i < THREADS; i++)
				lost += mem[p * 512 + i] != n;
		gate_open(&go);
		leaked += wait_for(pid) != 0;
		gate_close(&go);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], 0);
	is(lost, 0, "S24: no store of %d threads was lost in %d rounds of COW faults", THREADS, ROUNDS);
	is(leaked, 0, "C5: none reached the child's snapshot");
	return done();
}
