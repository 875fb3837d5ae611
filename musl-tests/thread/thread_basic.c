// Threads: create, join, their own ids, stacks and TLS.
#include "helpers.h"
#include <pthread.h>

#define MANY 32

static __thread int tls = 5;
static pthread_key_t key;
static int destroyed;

struct seen {
	pid_t pid, tid;
	int tls, *tls_address;
	char *stack;
};

static void *look(void *arg)
{
	struct seen *s = arg;
	char here;
	*s = (struct seen){ getpid(), syscall(SYS_gettid), tls, &tls, 0 };
	s->stack = (char *)((uintptr_t)&here & ~4095ul);
	tls = s->tid;
	syscall(SYS_sched_yield);
	s->tls = tls;
	pthread_setspecific(key, s);
	return (void *)(long)s->tid;
}

static void destroy(void *p)
{
	(void)p;
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_SEQ_CST);
}

static void *quick(void *arg)
{
	return arg;
}

int main(void)
{
	plan(13);
	pthread_t t[MANY];
	static struct seen s[MANY];
	pthread_key_create(&key, destroy);
	int made = 0, joined = 0;
	for (int i = 0; i < MANY; i++)
		made += pthread_create(&t[i], 0, look, &s[i]) == 0;
	is(made, MANY, "%d threads", MANY);
	void *r;
	for (int i = 0; i < MANY; i++)
		joined += pthread_join(t[i], &r) == 0 && (long)r == s[i].tid;
	is(joined, MANY, "joined, with their results");
	int same = 1, fresh = 1, own = 1, apart = 1;
	for (int i = 0; i < MANY; i++) {
		same &= s[i].pid == getpid();
		own &= s[i].tls == s[i].tid;
		fresh &= s[i].tid != getpid();
		for (int j = 0; j < i; j++)
			fresh &= s[i].tid != s[j].tid;
		apart &= s[i].tls_address != &tls;
	}
	ok(same, "one pid");
	ok(fresh, "distinct tids");
	ok(own && apart, "TLS of their own");
	is(tls, 5, "apart from the first thread's");
	is(destroyed, MANY, "destructors ran");
	is(syscall(SYS_gettid), getpid(), "the first thread's tid is the pid");

	int good = 0;
	for (int i = 0; i < 300; i++) {
		pthread_t one;
		good += pthread_create(&one, 0, quick, (void *)(long)i) == 0 &&
			pthread_join(one, &r) == 0 && (long)r == i;
	}
	is(good, 300, "300 threads, one after the other");
	char path[64];
	snprintf(path, sizeof path, "/proc/self/task/%d/stat", s[0].tid);
	fails(access(path, F_OK), ENOENT, "a thread that ended is gone from /proc/self/task");

	// A detached one, with a large stack.
	pthread_attr_t a;
	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&a, 4 * MIB);
	pthread_t d;
	static struct seen ds;
	is(pthread_create(&d, &a, look, &ds), 0, "a detached thread");
	while (!*(volatile int *)&ds.tls || ds.tls == 5)
		syscall(SYS_sched_yield);
	is(ds.tls, ds.tid, "ran");
	is(syscall(SYS_set_tid_address, &s[0].tid), getpid(), "set_tid_address returns the tid");
	return done();
}
