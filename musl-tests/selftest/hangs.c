// Meant to hang: proves that the runner's time limit works. It takes its own
// guard alarm off first, and a child in the same process group hangs along.
#include "tap.h"

int main(void)
{
	plan(1);
	alarm(0);
	fork();
	for (;;)
		pause();
}
