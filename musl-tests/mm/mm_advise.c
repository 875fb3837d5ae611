// madvise, mincore and friends.
#include "helpers.h"

int main(void)
{
	plan(27);
	scratch();
	char *p = private(8 * PAGE);
	memset(p, 'x', 8 * PAGE);
	is(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED), 0, "MADV_DONTNEED");
	ok(p[0] == 'x' && p[PAGE] == 0 && p[2 * PAGE] == 0 && p[3 * PAGE] == 'x',
	   "private memory is zero afterwards, in that range only");
	p[PAGE] = 'y';
	is(p[PAGE], 'y', "and writable");

	int fd = open("f", O_RDWR | O_CREAT, 0644);
	if (write(fd, "from the file", 14) != 14)
		bail("write");
	char *m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	m[0] = 'X';
	madvise(m, PAGE, MADV_DONTNEED);
	is_str(m, "from the file", "a private file page is the file's again");
	char *s = shared(PAGE);
	s[0] = 's';
	madvise(s, PAGE, MADV_DONTNEED);
	is(s[0], 's', "shared memory keeps what it has");

	fails(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL, "an odd address");
	fails(madvise(p, PAGE, 9999), EINVAL, "unknown advice");
	is(madvise(p, 0, MADV_DONTNEED), 0, "length 0");
	munmap(p + 4 * PAGE, PAGE);
	fails(madvise(p + 3 * PAGE, 3 * PAGE, MADV_DONTNEED), ENOMEM, "a hole in the range");
	is(p[3 * PAGE], 0, "what came before it was done");
	is(p[5 * PAGE], 0, "what came behind it too");
	is(madvise(p, PAGE, MADV_NORMAL), 0, "MADV_NORMAL");
	is(madvise(p, PAGE, MADV_SEQUENTIAL), 0, "MADV_SEQUENTIAL");
	is(madvise(p, PAGE, MADV_RANDOM), 0, "MADV_RANDOM");
	is(madvise(p, PAGE, MADV_WILLNEED), 0, "MADV_WILLNEED");
	p[0] = 'f';
	is(madvise(p, PAGE, MADV_FREE), 0, "MADV_FREE");
	ok(p[0] == 'f' || p[0] == 0, "leaves the old or zero");
	p[0] = 'g';
	is(p[0], 'g', "a store afterwards counts");

	unsigned char vec[8];
	char *lazy = private(4 * PAGE);
	lazy[PAGE] = 1;
	is(mincore(lazy, 4 * PAGE, vec), 0, "mincore");
	ok(!(vec[0] & 1) && (vec[1] & 1) && !(vec[2] & 1), "only the touched page is there");
	fails(mincore(lazy + 1, PAGE, vec), EINVAL, "mincore: an odd address");
	fails(mincore(p + 4 * PAGE, PAGE, vec), ENOMEM, "mincore: a hole");
	fails(mincore(lazy, 4 * PAGE, (void *)8), EFAULT, "mincore: a bad vector");
	is(mincore(lazy, 0, vec), 0, "mincore: length 0");

	is(mlock(lazy, 2 * PAGE), 0, "mlock");
	ok(mincore(lazy, PAGE, vec) == 0 && (vec[0] & 1), "brings pages in");
	is(munlock(lazy, 2 * PAGE), 0, "munlock");
	return done();
}
