// mprotect: what becomes possible, what stays forbidden, what it refuses.
#include "helpers.h"
#include <setjmp.h>

static sigjmp_buf back;

static void on_segv(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static int can_read(volatile char *p)
{
	if (sigsetjmp(back, 1))
		return 0;
	(void)*p;
	return 1;
}

static int can_write(volatile char *p)
{
	if (sigsetjmp(back, 1))
		return 0;
	*p = *p;
	return 1;
}

static int maps_lines(char *from, char *to)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	int n = 0;
	if (!f)
		return -1;
	while (fgets(line, sizeof line, f)) {
		unsigned long a, b;
		if (sscanf(line, "%lx-%lx", &a, &b) == 2 && a < (uintptr_t)to && b > (uintptr_t)from)
			n++;
	}
	fclose(f);
	return n;
}

int main(void)
{
	plan(27);
	scratch();
	signal(SIGSEGV, on_segv);
	char *p = private(6 * PAGE);
	memset(p, 'x', 6 * PAGE);
	is(mprotect(p + PAGE, PAGE, PROT_READ), 0, "read only");
	ok(can_read(p + PAGE) && !can_write(p + PAGE), "can be read, not written");
	ok(can_write(p) && can_write(p + 2 * PAGE), "the neighbours can be written");
	is(mprotect(p + 2 * PAGE, PAGE, PROT_NONE), 0, "no access");
	ok(!can_read(p + 2 * PAGE) && !can_write(p + 2 * PAGE), "cannot even be read");
	is(mprotect(p + 3 * PAGE, PAGE, PROT_WRITE), 0, "write only");
	ok(can_read(p + 3 * PAGE), "means readable on this machine");
	int lines = maps_lines(p, p + 6 * PAGE);
	if (lines < 0)
		skip(1, "no /proc/self/maps");
	else
		is(lines, 5, "five pieces in the list of mappings");
	is(mprotect(p, 6 * PAGE, PROT_READ | PROT_WRITE), 0, "everything back over all pieces");
	int kept = 1;
	for (int i = 0; i < 6 * PAGE; i++)
		kept &= p[i] == 'x';
	ok(kept, "no byte was lost");
	lines = maps_lines(p, p + 6 * PAGE);
	if (lines < 0)
		skip(1, "no /proc/self/maps");
	else
		is(lines, 1, "the pieces are one again");

	fails(syscall(SYS_mprotect, p + 1, PAGE, PROT_READ), EINVAL, "an odd address");
	is(mprotect(p, 0, PROT_READ), 0, "length 0 is nothing");
	fails(syscall(SYS_mprotect, p, PAGE, 0x100), EINVAL, "an unknown right");
	fails(syscall(SYS_mprotect, p, ~0L, PROT_READ), ENOMEM, "a length that wraps");
	munmap(p + 3 * PAGE, PAGE);
	fails(mprotect(p, 6 * PAGE, PROT_READ), ENOMEM, "a hole in the range");
	ok(!can_write(p) && can_write(p + 4 * PAGE), "up to the hole it was done");
	fails(mprotect(p + 3 * PAGE, PAGE, PROT_READ), ENOMEM, "nothing but a hole");

	spill("f", "x", 0644);
	int fd = open("f", O_RDONLY);
	char *m = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	fails(mprotect(m, PAGE, PROT_READ | PROT_WRITE), EACCES,
	      "a shared mapping of a file opened for reading only");
	m = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	is(mprotect(m, PAGE, PROT_READ | PROT_WRITE), 0, "a private one may be written");
	m[0] = 'y';
	char c;
	ok(pread(fd, &c, 1, 0) == 1 && c == 'x', "without harm to the file");

	// Execution is a right of its own.
	static const unsigned char code[] = { 0xb8, 0x2a, 0, 0, 0, 0xc3 }; // mov $42, %eax; ret
	char *x = private(PAGE);
	memcpy(x, code, sizeof code);
	volatile int r = 0;
	if (sigsetjmp(back, 1) == 0)
		r = ((int (*)(void))x)();
	is(r, 0, "data cannot be executed");
	mprotect(x, PAGE, PROT_READ | PROT_EXEC);
	is(((int (*)(void))x)(), 42, "with PROT_EXEC it can");
	ok(!can_write(x), "and not be written then");
	mprotect(x, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	x[1] = 43;
	is(((int (*)(void))x)(), 43, "PROT_WRITE|PROT_EXEC allows code that changes itself");
	mprotect(x, PAGE, PROT_READ | PROT_WRITE);
	r = 0;
	if (sigsetjmp(back, 1) == 0)
		r = ((int (*)(void))x)();
	is(r, 0, "and without PROT_EXEC it stops again");

	// The kernel respects the rights as well.
	int ends[2];
	xpipe(ends);
	if (write(ends[1], "abc", 3) != 3)
		bail("write");
	mprotect(x, PAGE, PROT_READ);
	fails(read(ends[0], x, 3), EFAULT, "read(2) into read-only memory");
	return done();
}
