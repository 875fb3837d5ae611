// faultallocbad: the kernel does not run handlers for its own accesses.
#include "helpers.h"

static volatile int faults;

static void provide(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	faults++;
	mmap((void *)((uintptr_t)info->si_addr & ~(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

int main(void)
{
	plan(5);
	catch_signal(SIGSEGV, provide, 0);
	char *gone = private(PAGE);
	munmap(gone, PAGE);
	int p[2];
	xpipe(p);
	fails(write(p[1], gone, 4), EFAULT, "J3: write(2) from an unmapped page is EFAULT");
	is(faults, 0, "J3: the handler was not asked");
	fails(read(open("/dev/zero", O_RDONLY), gone, 4), EFAULT, "J3: read(2) to it as well");
	*(volatile char *)gone = 1;
	is(faults, 1, "J1: an access by the program asks the handler");
	is(write(p[1], gone, 4), 4, "J1: then the kernel can use the page");
	return done();
}
