// How long arguments may be: 128 KiB for one, a quarter of the stack for all.
#include "self.h"

static char *string_of(size_t len)
{
	char *s = malloc(len + 1);
	memset(s, 'x', len);
	s[len] = 0;
	return s;
}

// execve in a child; the errno, or 0 when it worked.
static int try(char **args, rlim_t stack)
{
	pid_t pid = xfork();
	if (pid == 0) {
		if (stack) {
			struct rlimit r = { stack, stack };
			setrlimit(RLIMIT_STACK, &r);
		}
		execve(self, args, (char *[]){ 0 });
		_exit(errno);
	}
	int status = wait_for(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

// `n` strings that take 32 KiB each with their ending.
static char **many(int n)
{
	char **args = calloc(n + 3, sizeof *args), *s = string_of(32 * KIB - 1);
	args[0] = self;
	args[1] = "ok";
	for (int i = 0; i < n; i++)
		args[i + 2] = s;
	return args;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0;
	plan(7);
	self_init(argv[0]);
	struct rlimit eight = { 8 * MIB, RLIM_INFINITY };
	setrlimit(RLIMIT_STACK, &eight);

	is(try((char *[]){ self, "ok", string_of(128 * KIB - 1), 0 }, 0), 0,
	   "one string of 128 KiB with its end passes");
	is(try((char *[]){ self, "ok", string_of(128 * KIB), 0 }, 0), E2BIG, "one byte more is E2BIG");
	is(try(many(60), 0), 0, "1.9 MiB of 8 MiB of stack");
	is(try(many(65), 0), E2BIG, "more than a quarter of the stack's limit is E2BIG");
	is(try(many(10), 1 * MIB), E2BIG, "a smaller stack limit counts");
	is(try(many(3), 1 * MIB), 0, "within its quarter");
	char **pointers = calloc(300002, sizeof *pointers);
	for (int i = 0; i < 300000; i++)
		pointers[i] = "";
	is(try(pointers, 0), E2BIG, "the pointers count as well");
	return done();
}
