// spin: a child that never gives way, and a parent that gets its turn anyway.
#include "helpers.h"

int main(void)
{
	plan(3);
	pid_t pids[3];
	for (int i = 0; i < 3; i++) {
		pids[i] = xfork();
		if (pids[i] == 0)
			for (;;)
				__asm__ volatile("pause");
	}
	for (int i = 0; i < 8; i++)
		syscall(SYS_sched_yield);
	for (int i = 0; i < 3; i++) {
		kill(pids[i], SIGKILL);
		ok_killed(pids[i], SIGKILL, "J: spinning child %d is preempted and killed", i);
	}
	return done();
}
