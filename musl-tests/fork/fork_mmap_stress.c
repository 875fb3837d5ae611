// Fork while sibling threads map and unmap: no torn copy, no lost page.
#include "helpers.h"
#include <pthread.h>

#define THREADS 3
#define FORKS 60

static volatile int stop;
static volatile long rounds[THREADS];
static volatile uint64_t stamp[THREADS][512] __attribute__((aligned(4096)));

// Each round maps, fills, checks and unmaps, and writes one number over a
// page of its own from front to back.
static void *churn(void *arg)
{
	long me = (long)arg;
	for (uint64_t n = 1; !stop; n++) {
		size_t len = (1 + n % 7) * PAGE;
		char *p = mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return (void *)1;
		memset(p, (int)n, len);
		if (n % 3 == 0)
			mprotect(p, PAGE, PROT_READ);
		if (p[0] != (char)n || p[len - 1] != (char)n)
			return (void *)1;
		munmap(p, len);
		for (int i = 0; i < 512; i++)
			stamp[me][i] = n;
		rounds[me] = n;
	}
	return 0;
}

// In the snapshot a page was being overwritten at most at one place.
static int snapshot_is_sane(void)
{
	for (int t = 0; t < THREADS; t++) {
		int i = 0;
		uint64_t first = stamp[t][0];
		while (i < 512 && stamp[t][i] == first)
			i++;
		while (i < 512 && stamp[t][i] == first - 1)
			i++;
		if (i != 512)
			return 0;
	}
	return 1;
}

int main(void)
{
	plan(3);
	pthread_t threads[THREADS];
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], 0, churn, (void *)i);
	for (int i = 0; i < THREADS; i++)
		while (!rounds[i])
			syscall(SYS_sched_yield);
	int sane = 0, writable = 0;
	for (int n = 0; n < FORKS; n++) {
		pid_t pid = xfork();
		if (pid == 0) {
			int good = snapshot_is_sane();
			char *p = private(PAGE);
			*p = 1;
			_exit(good ? (munmap(p, PAGE) == 0 ? 0 : 2) : 1);
		}
		int status = wait_for(pid);
		sane += status == 0 || status == 2 << 8;
		writable += status == 0;
	}
	stop = 1;
	int failures = 0;
	for (int i = 0; i < THREADS; i++) {
		void *r;
		pthread_join(threads[i], &r);
		failures += r != 0;
	}
	is(sane, FORKS, "L13: %d forks beside %d mapping threads, each a sane snapshot", FORKS, THREADS);
	is(writable, FORKS, "L13: each child can map, write and unmap");
	is(failures, 0, "L13: no thread of the parent lost a byte");
	return done();
}
