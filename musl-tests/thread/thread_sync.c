// Mutexes, conditions, semaphores and the futex below them.
#include "helpers.h"
#include <pthread.h>
#include <semaphore.h>

#define THREADS 4
#define STEPS 5000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static long counter, turn;
static int word;

static long futex(int *w, int op, int val, const struct timespec *t)
{
	return syscall(SYS_futex, w, op, val, t, 0, 0);
}

static void *add(void *arg)
{
	for (int i = 0; i < STEPS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void *take_turns(void *arg)
{
	long me = (long)arg;
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % THREADS != me)
			pthread_cond_wait(&cond, &mutex);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return 0;
}

static void *post(void *arg)
{
	for (int i = 0; i < 100; i++)
		sem_post(&sem);
	return arg;
}

static void *waker(void *arg)
{
	while (futex(&word, 1 /* FUTEX_WAKE */, 1, 0) == 0)
		syscall(SYS_sched_yield);
	return arg;
}

int main(void)
{
	plan(17);
	pthread_t t[THREADS];
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], 0, add, 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], 0);
	is(counter, THREADS * STEPS, "a mutex keeps %d threads apart", THREADS);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&t[i], 0, take_turns, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], 0);
	is(turn, THREADS * 200, "a condition lets them take turns");
	sem_init(&sem, 0, 0);
	pthread_create(&t[0], 0, post, 0);
	for (int i = 0; i < 100; i++)
		sem_wait(&sem);
	pthread_join(t[0], 0);
	fails(sem_trywait(&sem), EAGAIN, "a semaphore counts");
	struct timespec soon;
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 20000000;
	if (soon.tv_nsec >= 1000000000)
		soon.tv_sec++, soon.tv_nsec -= 1000000000;
	fails(sem_timedwait(&sem, &soon), ETIMEDOUT, "and times out");

	enum { WAIT = 0, WAKE = 1, REQUEUE = 3, CMP_REQUEUE = 4, PRIVATE = 128 };
	word = 1;
	fails(futex(&word, WAIT, 2, 0), EAGAIN, "FUTEX_WAIT: another value");
	fails(futex(&word, WAIT, 1, &(struct timespec){ 0, 5000000 }), ETIMEDOUT, "FUTEX_WAIT: time out");
	fails(futex(&word, WAIT, 1, &(struct timespec){ 0, 2000000000 }), EINVAL, "bad nanoseconds");
	is(futex(&word, WAKE, 10, 0), 0, "FUTEX_WAKE: nobody waits");
	fails(futex((int *)((char *)&word + 1), WAIT, 1, 0), EINVAL, "an odd address");
	fails(futex((int *)8, WAIT, 1, 0), EFAULT, "a bad address");
	fails(futex(&word, 99, 1, 0), ENOSYS, "an unknown operation");
	fails(syscall(SYS_futex, &word, CMP_REQUEUE, 1, 1, &word, 5), EAGAIN,
	      "FUTEX_CMP_REQUEUE: another value");
	pthread_create(&t[0], 0, waker, 0);
	is(futex(&word, WAIT, 1, 0), 0, "woken by another thread");
	pthread_join(t[0], 0);

	// Between processes, in shared memory.
	int *shared_word = shared(PAGE);
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(futex(shared_word, WAIT, 0, 0) == 0 || errno == EAGAIN);
		CHECK(*(volatile int *)shared_word == 1);
		_exit(0);
	}
	wait_asleep(pid);
	*(volatile int *)shared_word = 1;
	is(futex(shared_word, WAKE, 1, 0), 1, "a futex in shared memory");
	ok_child(pid, "wakes another process");

	// A private futex on COW memory is another one in the child.
	word = 0;
	pid = xfork();
	if (pid == 0) {
		CHECK(futex(&word, WAIT | PRIVATE, 0, &(struct timespec){ 0, 50000000 }) == -1);
		_exit(errno != ETIMEDOUT);
	}
	wait_asleep(pid);
	is(futex(&word, WAKE | PRIVATE, 1, 0), 0, "S9: a private futex does not reach the child");
	ok_child(pid, "S9: who waits for himself");
	return done();
}
