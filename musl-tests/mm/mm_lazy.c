// Memory is given when it is touched, and not before.
#include "helpers.h"

// Resident pages, as /proc/self/statm or getrusage sees them.
static long resident(void)
{
	char text[128];
	long size, res;
	if (slurp("/proc/self/statm", text, sizeof text) <= 0)
		return -1;
	return sscanf(text, "%ld %ld", &size, &res) == 2 ? res : -1;
}

static long faults(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

int main(void)
{
	plan(9);
	long before = resident();
	size_t len = 1L << 30;
	volatile char *p = mmap(0, len, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ok(p != MAP_FAILED, "1 GiB");
	madvise((void *)p, len, MADV_NOHUGEPAGE);
	if (before < 0)
		skip(1, "no /proc/self/statm");
	else
		ok(resident() - before < 64, "takes no memory");
	long f = faults();
	for (size_t i = 0; i < len; i += len / 128)
		p[i] = 1;
	f = faults() - f;
	ok(f >= 128 && f < 400, "128 touched pages are as many faults (%ld)", f);
	if (before < 0)
		skip(1, "no /proc/self/statm");
	else
		ok(resident() - before >= 128 && resident() - before < 600, "and resident");
	int right = 1;
	for (size_t i = 0; i < len; i += len / 128)
		right &= p[i] == 1 && p[i + 1] == 0;
	ok(right, "each its own");
	munmap((void *)p, len);
	if (before < 0)
		skip(1, "no /proc/self/statm");
	else
		ok(resident() - before < 64, "unmapped they are given back");

	// A second touch is no fault.
	p = private(16 * PAGE);
	for (int i = 0; i < 16; i++)
		p[i * PAGE] = 1;
	f = faults();
	for (int n = 0; n < 10; n++)
		for (int i = 0; i < 16; i++)
			p[i * PAGE]++;
	is(faults() - f, 0, "touched pages do not fault again");

	// Write after read, page by page, in a child that shares them.
	pid_t pid = xfork();
	if (pid == 0) {
		for (int i = 0; i < 16; i++)
			CHECK(p[i * PAGE] == 11);
		_exit(0);
	}
	ok_child(pid, "S9: a child reads what was there");
	// Many small mappings.
	int good = 0;
	static char *many[2000];
	for (int i = 0; i < 2000; i++) {
		many[i] = mmap(0, PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (many[i] != MAP_FAILED && i % 2 == 0)
			many[i][0] = i % 100 + 1;
	}
	for (int i = 0; i < 2000; i++)
		good += many[i][0] == (i % 2 ? 0 : i % 100 + 1) && munmap(many[i], PAGE) == 0;
	is(good, 2000, "2,000 mappings of one page");
	return done();
}
