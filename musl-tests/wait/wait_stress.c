// Many children end in all possible ways while the parent reaps them.
#include "helpers.h"

#define ROUNDS 12
#define KIDS 25

static int end_somehow(int i)
{
	switch (i % 5) {
	case 0:
		_exit(i);
	case 1:
		kill(getpid(), SIGKILL);
		break;
	case 2:
		raise(SIGTERM);
		break;
	case 3:
		if (fork() == 0)
			_exit(0); // an orphan zombie, for whoever takes it over
		_exit(i);
	case 4:
		for (volatile int n = 0; n < 20000; n++)
			;
		_exit(i);
	}
	return 0;
}

static int expected(int i)
{
	return i % 5 == 1 ? SIGKILL : i % 5 == 2 ? SIGTERM : i << 8;
}

int main(void)
{
	plan(2);
	int right = 0;
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pids[KIDS];
		for (int i = 0; i < KIDS; i++) {
			pids[i] = xfork();
			if (pids[i] == 0)
				_exit(end_somehow(i));
		}
		int status;
		pid_t pid;
		while ((pid = waitpid(-1, &status, 0)) > 0)
			for (int i = 0; i < KIDS; i++)
				right += pids[i] == pid && status == expected(i);
	}
	is(right, ROUNDS * KIDS, "C2: %d children, each with the status it died of", ROUNDS * KIDS);

	// The killer races the exit: both outcomes are fine, a third is not.
	right = 0;
	for (int i = 0; i < 200; i++) {
		pid_t pid = xfork();
		if (pid == 0)
			_exit(4);
		kill(pid, SIGKILL);
		int status = wait_for(pid);
		right += status == SIGKILL || status == 4 << 8;
	}
	is(right, 200, "a kill that races an exit");
	return done();
}
