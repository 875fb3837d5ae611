// SIGBUS for pages of a mapping that the file does not reach.
#include "helpers.h"
#include <setjmp.h>

static sigjmp_buf back;
static siginfo_t seen;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	seen = *info;
	siglongjmp(back, 1);
}

// The signal that reading p gives, or 0.
static int touch(volatile char *p, int write)
{
	seen.si_signo = 0;
	if (sigsetjmp(back, 1))
		return seen.si_addr == p ? seen.si_signo : -1;
	if (write)
		*p = 1;
	else
		(void)*p;
	return 0;
}

int main(void)
{
	plan(14);
	scratch();
	catch_signal(SIGBUS, handler, 0);
	catch_signal(SIGSEGV, handler, 0);
	int fd = open("f", O_RDWR | O_CREAT, 0644);
	if (ftruncate(fd, PAGE + 10) < 0)
		bail("ftruncate");
	char *s = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *p = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	is(touch(s + PAGE + 4000, 0), 0, "the rest of the last page is there");
	is(touch(s + 2 * PAGE, 0), SIGBUS, "shared, read past the last page");
	is(seen.si_code, BUS_ADRERR, "BUS_ADRERR");
	is(touch(s + 3 * PAGE + 7, 1), SIGBUS, "shared, written");
	is(touch(p + 2 * PAGE, 0), SIGBUS, "private, read");
	is(touch(p + 2 * PAGE, 1), SIGBUS, "private, written");

	if (ftruncate(fd, 3 * PAGE) < 0)
		bail("ftruncate");
	is(touch(s + 2 * PAGE, 1), 0, "the file grows: the page is there");
	s[0] = 's';
	p[0] = 'p'; // a private copy
	if (ftruncate(fd, 0) < 0)
		bail("ftruncate");
	is(touch(s, 0), SIGBUS, "the file is cut: mapped pages go");
	is(touch(p, 0), SIGBUS, "private copies too");
	if (ftruncate(fd, PAGE) < 0)
		bail("ftruncate");
	ok(touch(s, 0) == 0 && s[0] == 0 && p[0] == 0, "grown again they are zero");

	// System calls get EFAULT, no signal.
	int ends[2];
	xpipe(ends);
	seen.si_signo = 0;
	fails(write(ends[1], s + 2 * PAGE, 10), EFAULT, "write(2) from there");
	is(seen.si_signo, 0, "raises nothing");
	int g = open("g", O_RDWR | O_CREAT, 0644);
	is(write(g, s + PAGE - 10, 20), 10, "a file write that begins inside is cut short");
	fails(read(open("/dev/zero", O_RDONLY), s + 2 * PAGE, 10), EFAULT, "read(2) to there");
	return done();
}
