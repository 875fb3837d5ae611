// stresssched: 20 children count at once, each in its own memory, exactly.
#include "helpers.h"

#define KIDS 20
#define ROUNDS 10
#define STEPS 10000

static volatile int counter;

int main(void)
{
	plan(2);
	struct gate go;
	gate_init(&go);
	pid_t pids[KIDS];
	for (int i = 0; i < KIDS; i++) {
		pids[i] = xfork();
		if (pids[i] == 0) {
			gate_wait(&go);
			for (int r = 0; r < ROUNDS; r++) {
				syscall(SYS_sched_yield);
				for (int s = 0; s < STEPS; s++)
					counter++;
			}
			_exit(counter != ROUNDS * STEPS);
		}
	}
	for (int i = 0; i < KIDS; i++)
		gate_open(&go);
	int good = 0;
	for (int i = 0; i < KIDS; i++)
		good += wait_for(pids[i]) == 0;
	is(good, KIDS, "J: %d children, each counted to %d", KIDS, ROUNDS * STEPS);
	is(counter, 0, "J: the parent's counter stands still");
	return done();
}
