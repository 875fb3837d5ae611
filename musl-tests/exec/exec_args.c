// argv and envp arrive byte for byte.
#include "self.h"

extern char **environ;

static int second(int argc, char **argv)
{
	if (!strcmp(argv[1], "shape"))
		return !(argc == 5 && !strcmp(argv[2], "") && !strcmp(argv[3], " two words ") &&
			 !strcmp(argv[4], "\xff\x01\n") && argv[5] == 0);
	if (!strcmp(argv[1], "many")) {
		for (int i = 2; i < argc; i++)
			if (atoi(argv[i]) != i)
				return 1;
		return argc == 1000 ? 0 : 2;
	}
	if (!strcmp(argv[1], "long"))
		return strlen(argv[2]) == 100000 && strspn(argv[2], "x") == 100000 ? 0 : 1;
	if (!strcmp(argv[1], "env"))
		return environ[0] && !strcmp(environ[0], "A=1") && !strcmp(environ[1], "no-equals") &&
				       !strcmp(environ[2], "A=2") && !environ[3] ? 0 : 1;
	if (!strcmp(argv[1], "noenv"))
		return environ[0] == 0 ? 0 : 1;
	if (!strcmp(argv[1], "layout")) {
		// Strings lie one after the other, below the stack's top.
		for (int i = 1; i < argc; i++)
			if (argv[i] != argv[i - 1] + strlen(argv[i - 1]) + 1)
				return 1;
		return environ[0] == argv[argc - 1] + strlen(argv[argc - 1]) + 1 ? 0 : 2;
	}
	return 99;
}

static void run(char **args, char **env, const char *what)
{
	pid_t pid = xfork();
	if (pid == 0) {
		execve(self, args, env);
		_exit(100);
	}
	int status = wait_for(pid);
	ok(status == 0, "%s", what);
	if (status)
		note_status(status);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return second(argc, argv);
	if (argc == 1 && argv[0][0] == 0)
		return environ[0] == 0 ? 0 : 1; // the part started with a null argv
	plan(9);
	self_init(argv[0]);
	run((char *[]){ "any name", "shape", "", " two words ", "\xff\x01\n", 0 }, environ,
	    "empty, blank and odd arguments");
	char numbers[1000][8], *many[1001] = { 0 };
	for (int i = 0; i < 1000; i++) {
		snprintf(numbers[i], sizeof numbers[i], "%d", i);
		many[i] = numbers[i];
	}
	many[1] = "many";
	run(many, environ, "a thousand arguments");
	char *big = malloc(100001);
	memset(big, 'x', 100000);
	big[100000] = 0;
	run((char *[]){ self, "long", big, 0 }, environ, "an argument of 100,000 bytes");
	run((char *[]){ self, "env", 0 }, (char *[]){ "A=1", "no-equals", "A=2", 0 },
	    "the environment as given, in order");
	run((char *[]){ self, "noenv", 0 }, (char *[]){ 0 }, "an empty environment");
	run((char *[]){ self, "noenv", 0 }, 0, "a null environment is an empty one");
	run((char *[]){ self, "layout", "b", "c", 0 }, (char *[]){ "E=1", 0 },
	    "the strings lie back to back");
	run(0, 0, "a null argv becomes one empty string");
	run((char *[]){ 0 }, 0, "an empty argv too");
	return done();
}
