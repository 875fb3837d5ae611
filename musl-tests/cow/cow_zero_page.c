// Pages that were only read, or never touched, before and after fork.
#include "helpers.h"

#define PAGES 32

int main(void)
{
	plan(7);
	volatile char *p = private(PAGES * PAGE);
	char sum = 0;
	for (int i = 0; i < PAGES; i += 2)
		sum |= p[i * PAGE];
	is(sum, 0, "a page reads as zero before anybody wrote it");

	pid_t pid = xfork();
	if (pid == 0) {
		for (int i = 0; i < PAGES; i++) {
			CHECK(p[i * PAGE + 9] == 0);
			p[i * PAGE + 9] = 'c';
		}
		_exit(0);
	}
	ok_child(pid, "S17: the child writes over read and untouched pages");
	sum = 0;
	for (int i = 0; i < PAGES * PAGE; i++)
		sum |= p[i];
	is(sum, 0, "S17: they are still zero in the parent");

	p[5 * PAGE] = 'p';
	volatile char *q = private(PAGES * PAGE);
	sum = 0;
	for (int i = 0; i < PAGES; i++)
		sum |= q[i * PAGE];
	is(sum, 0, "S17: a store after a read-only fault does not hit a zero page of others");

	// One untouched page, many sharers, all of whom read and then write.
	struct gate go;
	gate_init(&go);
	pid_t pids[30];
	for (int i = 0; i < 30; i++) {
		pids[i] = xfork();
		if (pids[i] == 0) {
			CHECK(q[PAGE] == 0);
			gate_wait(&go);
			q[PAGE] = i + 1;
			CHECK(q[PAGE] == i + 1 && q[PAGE + 1] == 0);
			_exit(0);
		}
	}
	for (int i = 0; i < 30; i++)
		gate_open(&go);
	int good = 0;
	for (int i = 0; i < 30; i++)
		good += wait_for(pids[i]) == 0;
	is(good, 30, "S17: 30 sharers of a page read, then write");
	is(q[PAGE], 0, "S17: and the parent's is zero");

	int fd = open("/dev/zero", O_RDWR);
	char *z = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ok(fd >= 0 && z != MAP_FAILED && z[0] == 0 && (z[0] = 1), "/dev/zero maps privately");
	return done();
}
