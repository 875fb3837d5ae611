// One page through four generations, everyone alive and writing.
#include "helpers.h"

#define GENERATIONS 6
#define PAGES 16

static volatile uint32_t *mem;
static struct gate up, down;

// Every generation writes its number into its column and checks the columns
// of its elders, then lets a child do the same, then checks again.
static int live(int generation)
{
	for (int i = 0; i < PAGES; i++)
		mem[i * 1024 + generation] = generation * 1000 + i;
	pid_t pid = 0;
	if (generation + 1 < GENERATIONS) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			_exit(live(generation + 1));
	} else {
		gate_open(&up);
		gate_wait(&down);
	}
	if (pid > 0)
		CHECK(wait_for(pid) == 0);
	for (int i = 0; i < PAGES; i++)
		for (int g = 0; g < GENERATIONS; g++)
			CHECK(mem[i * 1024 + g] == (g <= generation ? g * 1000u + i : 0));
	return 0;
}

int main(void)
{
	plan(3);
	mem = private(PAGES * PAGE);
	gate_init(&up);
	gate_init(&down);
	pid_t pid = xfork();
	if (pid == 0)
		_exit(live(0));
	gate_wait(&up);
	ok(kill(pid, 0) == 0, "C2: %d generations share pages at once", GENERATIONS);
	gate_open(&down);
	ok_child(pid, "S17: each saw its elders' stores and nobody else's");
	int clean = 1;
	for (int i = 0; i < PAGES * 1024; i++)
		clean &= mem[i] == 0;
	ok(clean, "S17: the eldest's pages are untouched");
	return done();
}
