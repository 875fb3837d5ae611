// More than 65,536 mappings of one frame: counters must not wrap.
#include "helpers.h"

#define PAGES 70000

int main(void)
{
	plan(6);
	// Reads of untouched memory may all be served by one frame of zeros.
	volatile char *p = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ok(p != MAP_FAILED, "a large range");
	madvise((void *)p, PAGES * PAGE, MADV_NOHUGEPAGE);
	int sum = 0;
	for (long i = 0; i < PAGES; i++)
		sum |= p[i * PAGE];
	is(sum, 0, "C2: %d pages read as zero", PAGES);
	pid_t pid = xfork();
	if (pid == 0) {
		int s = 0;
		for (long i = 0; i < PAGES; i++)
			s |= p[i * PAGE];
		p[0] = 1;
		p[(PAGES - 1) * PAGE] = 2;
		_exit(s != 0 || p[PAGE] != 0);
	}
	ok_child(pid, "C2: a child has as many mappings again");
	munmap((void *)p, PAGES * PAGE);
	volatile char *q = private(16 * PAGE);
	sum = 0;
	for (int i = 0; i < 16 * PAGE; i++)
		sum |= q[i];
	is(sum, 0, "C2: fresh memory is still zero afterwards");

	// One page of data shared by many processes at once.
	q[0] = 'x';
	struct gate go;
	gate_init(&go);
	enum { KIDS = 100 };
	pid_t pids[KIDS];
	for (int i = 0; i < KIDS; i++) {
		pids[i] = xfork();
		if (pids[i] == 0) {
			gate_wait(&go);
			_exit(q[0] != 'x');
		}
	}
	q[0] = 'y';
	for (int i = 0; i < KIDS; i++)
		gate_open(&go);
	int good = 0;
	for (int i = 0; i < KIDS; i++)
		good += wait_for(pids[i]) == 0;
	is(good, KIDS, "C2: %d children share a page that the parent has left", KIDS);
	is(q[0], 'y', "S17: the parent has its own");
	return done();
}
