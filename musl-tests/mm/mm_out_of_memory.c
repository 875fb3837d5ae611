// A process that takes all there is: it dies or is refused, nobody else.
#include "helpers.h"
#include <sys/sysinfo.h>

int main(void)
{
	plan(5);
	struct sysinfo si;
	sysinfo(&si);
	if (si.totalram / MIB * si.mem_unit > 1024) {
		skip(5, "this machine has too much memory to use it all up");
		return done();
	}
	size_t len = 4L << 30;
	pid_t pid = xfork();
	if (pid == 0) {
		char *p = mmap(0, len, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			_exit(0);
		for (size_t i = 0; i < len; i += PAGE)
			p[i] = 1;
		_exit(1);
	}
	int status = wait_for(pid);
	ok(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
	   "S20: refused, or killed by SIGKILL");

	// The same through COW: half of memory, then a child that writes it all.
	size_t half = si.freeram * si.mem_unit / 3 * 2 & ~(PAGE - 1);
	pid = xfork();
	if (pid == 0) {
		char *p = private(half);
		for (size_t i = 0; i < half; i += PAGE)
			p[i] = 1;
		pid_t sub = fork();
		if (sub < 0)
			_exit(0); // refused is fine
		if (sub == 0) {
			for (size_t i = 0; i < half; i += PAGE)
				p[i] = 2;
			_exit(1);
		}
		status = wait_for(sub);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		for (size_t i = 0; i < half; i += PAGE)
			CHECK(p[i] == 1);
		_exit(0);
	}
	status = wait_for(pid);
	ok(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
	   "S20: out of memory in a COW fault ends a process in a defined way");
	if (status == 1 << 8)
		note_status(status);

	pid = xfork();
	if (pid == 0)
		_exit(0);
	ok_child(pid, "S20: the kernel lives and forks");
	char *p = private(4 * MIB);
	for (long i = 0; i < 4 * MIB; i += PAGE)
		p[i] = 1;
	ok(p[0] == 1, "S14: there is memory again");
	struct sysinfo after;
	int back = 0;
	for (int i = 0; i < 100 && !back; i++) {
		sysinfo(&after);
		back = after.freeram + 8 * MIB / after.mem_unit >= si.freeram;
		if (!back)
			nanosleep(&(struct timespec){ 0, 20000000 }, 0);
	}
	ok(back, "S14: as much as before");
	return done();
}
