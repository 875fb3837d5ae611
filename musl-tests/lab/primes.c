// primes: a sieve of processes, each filtering one prime out of a pipe.
//
// 290 processes at once: the 290th prime is 1889.
#include "helpers.h"

#define PROCESSES 290
#define LAST_PRIME 1889

static int result[2];

// Reads numbers, reports the first, passes on what it does not divide to a
// child, which does the same.
static void sieve(int in)
{
	int p, n, out[2];
	while (read(in, &p, sizeof p) == sizeof p) {
		CHECK(write(result[1], &p, sizeof p) == sizeof p);
		CHECK(pipe(out) == 0);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(in);
			close(out[1]);
			in = out[0];
			continue;
		}
		close(out[0]);
		while (read(in, &n, sizeof n) == sizeof n)
			if (n % p)
				CHECK(write(out[1], &n, sizeof n) == sizeof n);
		close(out[1]);
		_exit(wait_for(pid) != 0);
	}
	_exit(0); // no number came: the pipeline ends here
}

int main(void)
{
	plan(3);
	int first[2];
	xpipe(result);
	xpipe(first);
	pid_t pid = xfork();
	if (pid == 0) {
		close(first[1]);
		close(result[0]);
		sieve(first[0]);
	}
	close(first[0]);
	close(result[1]);
	for (int n = 2; n <= LAST_PRIME; n++)
		if (write(first[1], &n, sizeof n) != sizeof n)
			bail("write");
	close(first[1]);
	int p, count = 0, last = 0, rising = 1;
	while (read(result[0], &p, sizeof p) == sizeof p) {
		rising &= p > last;
		last = p;
		count++;
	}
	ok_child(pid, "J: the whole pipeline ends well");
	is(count, PROCESSES, "J: %d processes, a prime each", PROCESSES);
	ok(rising && last == LAST_PRIME, "J: in order, up to %d", LAST_PRIME);
	return done();
}
