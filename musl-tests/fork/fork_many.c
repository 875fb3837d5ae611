// Two hundred children at once, a deep chain, and a wide tree.
#include "helpers.h"

#define MANY 200
#define DEPTH 40

static int chain(int depth)
{
	if (depth == 0)
		return 0;
	pid_t pid = fork();
	if (pid < 0)
		return 1;
	if (pid == 0)
		_exit(chain(depth - 1));
	int status = wait_for(pid);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

int main(void)
{
	plan(6);
	struct gate go;
	gate_init(&go);
	pid_t pids[MANY];
	for (int i = 0; i < MANY; i++) {
		pids[i] = xfork();
		if (pids[i] == 0) {
			gate_wait(&go);
			_exit(i);
		}
	}
	int distinct = 1, alive = 1;
	for (int i = 0; i < MANY; i++) {
		alive &= kill(pids[i], 0) == 0;
		for (int j = 0; j < i; j++)
			distinct &= pids[i] != pids[j];
	}
	ok(distinct, "S2: %d children, %d pids", MANY, MANY);
	ok(alive, "S2: all of them exist at once");
	for (int i = 0; i < MANY; i++)
		gate_open(&go);
	int right = 0;
	// The last first: a wait for one child must not care about the others.
	for (int i = MANY - 1; i >= 0; i--) {
		int status = wait_for(pids[i]);
		right += WIFEXITED(status) && WEXITSTATUS(status) == i;
	}
	is(right, MANY, "C2: each is reaped with its own exit code");
	fails(wait(0), ECHILD, "C2: none is left");

	is(chain(DEPTH), 0, "C2: a chain %d forks deep comes back", DEPTH);

	int good = 0;
	for (int i = 0; i < 300; i++) {
		pid_t pid = xfork();
		if (pid == 0)
			_exit(i & 0x7f);
		good += wait_for(pid) == (i & 0x7f) << 8;
	}
	is(good, 300, "C2: 300 children one after the other");
	return done();
}
