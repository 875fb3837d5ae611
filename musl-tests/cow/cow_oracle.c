// Random stores by a family of processes, checked against a byte map.
//
// Each process carries its own oracle on its stack pages (copied by the same
// fork, but filled by plain code) as a hash over all it ever stored.
#include "helpers.h"

#define PAGES 64
#define STEPS 1500

static volatile uint8_t *mem;
static uint8_t oracle[PAGES * PAGE / 64]; // one byte in 64 is used

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static int agrees(void)
{
	for (size_t i = 0; i < sizeof oracle; i++)
		if (mem[i * 64] != oracle[i])
			return 0;
	return 1;
}

static int live(uint32_t seed, int depth)
{
	int bad = 0;
	for (int step = 0; step < STEPS; step++) {
		size_t i = next(&seed) % sizeof oracle;
		mem[i * 64] = oracle[i] = next(&seed);
		if (depth > 0 && step % 250 == 100) {
			pid_t pid = fork();
			CHECK(pid >= 0);
			if (pid == 0)
				_exit(live(seed ^ step, depth - 1));
			if (step % 500 == 100)
				bad |= wait_for(pid) != 0;
		}
	}
	int status;
	while (wait(&status) > 0)
		bad |= status != 0;
	return bad || !agrees();
}

int main(void)
{
	plan(3);
	mem = private(PAGES * PAGE);
	for (uint32_t seed = 1; seed <= 3; seed++) {
		pid_t pid = xfork();
		if (pid == 0)
			_exit(live(seed, 2));
		ok_child(pid, "S17: a family of 43 agrees with its byte maps, seed %u", seed);
	}
	return done();
}
