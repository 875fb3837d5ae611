// MAP_GROWSDOWN, and system calls at the edge of mapped memory.
#include "helpers.h"

int main(void)
{
	plan(13);
	scratch();
	// Room enough below: 2 MiB that we know to be free.
	char *room = mmap(0, 4 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	munmap(room, 4 * MIB);
	char *top = room + 3 * MIB;
	char *p = mmap(top, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	ok(p == top, "MAP_GROWSDOWN");
	p[0] = 1;
	for (int i = 1; i <= 20; i++)
		p[-i * PAGE] = i;
	int right = 1;
	for (int i = 1; i <= 20; i++)
		right &= p[-i * PAGE] == i;
	ok(right, "it grows by twenty pages when they are touched");

	// Two pages, the second of them gone.
	char *edge = private(2 * PAGE);
	munmap(edge + PAGE, PAGE);
	char *near = edge + PAGE - 5;
	memcpy(near, "12345", 5);
	int fds[2];
	xpipe(fds);
	fails(write(fds[1], edge + PAGE, 5), EFAULT, "a pipe write from nowhere");
	fails(write(fds[1], near, 10), EFAULT, "nor one over the edge: a pipe takes all or nothing");
	int fd = open("f", O_RDWR | O_CREAT, 0644);
	is(write(fd, near, 10), 5, "a file write over the edge is cut short");
	is(lseek(fd, 0, SEEK_CUR), 5, "and the offset knows");
	is(pread(fd, near, 10, 0), 5, "a file read of what is there");
	if (pwrite(fd, "abcdefghij", 10, 0) != 10)
		bail("pwrite");
	is(pread(fd, near, 10, 0), 5, "a file read over the edge is cut short");
	ok(!memcmp(near, "abcde", 5), "up to the edge");
	fails(pread(fd, edge + PAGE, 1, 0), EFAULT, "a file read to nowhere");
	near[0] = '/';
	memset(near + 1, 'x', 4);
	fails(open(near, O_RDONLY), EFAULT, "a path that runs over the edge");
	memcpy(near, "/tmp", 5);
	ok(open(near, O_RDONLY) >= 0, "one that ends just before it");
	fails(syscall(SYS_stat, "f", edge + PAGE - 20), EFAULT, "a result that does not fit");
	return done();
}
