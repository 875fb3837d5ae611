// dumbfork: a fork that copies eagerly, then both take turns.
//
// The copy is forced by touching every page in the child before anything
// else; parent and child then count to their own numbers, yielding each time.
#include "helpers.h"

#define PAGES 200

int main(void)
{
	plan(4);
	volatile char *mem = private(PAGES * PAGE);
	volatile int *turns = shared(PAGE);
	for (int i = 0; i < PAGES; i++)
		mem[i * PAGE] = i;
	volatile int count = 0;
	pid_t pid = xfork();
	if (pid == 0) {
		for (int i = 0; i < PAGES; i++)
			mem[i * PAGE] = mem[i * PAGE];
		for (count = 0; count < 20; count++) {
			turns[1]++;
			syscall(SYS_sched_yield);
		}
		for (int i = 0; i < PAGES; i++)
			CHECK(mem[i * PAGE] == (char)i);
		_exit(count);
	}
	for (count = 0; count < 10; count++) {
		turns[0]++;
		for (int i = 0; i < PAGES; i++)
			mem[i * PAGE] = 99;
		syscall(SYS_sched_yield);
	}
	int status = wait_for(pid);
	is(status, 20 << 8, "J: the child counted to 20 on its own copy");
	is(count, 10, "J: the parent to 10");
	is(turns[0], 10, "J: the parent took 10 turns");
	is(turns[1], 20, "J: the child 20");
	return done();
}
