// Megabytes through a pipeline of four processes, with odd buffer sizes.
#include "helpers.h"

#define TOTAL (3 * MIB)
#define STAGES 4

static uint8_t byte_at(size_t i)
{
	return (i * 2654435761u) >> 13;
}

// Copies with its own buffer size, adding one to each byte.
static int stage(int in, int out, size_t size)
{
	static uint8_t buf[20000];
	ssize_t n;
	while ((n = read(in, buf, size)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			buf[i]++;
		for (ssize_t off = 0, m; off < n; off += m)
			CHECK((m = write(out, buf + off, n - off)) > 0);
	}
	return n != 0;
}

int main(void)
{
	plan(3);
	static const size_t sizes[STAGES] = { 1000, 20000, 4096, 777 };
	int first[2], in, good = 0;
	pid_t pids[STAGES + 1];
	xpipe(first);
	pids[STAGES] = xfork();
	if (pids[STAGES] == 0) {
		uint8_t buf[5000];
		close(first[0]);
		for (size_t i = 0; i < TOTAL;) {
			size_t n = 0;
			while (n < sizeof buf && i < TOTAL)
				buf[n++] = byte_at(i++);
			CHECK(write(first[1], buf, n) == (ssize_t)n);
		}
		_exit(0);
	}
	close(first[1]);
	in = first[0];
	for (int s = 0; s < STAGES; s++) {
		int next[2];
		xpipe(next);
		pids[s] = xfork();
		if (pids[s] == 0) {
			close(next[0]);
			_exit(stage(in, next[1], sizes[s]));
		}
		close(in);
		close(next[1]);
		in = next[0];
	}
	static uint8_t buf[8192];
	size_t got = 0, wrong = 0;
	ssize_t n;
	while ((n = read(in, buf, sizeof buf)) > 0)
		for (ssize_t i = 0; i < n; i++)
			wrong += buf[i] != (uint8_t)(byte_at(got++) + STAGES);
	is(got, TOTAL, "%ld bytes arrive", TOTAL);
	is(wrong, 0, "each as expected");
	for (int s = 0; s <= STAGES; s++)
		good += wait_for(pids[s]) == 0;
	is(good, STAGES + 1, "and all stages end");
	return done();
}
