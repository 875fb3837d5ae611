// Threads on several processors over one address space: faults, mprotect
// and munmap must be seen by all of them.
#include "helpers.h"
#include <pthread.h>
#include <setjmp.h>

#define THREADS 3
#define PAGES 64
#define ROUNDS 12

static volatile uint64_t *mem;
static pthread_barrier_t line;
static volatile char *target;
static volatile int running, stop;
static __thread sigjmp_buf back;
static __thread volatile int armed;

static void on_segv(int sig)
{
	(void)sig;
	if (!armed)
		_exit(9);
	siglongjmp(back, 1);
}

static void *toucher(void *arg)
{
	long me = (long)arg;
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&line);
		for (int p = 0; p < PAGES; p++)
			mem[p * 512 + me] += me + 1;
		pthread_barrier_wait(&line);
	}
	return 0;
}

// Writes until it faults: after mprotect has returned, no store may succeed.
static void *writer(void *arg)
{
	volatile uint64_t *count = arg;
	armed = 1;
	if (sigsetjmp(back, 1) == 0) {
		__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
		for (;;)
			*(volatile uint64_t *)target = ++*count;
	}
	return 0;
}

int main(void)
{
	plan(3);
	pthread_t t[THREADS];
	pthread_barrier_init(&line, 0, THREADS + 1);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&t[i], 0, toucher, (void *)i);
	int lost = 0;
	for (int round = 0; round < ROUNDS; round++) {
		mem = private(PAGES * PAGE);
		pthread_barrier_wait(&line); // all fault on the same fresh pages
		pthread_barrier_wait(&line);
		for (int p = 0; p < PAGES; p++)
			for (int i = 0; i < THREADS; i++)
				lost += mem[p * 512 + i] != (uint64_t)i + 1;
		munmap((void *)mem, PAGES * PAGE);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], 0);
	is(lost, 0, "S24: simultaneous first faults lose no store");

	signal(SIGSEGV, on_segv);
	static uint64_t counts[THREADS];
	int late = 0;
	for (int round = 0; round < ROUNDS / 2; round++) {
		target = private(PAGE);
		running = 0;
		for (int i = 0; i < THREADS; i++)
			pthread_create(&t[i], 0, writer, &counts[i]);
		while (running < THREADS)
			syscall(SYS_sched_yield);
		mprotect((void *)target, PAGE, PROT_READ);
		uint64_t seen = *(volatile uint64_t *)target;
		for (volatile int i = 0; i < 20000; i++)
			;
		late += *(volatile uint64_t *)target != seen;
		for (int i = 0; i < THREADS; i++)
			pthread_join(t[i], 0);
		munmap((void *)target, PAGE);
	}
	is(late, 0, "S24: after mprotect no thread writes any more");

	late = 0;
	for (int round = 0; round < ROUNDS / 2; round++) {
		target = private(PAGE);
		running = 0;
		for (int i = 0; i < THREADS; i++)
			pthread_create(&t[i], 0, writer, &counts[i]);
		while (running < THREADS)
			syscall(SYS_sched_yield);
		munmap((void *)target, PAGE);
		for (int i = 0; i < THREADS; i++)
			pthread_join(t[i], 0);
		// Whoever gets that frame next must not find stores in it.
		volatile uint64_t *next = private(PAGE);
		for (int i = 0; i < 512; i++)
			late += next[i] != 0;
		munmap((void *)next, PAGE);
	}
	is(late, 0, "S24: after munmap every thread faults");
	return done();
}
