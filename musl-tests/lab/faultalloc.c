// faultalloc: a handler that maps the page that was missing, recursively.
#include "helpers.h"

static volatile int faults, deepest, depth;

static void provide(int sig, siginfo_t *info, void *context)
{
	char *page = (char *)((uintptr_t)info->si_addr & ~(PAGE - 1));
	(void)sig, (void)context;
	faults++;
	if (++depth > deepest)
		deepest = depth;
	if (info->si_code != SEGV_MAPERR || depth > 8)
		_exit(9);
	if (mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	    page)
		_exit(8);
	// Text that runs over the page's end, into one that is missing too.
	char text[64];
	int n = snprintf(text, sizeof text, "this string was faulted in at %p", info->si_addr);
	memcpy(info->si_addr, text, n + 1);
	depth--;
}

int main(void)
{
	plan(6);
	catch_signal(SIGSEGV, provide, SA_NODEFER);
	char want[64];
	char *free_place = private(16 * PAGE);
	munmap(free_place, 16 * PAGE);
	snprintf(want, sizeof want, "this string was faulted in at %p", (void *)(free_place + 20));
	volatile char *p = free_place + 20;
	(void)*p;
	is_str(free_place + 20, want, "J1: a missing page is supplied by the handler");
	is(faults, 1, "J1: one fault");

	// Near a page's end: the handler's own store faults again.
	char *edge = free_place + 9 * PAGE - 2;
	faults = 0;
	(void)*(volatile char *)edge;
	snprintf(want, sizeof want, "this string was faulted in at %p", (void *)edge);
	is_str(edge, want, "J1: over two pages");
	is(faults, 2, "J1: by two faults");
	is(deepest, 2, "J1: one inside the other");

	pid_t pid = xfork();
	if (pid == 0) {
		faults = 0;
		(void)*(volatile char *)(free_place + 5 * PAGE);
		CHECK(faults == 1);
		CHECK(!memcmp(free_place + 5 * PAGE, "this string", 11));
		_exit(0);
	}
	ok_child(pid, "J9: the handler is inherited over fork");
	return done();
}
