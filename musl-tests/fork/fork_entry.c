// The child's very first steps in user mode: flags, segment bases, interrupts.
#include "helpers.h"
#include <cpuid.h>
#include <sys/auxv.h>

#define ARCH_SET_GS 0x1001
#define ARCH_GET_GS 0x1004
#define HWCAP2_FSGSBASE 2

// Forks and returns at once with rflags and gs:0 as the child finds them.
static long fork_and_look(uint64_t *flags, uint64_t *gs)
{
	long r;
	__asm__ volatile("syscall\n\tmov %%gs:0, %%rcx\n\tpushfq\n\tpop %%rdx"
			 : "=a"(r), "=d"(*flags), "=c"(*gs)
			 : "0"((long)SYS_fork)
			 : "r11", "memory", "cc");
	return r;
}

int main(void)
{
	plan(5);
	static uint64_t there = 0x1122334455667788;
	uint64_t flags, gs;
	syscall(SYS_arch_prctl, ARCH_SET_GS, &there);
	int good = 0;
	for (int i = 0; i < 100; i++) {
		long pid = fork_and_look(&flags, &gs);
		if (pid == 0)
			_exit((flags & 0x200) && !(flags & 0x7500) && gs == there ? 0 : 1);
		good += wait_for(pid) == 0 && (flags & 0x200) && gs == there;
	}
	is(good, 100, "S15: 100 children begin with interrupts on and their GS base");

	pid_t pid = xfork();
	if (pid == 0) {
		unsigned long base = 0;
		CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0);
		CHECK(base == (unsigned long)&there);
		// The child's GS base is its own from here on.
		CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x1234) == 0);
		_exit(0);
	}
	ok_child(pid, "S1: the GS base is inherited");
	unsigned long base = 0;
	syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
	is(base, (unsigned long)&there, "S1: a change in the child is the child's own");

	if (getauxval(26 /* AT_HWCAP2 */) & HWCAP2_FSGSBASE) {
		pid = xfork();
		if (pid == 0) {
			uint64_t g;
			__asm__ volatile("rdgsbase %0" : "=r"(g));
			CHECK(g == (uint64_t)&there);
			g = 0x700000001000;
			__asm__ volatile("wrgsbase %0" ::"r"(g));
			for (int i = 0; i < 100; i++)
				syscall(SYS_sched_yield);
			__asm__ volatile("rdgsbase %0" : "=r"(g));
			CHECK(g == 0x700000001000);
			pid_t sub = fork();
			CHECK(sub >= 0);
			if (sub == 0) {
				__asm__ volatile("rdgsbase %0" : "=r"(g));
				_exit(g != 0x700000001000);
			}
			_exit(wait_for(sub) != 0);
		}
		ok_child(pid, "S15: a GS base set by wrgsbase lives through switches and fork");
	} else {
		skip(1, "no FSGSBASE for user code here");
	}

	// A child whose first act is an endless loop gives way to the parent.
	pid = xfork();
	if (pid == 0)
		for (;;)
			;
	kill(pid, SIGKILL);
	ok_killed(pid, SIGKILL, "S15: a child that spins from its first instruction is preempted");
	return done();
}
