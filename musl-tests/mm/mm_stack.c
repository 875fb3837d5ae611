// The stack grows by itself, up to its limit, and keeps its distance.
#include "self.h"

static volatile int depth;

static char *volatile lowest;

__attribute__((noinline, noclone)) static void deeper(long left)
{
	volatile char frame[8 * KIB];
	frame[0] = 1;
	frame[8 * KIB - 1] = 1;
	lowest = (char *)frame;
	depth++;
	if (left > 0)
		deeper(left - 8 * KIB);
	frame[1] = frame[0];
}

static int part(const char *what)
{
	char *here = __builtin_frame_address(0);
	__asm__("" : "+r"(here)); // no guesses about what lies below
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	if (!strcmp(what, "grow")) { // under a limit of 8 MiB
		deeper(7 * MIB);
		return here - lowest > 7 * MIB ? 0 : 1;
	}
	if (!strcmp(what, "leap")) { // far down in one step, without what lies between
		volatile char *p = here - 4 * MIB;
		*p = 1;
		return p[-1000] == 0 && p[1000] == 0 ? 0 : 1;
	}
	if (!strcmp(what, "small")) { // under a limit of 512 KiB
		deeper(7 * MIB);
		return 0;
	}
	if (!strcmp(what, "syscall")) { // the kernel is the first to touch it
		char *p = here - 2 * MIB;
		int fds[2];
		return pipe(fds) == 0 && write(fds[1], "abc", 3) == 3 && read(fds[0], p, 3) == 3 &&
				       p[2] == 'c' ? 0 : 1;
	}
	if (!strcmp(what, "wall")) { // a mapping in the way: one of them must give
		char *at = (char *)(((uintptr_t)here - 1 * MIB) & ~(PAGE - 1));
		if (mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			 0) != at)
			return 1;
		deeper(2 * MIB);
		return 0;
	}
	if (!strcmp(what, "gap")) { // within 1 MiB above the wall nothing grows
		char *at = (char *)(((uintptr_t)here - 3 * MIB) & ~(PAGE - 1));
		if (mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			 0) != at)
			return 1;
		poke((uintptr_t)at + 2 * PAGE);
		return 0;
	}
	return 99;
}

static int run(const char *what, rlim_t limit)
{
	pid_t pid = xfork();
	if (pid == 0) {
		struct rlimit r;
		getrlimit(RLIMIT_STACK, &r);
		r.rlim_cur = limit;
		setrlimit(RLIMIT_STACK, &r);
		execl(self, self, what, (char *)0);
		_exit(98);
	}
	int status = wait_for(pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return part(argv[1]);
	plan(8);
	self_init(argv[0]);
	is(run("grow", 8 * MIB), 0, "7 MiB of recursion under a limit of 8");
	is(run("leap", 8 * MIB), 0, "4 MiB down in one step; what lies between is zero");
	is(run("syscall", 8 * MIB), 0, "read(2) into stack nobody has touched yet");
	is(run("small", 512 * KIB), 1000 + SIGSEGV, "past its limit: SIGSEGV");
	is(run("wall", 8 * MIB), 1000 + SIGSEGV, "a mapping in the way: SIGSEGV");
	is(run("gap", 8 * MIB), 1000 + SIGSEGV, "the gap before it is respected");

	// The child of a fork grows its own.
	pid_t pid = xfork();
	if (pid == 0) {
		deeper(3 * MIB);
		_exit(0);
	}
	ok_child(pid, "S9: growth after fork, in the child");
	is(depth, 0, "is the child's alone");
	return done();
}
