// The kernel's signal frame on a COW stack is a store like any other.
#include "helpers.h"

static char *alt;
static volatile sig_atomic_t ran;
static volatile int in_alt;

static void handler(int sig, siginfo_t *info, void *context)
{
	char here[512];
	memset(here, 'h', sizeof here);
	__asm__ volatile("" ::"r"(here) : "memory");
	(void)sig, (void)info, (void)context;
	in_alt = here >= alt && here < alt + 4 * PAGE;
	ran++;
}

int main(void)
{
	plan(6);
	alt = private(4 * PAGE);
	memset(alt, 'a', 4 * PAGE);
	sigaltstack(&(stack_t){ .ss_sp = alt, .ss_size = 4 * PAGE }, 0);
	catch_signal(SIGUSR1, handler, SA_ONSTACK);
	catch_signal(SIGUSR2, handler, 0);

	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(raise(SIGUSR1) == 0 && ran == 1 && in_alt);
		_exit(0);
	}
	ok_child(pid, "J8: a handler runs on an alternate stack that is COW");
	int kept = 1;
	for (int i = 0; i < 4 * PAGE; i++)
		kept &= alt[i] == 'a';
	ok(kept, "J8: the frame was not written to the parent's stack page");

	struct gate go;
	gate_init(&go);
	pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		for (int i = 0; i < 4 * PAGE; i++)
			CHECK(alt[i] == 'a');
		_exit(0);
	}
	raise(SIGUSR1);
	ok(ran == 1 && in_alt, "J8: the parent's handler on its own COW stack");
	gate_open(&go);
	ok_child(pid, "J8: left the child's page alone");

	pid = xfork();
	if (pid == 0) {
		CHECK(raise(SIGUSR2) == 0 && ran == 2 && !in_alt);
		_exit(0);
	}
	ok_child(pid, "J8: the ordinary stack, just after fork");

	// Both together, many times: frames are written while pages are shared.
	int good = 0;
	for (int i = 0; i < 50; i++) {
		pid = xfork();
		if (pid == 0) {
			int before = ran;
			raise(SIGUSR1);
			raise(SIGUSR2);
			_exit(ran != before + 2);
		}
		raise(SIGUSR1);
		good += wait_for(pid) == 0;
	}
	is(good, 50, "J8: 50 forks with signals on both sides");
	return done();
}
