// Right after fork a write violation is still a violation, with its details.
#include "helpers.h"
#include <setjmp.h>

static sigjmp_buf back;
static siginfo_t seen;

static void on_segv(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	seen = *info;
	siglongjmp(back, 1);
}

// The si_code of a store to p, or 0 when it went through.
static int store_code(volatile char *p)
{
	if (sigsetjmp(back, 1))
		return seen.si_addr == p ? seen.si_code : -1;
	*p = 1;
	return 0;
}

int main(void)
{
	plan(8);
	static const char constant[] = "constant";
	char *ro = private(PAGE), *none = private(PAGE), *gone = private(PAGE);
	*ro = *none = *gone = 1;
	mprotect(ro, PAGE, PROT_READ);
	mprotect(none, PAGE, PROT_NONE);
	munmap(gone, PAGE);
	catch_signal(SIGSEGV, on_segv, 0);

	struct {
		const char *what;
		volatile char *p;
		int code;
	} cases[] = {
		{ "read-only memory", ro, SEGV_ACCERR },
		{ "PROT_NONE memory", none, SEGV_ACCERR },
		{ "unmapped memory", gone, SEGV_MAPERR },
		{ "program text", (char *)main, SEGV_ACCERR },
		{ "constants", (char *)constant, SEGV_ACCERR },
		{ "address 8", (char *)8, SEGV_MAPERR },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		pid_t pid = xfork();
		if (pid == 0) {
			CHECK(store_code(cases[i].p) == cases[i].code);
			CHECK(store_code(cases[i].p) == cases[i].code); // and again
			_exit(0);
		}
		ok_child(pid, "S21: a store to %s in the child", cases[i].what);
	}
	pid_t pid = xfork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)ro = 1;
		_exit(0);
	}
	ok_killed(pid, SIGSEGV, "S21, J3: without a handler it kills");
	is(*ro, 1, "S21: the page was not written");
	return done();
}
