// munmap: whole, in part, over holes; and what it refuses.
#include "helpers.h"

static int mapped(char *p)
{
	unsigned char v;
	return mincore(p, PAGE, &v) == 0;
}

int main(void)
{
	plan(16);
	char *p = private(8 * PAGE);
	memset(p, 'x', 8 * PAGE);
	is(munmap(p + 2 * PAGE, PAGE), 0, "a page out of the middle");
	ok(mapped(p + PAGE) && !mapped(p + 2 * PAGE) && mapped(p + 3 * PAGE), "leaves the sides");
	ok(p[2 * PAGE - 1] == 'x' && p[3 * PAGE] == 'x', "with what they hold");
	is(munmap(p + 2 * PAGE, PAGE), 0, "again: nothing there is fine");
	is(munmap(p + PAGE, 3 * PAGE), 0, "across the hole");
	ok(!mapped(p + PAGE) && !mapped(p + 3 * PAGE) && mapped(p + 4 * PAGE), "takes both sides");
	is(munmap(p + 7 * PAGE, 1), 0, "one byte takes a page");
	ok(!mapped(p + 7 * PAGE), "it is gone");
	fails(munmap(p + 1, PAGE), EINVAL, "an odd address");
	fails(munmap(p, 0), EINVAL, "length 0");
	fails(syscall(SYS_munmap, 1L << 47, PAGE), EINVAL, "beyond user space");
	fails(syscall(SYS_munmap, PAGE, -PAGE), EINVAL, "a length that wraps");

	pid_t pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		munmap(p + 5 * PAGE, PAGE);
		p[5 * PAGE] = 1;
		_exit(0);
	}
	ok_killed(pid, SIGSEGV, "a store to what was unmapped faults");
	is(p[5 * PAGE], 'x', "in that process only");

	// A new mapping over the same place starts from zero.
	munmap(p + 4 * PAGE, PAGE);
	char *q = mmap(p + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	int zero = 1;
	for (int i = 0; i < PAGE; i++)
		zero &= q[i] == 0;
	ok(zero, "mapped anew it is zero");

	// Memory comes back: more than any machine of ours has, bit by bit.
	int good = 0;
	for (int i = 0; i < 400; i++) {
		char *m = private(4 * MIB);
		for (long k = 0; k < 4 * MIB; k += 64 * PAGE)
			m[k] = 1;
		good += munmap(m, 4 * MIB) == 0;
	}
	is(good, 400, "400 times map, touch, unmap");
	return done();
}
