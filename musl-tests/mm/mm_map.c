// mmap: where things go, and everything it refuses.
#include "helpers.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

// libc's mmap checks some of this itself, so the call is made directly.
static void *raw_mmap(void *a, size_t len, int prot, int flags, int fd, off_t off)
{
	return (void *)syscall(SYS_mmap, a, len, prot, flags, fd, off);
}

int main(void)
{
	plan(38);
	scratch();
	char *p = raw_mmap(0, 3 * PAGE, RW, ANON, -1, 0);
	ok(p != MAP_FAILED && (uintptr_t)p % PAGE == 0, "anonymous memory, page aligned");
	ok((uintptr_t)p >= 65536, "not near zero");
	int zero = 1;
	for (int i = 0; i < 3 * PAGE; i++)
		zero &= p[i] == 0;
	ok(zero, "all zero");
	char *q = raw_mmap(0, 1, RW, ANON, -1, 0);
	ok(q != MAP_FAILED && (q[PAGE - 1] = 1), "one byte gives a whole page");

	fails(raw_mmap(0, 0, RW, ANON, -1, 0), EINVAL, "length 0");
	fails(raw_mmap(0, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL, "neither private nor shared");
	fails(raw_mmap(0, PAGE, RW, ANON, -1, 1), EINVAL, "an odd offset");
	fails(raw_mmap((void *)1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL, "an odd fixed address");
	fails(raw_mmap((void *)(1L << 47), PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM,
	      "a fixed address beyond user space");
	fails(raw_mmap((void *)((1L << 47) - PAGE), 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM,
	      "an end beyond user space");
	fails(raw_mmap(0, ~0UL, RW, ANON, -1, 0), ENOMEM, "a length that wraps");
	fails(raw_mmap(0, 1L << 47, RW, ANON, -1, 0), ENOMEM, "a length beyond user space");
	fails(raw_mmap(0, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF, "a file mapping without a file");
	fails(raw_mmap(0, PAGE, RW, MAP_PRIVATE, 99, 0), EBADF, "a closed descriptor");

	spill("f", "content", 0644);
	int ro = open("f", O_RDONLY), wo = open("f", O_WRONLY), rw = open("f", O_RDWR);
	fails(raw_mmap(0, PAGE, PROT_READ, MAP_PRIVATE, wo, 0), EACCES, "a write-only file");
	fails(raw_mmap(0, PAGE, RW, MAP_SHARED, ro, 0), EACCES, "shared and writable of a read-only one");
	ok(raw_mmap(0, PAGE, RW, MAP_PRIVATE, ro, 0) != MAP_FAILED, "private and writable is fine");
	ok(raw_mmap(0, PAGE, PROT_READ, MAP_SHARED, ro, 0) != MAP_FAILED, "shared and readable too");
	fails(raw_mmap(0, PAGE, PROT_READ, MAP_SHARED, rw, 100), EINVAL, "an odd file offset");
	int dir = open(".", O_RDONLY), fds[2];
	xpipe(fds);
	fails(raw_mmap(0, PAGE, PROT_READ, MAP_SHARED, dir, 0), ENODEV, "a directory");
	fails(raw_mmap(0, PAGE, PROT_READ, MAP_SHARED, fds[0], 0), ENODEV, "a pipe");
	fails(raw_mmap(0, PAGE, PROT_READ, MAP_SHARED, rw, -PAGE), EOVERFLOW, "an offset that wraps");
	q = raw_mmap(0, PAGE, PROT_READ, MAP_SHARED, rw, 0);
	close(rw);
	is_str(q, "content", "a mapping outlives its descriptor");

	// Hints are hints.
	char *hint = (char *)0x200000000;
	p = raw_mmap(hint, PAGE, RW, ANON, -1, 0);
	ok(p == hint, "a free hint is taken");
	q = raw_mmap(hint, PAGE, RW, ANON, -1, 0);
	ok(q != MAP_FAILED && q != hint, "a used one is not");
	q = raw_mmap(hint + PAGE + 5, PAGE, RW, ANON, -1, 0);
	ok(q == hint + PAGE || q == hint + 2 * PAGE, "an odd one is rounded");

	// MAP_FIXED replaces, MAP_FIXED_NOREPLACE does not.
	p[0] = 'x';
	q = raw_mmap(hint, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	ok(q == hint && q[0] == 0, "MAP_FIXED replaces what was there");
	q[0] = 'y';
	fails(raw_mmap(hint, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST,
	      "MAP_FIXED_NOREPLACE does not");
	is(q[0], 'y', "and leaves it alone");
	char *free_place = (char *)0x300000000;
	ok(raw_mmap(free_place, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == free_place,
	   "MAP_FIXED_NOREPLACE takes a free place");
	fails(raw_mmap(free_place - PAGE, 3 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST,
	      "not one that is partly used");

	// In the middle of a larger mapping.
	p = private(5 * PAGE);
	memset(p, 'm', 5 * PAGE);
	raw_mmap(p + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	ok(p[2 * PAGE - 1] == 'm' && p[2 * PAGE] == 0 && p[3 * PAGE - 1] == 0 && p[3 * PAGE] == 'm',
	   "MAP_FIXED into a mapping replaces just those pages");

	q = raw_mmap(0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ok(q != MAP_FAILED && q[0] == 0, "shared anonymous memory");
	q = raw_mmap(0, 16 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
	unsigned char vec[16];
	int present = mincore(q, 16 * PAGE, vec) == 0;
	for (int i = 0; i < 16; i++)
		present &= vec[i] & 1;
	ok(present, "MAP_POPULATE brings the pages in");
	q = raw_mmap(0, 1L << 36, RW, ANON | MAP_NORESERVE, -1, 0);
	ok(q != MAP_FAILED && (q[(1L << 36) - 1] = 3) && (q[1L << 35] = 4),
	   "64 GiB of MAP_NORESERVE, of which two pages are used");
	is(munmap(q, 1L << 36), 0, "and unmapped");
	fails(raw_mmap(0, PAGE, PROT_READ, 0x3 /* MAP_SHARED_VALIDATE */ | 1 << 23, ro, 0), EOPNOTSUPP,
	      "MAP_SHARED_VALIDATE refuses unknown flags");
	fails(raw_mmap((void *)0, PAGE, RW, MAP_PRIVATE | MAP_FIXED, -1, 0), EBADF,
	      "the descriptor is checked first");
	return done();
}
