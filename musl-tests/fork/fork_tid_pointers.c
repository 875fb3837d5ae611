// clear_child_tid and the robust list are the thread's own; so are TLS and tid.
#include "helpers.h"
#include <pthread.h>

static __thread int tls_word = 41;
static __thread int *tls_self = &(int){ 0 };

struct robust_list_head_user {
	void *next;
	long offset;
	void *pending;
};

int main(void)
{
	plan(6);
	// Ask the kernel to clear a word when a process ends: after fork only
	// the parent still has that wish.
	int *word = shared(PAGE);
	pid_t pid = xfork();
	if (pid == 0) {
		*word = 77;
		CHECK(syscall(SYS_set_tid_address, word) == getpid());
		pid_t sub = syscall(SYS_fork);
		CHECK(sub >= 0);
		if (sub == 0)
			syscall(SYS_exit, 0);
		wait_for(sub);
		CHECK(*word == 77);
		_exit(0);
	}
	ok_child(pid, "S10: clear_child_tid is 0 in the child");

	pid = xfork();
	if (pid == 0) {
		static struct robust_list_head_user head = { &head, 0, 0 };
		void *got = 0;
		size_t len = 0;
		if (syscall(SYS_set_robust_list, &head, sizeof head) < 0)
			_exit(errno == ENOSYS ? 0 : 1);
		CHECK(syscall(SYS_get_robust_list, 0, &got, &len) == 0);
		CHECK(got == &head && len == sizeof head);
		pid_t sub = syscall(SYS_fork);
		CHECK(sub >= 0);
		if (sub == 0) {
			CHECK(syscall(SYS_get_robust_list, 0, &got, &len) == 0);
			CHECK(got == 0);
			_exit(0);
		}
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "S10: the robust list is empty in the child");

	tls_word = 42;
	tls_self = &tls_word;
	pid = xfork();
	if (pid == 0) {
		CHECK(tls_word == 42 && tls_self == &tls_word);
		tls_word = 43;
		CHECK(*tls_self == 43);
		_exit(0);
	}
	ok_child(pid, "J10: thread-local storage is right in the child");
	is(tls_word, 42, "J10: and the child's stores to it are its own");

	pid = xfork();
	if (pid == 0) {
		CHECK(pthread_kill(pthread_self(), 0) == 0);
		pthread_mutex_t m;
		pthread_mutexattr_t a;
		pthread_mutexattr_init(&a);
		pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
		pthread_mutex_init(&m, &a);
		// The owner of an error-checking mutex is the tid that libc knows.
		CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK);
		CHECK((m.__u.__i[1] & 0x3fffffff) == syscall(SYS_gettid));
		_exit(0);
	}
	ok_child(pid, "J10: libc's idea of the tid is the kernel's");

	unsigned long base = 0, child_base = 0;
	syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, &base);
	pid = xfork();
	if (pid == 0) {
		CHECK(syscall(SYS_arch_prctl, 0x1003, &child_base) == 0 && child_base == base);
		_exit(0);
	}
	ok_child(pid, "J10: the FS base is the same");
	return done();
}
