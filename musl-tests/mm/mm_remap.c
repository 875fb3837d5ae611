// mremap: shrink, grow, move, and its errors.
#include "helpers.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static char *raw(void *old, size_t ol, size_t nl, int flags, void *to)
{
	return (char *)syscall(SYS_mremap, old, ol, nl, flags, to);
}

static int mapped(char *p)
{
	unsigned char v;
	return mincore(p, PAGE, &v) == 0;
}

static int counts(char *p, int pages)
{
	for (int i = 0; i < pages; i++)
		if (p[i * PAGE] != i + 1)
			return 0;
	return 1;
}

static char *numbered(int pages)
{
	char *p = private(pages * PAGE);
	for (int i = 0; i < pages; i++)
		p[i * PAGE] = i + 1;
	return p;
}

int main(void)
{
	plan(31);
	char *p = numbered(8), *q;
	ok(raw(p, 8 * PAGE, 5 * PAGE, 0, 0) == p, "shrink in place");
	ok(counts(p, 5) && !mapped(p + 5 * PAGE), "the rest is gone");
	ok(raw(p, 5 * PAGE, 7 * PAGE, 0, 0) == p, "grow into the room behind it");
	ok(counts(p, 5) && p[5 * PAGE] == 0 && p[6 * PAGE] == 0, "the new pages are zero");
	p[5 * PAGE] = 6;
	p[6 * PAGE] = 7;

	char *wall = mmap(p + 7 * PAGE, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	wall[0] = 'W';
	fails(raw(p, 7 * PAGE, 9 * PAGE, 0, 0), ENOMEM, "no room and no leave to move");
	q = raw(p, 7 * PAGE, 9 * PAGE, MREMAP_MAYMOVE, 0);
	ok(q != MAP_FAILED && q != p, "it moves when it may");
	ok(counts(q, 7) && q[8 * PAGE] == 0, "with all it holds");
	ok(!mapped(p) && wall[0] == 'W', "the old place is free, the wall stands");

	char *to = private(4 * PAGE);
	to[0] = 'o';
	ok(raw(q, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to,
	   "a part moved to a fixed place");
	ok(counts(to, 4) && !mapped(q) && q[4 * PAGE] == 5, "the other part stays");
	ok(raw(to, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q, "fixed and smaller");
	ok(counts(q, 2) && !mapped(to) && !mapped(to + 3 * PAGE), "nothing is left of the old");

	p = numbered(4);
	fails(raw(p + 1, PAGE, PAGE, 0, 0), EINVAL, "an odd address");
	fails(raw(p, PAGE, 0, 0, 0), EINVAL, "new size 0");
	fails(raw(p, PAGE, 2 * PAGE, 0x10, 0), EINVAL, "unknown flags");
	fails(raw(p, PAGE, PAGE, MREMAP_FIXED, to), EINVAL, "MREMAP_FIXED without MREMAP_MAYMOVE");
	fails(raw(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + 1), EINVAL, "an odd new address");
	fails(raw(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EINVAL,
	      "the new place overlaps the old");
	munmap(p + 2 * PAGE, PAGE);
	fails(raw(p, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE, 0), EFAULT, "growing over a hole");
	fails(raw(p + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0), EFAULT, "nothing there");
	fails(raw(p, 2 * PAGE, 1L << 47, MREMAP_MAYMOVE, 0), EINVAL, "a size beyond user space");
	fails(raw(p, 0, PAGE, MREMAP_MAYMOVE, 0), EINVAL, "old size 0 of private memory");
	ok(counts(p, 2), "none of that changed anything");

	char *s = shared(2 * PAGE);
	s[0] = 's';
	q = raw(s, 0, 2 * PAGE, MREMAP_MAYMOVE, 0);
	ok(q != MAP_FAILED && q != s && q[0] == 's', "old size 0 of shared memory maps it a second time");
	q[0] = 't';
	is(s[0], 't', "both are one");

	// A file mapping keeps its place in the file.
	scratch();
	int fd = open("f", O_RDWR | O_CREAT, 0644);
	for (int i = 0; i < 4; i++)
		if (pwrite(fd, &(char){ i + 1 }, 1, i * PAGE) != 1)
			bail("pwrite");
	char *m = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
	q = raw(m, PAGE, 3 * PAGE, MREMAP_MAYMOVE, 0);
	ok(q != MAP_FAILED && q[0] == 2 && q[PAGE] == 3 && q[2 * PAGE] == 4, "a file mapping grows");

	p = numbered(3);
	q = raw(p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	ok(q != MAP_FAILED && counts(q, 3), "MREMAP_DONTUNMAP moves the pages");
	ok(mapped(p) && p[0] == 0 && p[2 * PAGE] == 0, "and leaves the old range, empty");
	fails(raw(q, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0), EINVAL,
	      "MREMAP_DONTUNMAP cannot change the size");

	// Large and mostly untouched: moving costs by what is there.
	char *big = mmap(0, 1L << 32, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	big[0] = 1;
	big[(1L << 32) - 1] = 2;
	q = raw(big, 1L << 32, (1L << 32) + PAGE, MREMAP_MAYMOVE, 0);
	ok(q != MAP_FAILED && q[0] == 1 && q[(1L << 32) - 1] == 2, "4 GiB, two pages of it touched");
	is(munmap(q, (1L << 32) + PAGE), 0, "unmapped");
	return done();
}
