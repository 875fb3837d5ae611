// The program break.
#include "helpers.h"

static char *brk_(void *p)
{
	return (char *)syscall(SYS_brk, p);
}

int main(void)
{
	plan(13);
	char *start = brk_(0);
	ok(start != 0, "brk(0) tells where it is");
	ok(brk_(start + 3 * PAGE) == start + 3 * PAGE, "grow");
	int zero = 1;
	for (int i = 0; i < 3 * PAGE; i++)
		zero &= start[i] == 0;
	ok(zero, "the new memory is zero");
	memset(start, 'b', 3 * PAGE);
	ok(brk_(start + PAGE + 1) == start + PAGE + 1, "shrink to an odd address");
	ok(start[PAGE + 100] == 'b', "the page it lies in is still there");
	pid_t pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		// Where the old break's page was, a page beyond the new one's.
		poke((((uintptr_t)start + PAGE) & ~(PAGE - 1)) + 2 * PAGE);
		_exit(0);
	}
	ok_killed(pid, SIGSEGV, "pages above are gone");
	ok(brk_(start + 3 * PAGE) == start + 3 * PAGE, "grow again");
	char *above = (char *)(((uintptr_t)start + PAGE) & ~(PAGE - 1)) + PAGE;
	is(above[100], 0, "what comes back is zero");

	ok(brk_((char *)8) == start + 3 * PAGE, "an address below the start changes nothing");
	ok(brk_((char *)(1L << 47)) == start + 3 * PAGE, "one beyond user space neither");
	char *end = (char *)(((uintptr_t)start + 3 * PAGE + PAGE - 1) & ~(PAGE - 1));
	char *wall = mmap(end + 4 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			  0);
	ok(wall == end + 4 * PAGE && brk_(end + 5 * PAGE) == start + 3 * PAGE,
	   "it does not grow into another mapping");
	munmap(wall, PAGE);

	pid = xfork();
	if (pid == 0) {
		struct rlimit r = { 16 * PAGE, 16 * PAGE };
		CHECK(setrlimit(RLIMIT_DATA, &r) == 0);
		char *now = brk_(0);
		CHECK(brk_(now + 4 * MIB) == now);
		_exit(0);
	}
	ok_child(pid, "RLIMIT_DATA holds it");
	ok(brk_(start) == start, "and back to where it was");
	return done();
}
