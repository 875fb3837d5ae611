// faultio: user code has no ports and cannot give itself any.
#include "helpers.h"
#include <setjmp.h>

static sigjmp_buf back;
static volatile int code;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	code = info->si_code;
	siglongjmp(back, 1);
}

int main(void)
{
	plan(6);
	uint64_t flags;
	__asm__ volatile("pushfq\n pop %0" : "=r"(flags));
	is(flags >> 12 & 3, 0, "J: IOPL is 0");
	is(flags >> 9 & 1, 1, "J: interrupts are on");
	catch_signal(SIGSEGV, handler, 0);
	volatile int out = 0, in = 0;
	if (sigsetjmp(back, 1) == 0) {
		__asm__ volatile("mov $0xf0, %%al\n mov $0x1f6, %%dx\n outb %%al, %%dx" ::: "eax", "edx");
		out = 1;
	}
	ok(!out && code == SI_KERNEL, "J: outb to the disk's port is SIGSEGV");
	if (sigsetjmp(back, 1) == 0) {
		__asm__ volatile("mov $0x60, %%dx\n inb %%dx, %%al" ::: "eax", "edx");
		in = 1;
	}
	ok(!in, "J: inb from the keyboard's as well");
	// popf silently leaves IOPL and IF alone.
	__asm__ volatile("pushfq\n orq $0x3000, (%%rsp)\n andq $~0x200, (%%rsp)\n popfq\n"
			 "pushfq\n pop %0" : "=r"(flags)::"cc", "memory");
	is(flags >> 12 & 3, 0, "J: popf does not change IOPL");
	is(flags >> 9 & 1, 1, "J: nor the interrupt flag");
	return done();
}
