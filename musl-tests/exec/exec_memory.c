// The new image's memory: zeroed bss, fresh heap, right protections.
#include "self.h"

// In one page: initialised data and, behind the end of the file's part, bss.
static char initialised[100] = { 1, 2, 3 };
static char zeroed[3 * PAGE];
static const char constant[64] = "constant";

static int second(void)
{
	CHECK(initialised[0] == 1 && initialised[2] == 3);
	for (size_t i = 0; i < sizeof zeroed; i++)
		CHECK(zeroed[i] == 0);
	char *brk0 = sbrk(0);
	CHECK((void *)syscall(SYS_brk, brk0 + 2 * PAGE) == brk0 + 2 * PAGE);
	for (int i = 0; i < 2 * PAGE; i++)
		CHECK(brk0[i] == 0);
	char deep[64 * 1024];
	memset(deep, 7, sizeof deep);
	CHECK(((volatile char *)deep)[100] == 7);
	return 0;
}

// The rights that /proc/self/maps shows for the mapping that holds p.
static void rights(const void *p, char out[5])
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	strcpy(out, "?");
	while (f && fgets(line, sizeof line, f)) {
		unsigned long a, b;
		char r[8];
		if (sscanf(line, "%lx-%lx %4s", &a, &b, r) == 3 && (uintptr_t)p >= a && (uintptr_t)p < b)
			strcpy(out, r);
	}
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return second();
	plan(7);
	self_init(argv[0]);
	pid_t pid = xfork();
	if (pid == 0) {
		// Dirty everything first: nothing of it may be seen afterwards.
		memset(initialised, 0xff, sizeof initialised);
		memset(zeroed, 0xff, sizeof zeroed);
		char *p = private(4 * MIB);
		memset(p, 0xff, 4 * MIB);
		execl(self, self, "part", (char *)0);
		_exit(2);
	}
	ok_child(pid, "data as in the file, bss, heap and stack zero");
	is(initialised[0], 1, "the parent's data did not change");

	char r[8];
	rights(main, r);
	if (r[0] == '?') {
		skip(4, "no /proc/self/maps");
	} else {
		is_str(r, "r-xp", "text");
		rights(constant, r);
		is_str(r, "r--p", "constants");
		rights(initialised, r);
		is_str(r, "rw-p", "data");
		rights(&r, r);
		is_str(r, "rw-p", "the stack is not executable");
	}
	int good = 0;
	for (int i = 0; i < 50; i++)
		good += wait_for(SPAWN_SELF("part")) == 0;
	is(good, 50, "C2: 50 times fork, exec and exit");
	return done();
}
