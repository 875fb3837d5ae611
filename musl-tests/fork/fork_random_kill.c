// Fork, exec and kill at random moments: everybody is reaped exactly once.
#include "self.h"

#define CYCLES 300

int main(int argc, char **argv)
{
	if (argc > 1) {
		for (volatile int i = 0; i < atoi(argv[1]); i++)
			;
		return 7;
	}
	plan(3);
	self_init(argv[0]);
	uint32_t seed = 99;
	int right = 0, killed = 0;
	for (int i = 0; i < CYCLES; i++) {
		char spin[16];
		seed = seed * 1664525 + 1013904223;
		snprintf(spin, sizeof spin, "%u", (seed >> 8) % 30000);
		pid_t pid = SPAWN_SELF(spin);
		for (volatile uint32_t k = 0; k < (seed >> 16) % 20000; k++)
			;
		if (seed >> 31)
			kill(pid, SIGKILL);
		int status = wait_for(pid);
		right += status == 7 << 8 || (status == SIGKILL && seed >> 31);
		killed += status == SIGKILL;
	}
	is(right, CYCLES, "C2: %d children ended as they should, %d of them killed", CYCLES, killed);
	fails(waitpid(-1, 0, 0), ECHILD, "C2: none is left over");

	// Whole families at once.
	right = 0;
	for (int i = 0; i < 20; i++) {
		int p[2];
		xpipe(p);
		pid_t pid = xfork();
		if (pid == 0) {
			close(p[0]);
			setpgid(0, 0);
			for (int k = 0; k < 4; k++)
				if (fork() == 0) {
					execl(self, self, "1000000000", (char *)0);
					_exit(1);
				}
			for (;;)
				pause();
		}
		setpgid(pid, pid);
		close(p[1]);
		for (volatile int k = 0; k < 20000 * (i % 5); k++)
			;
		kill(-pid, SIGKILL);
		// The end of the pipe: nobody who holds the other one is left.
		char c;
		right += wait_for(pid) == SIGKILL && read(p[0], &c, 1) == 0;
		close(p[0]);
	}
	is(right, 20, "C2: 20 families killed in the middle of fork and exec");
	return done();
}
