// The kernel's own stores to user memory resolve COW like the user's do.
#include "helpers.h"
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>

// Every call stores to a fresh COW page of `b`; returns whether it did.
static int by_pipe(char *b)
{
	int p[2];
	return pipe(p) == 0 && write(p[1], "new", 3) == 3 && read(p[0], b, 3) == 3 && b[0] == 'n';
}

static int by_straddling_read(char *b)
{
	int fd = open("f", O_RDONLY);
	return read(fd, b + PAGE - 4, 8) == 8 && !memcmp(b + PAGE - 4, "01234567", 8);
}

static int by_readv(char *b)
{
	int fd = open("f", O_RDONLY);
	struct iovec v[2] = { { b, 4 }, { b + PAGE, 4 } };
	return readv(fd, v, 2) == 8 && !memcmp(b, "0123", 4) && !memcmp(b + PAGE, "4567", 4);
}

static int by_stat(char *b)
{
	return syscall(SYS_stat, "f", b) == 0 && ((struct stat *)b)->st_size == 10;
}

static int by_getcwd(char *b)
{
	return getcwd(b, 2 * PAGE) && b[0] == '/';
}

static int by_clock(char *b)
{
	return syscall(SYS_clock_gettime, CLOCK_REALTIME, b) == 0 &&
	       ((struct timespec *)b)->tv_sec != 0x6f6f6f6f6f6f6f6fL;
}

static int by_wait(char *b)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(3);
	return waitpid(pid, (int *)b, 0) == pid && *(int *)b == 3 << 8;
}

static int by_pipe_call(char *b)
{
	int *fd = (int *)b;
	return pipe(fd) == 0 && fd[0] < 1000 && fd[1] < 1000;
}

static int by_uname(char *b)
{
	return syscall(SYS_uname, b) == 0 && !strcmp(((struct utsname *)b)->sysname, "Linux");
}

static int by_sigprocmask(char *b)
{
	return sigprocmask(SIG_BLOCK, 0, (sigset_t *)b) == 0 && b[0] == 0;
}

static int by_getdents(char *b)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY);
	return syscall(SYS_getdents64, fd, b, 2 * PAGE) > 0;
}

static int by_times(char *b)
{
	return times((struct tms *)b) != -1 && ((struct tms *)b)->tms_cutime < 100000;
}

int main(void)
{
	plan(24);
	scratch();
	spill("f", "0123456789", 0644);
	static const struct {
		const char *name;
		int (*call)(char *);
	} calls[] = {
		{ "read from a pipe", by_pipe },
		{ "read across two pages", by_straddling_read },
		{ "readv", by_readv },
		{ "stat", by_stat },
		{ "getcwd", by_getcwd },
		{ "clock_gettime", by_clock },
		{ "wait4", by_wait },
		{ "pipe", by_pipe_call },
		{ "uname", by_uname },
		{ "rt_sigprocmask", by_sigprocmask },
		{ "getdents64", by_getdents },
		{ "times", by_times },
	};
	for (size_t i = 0; i < COUNT(calls); i++) {
		char *b = private(2 * PAGE);
		memset(b, 'o', 2 * PAGE);
		pid_t pid = xfork();
		if (pid == 0)
			_exit(!calls[i].call(b));
		ok_child(pid, "S17: %s into a COW buffer", calls[i].name);
		int kept = 1;
		for (int j = 0; j < 2 * PAGE; j++)
			kept &= b[j] == 'o';
		ok(kept, "S17: %s leaves the parent's copy alone", calls[i].name);
		munmap(b, 2 * PAGE);
	}
	return done();
}
