// Scripts: how the first line is cut into interpreter and argument.
#include "self.h"

static char line[PATH_MAX + 600];

// As interpreter: the arguments, joined by '|', must be what env EXPECT says.
static int interpreter(int argc, char **argv)
{
	char got[8192] = "";
	for (int i = 1; i < argc; i++) {
		strcat(got, i > 1 ? "|" : "");
		strncat(got, argv[i], 2000);
	}
	if (!strcmp(got, getenv("EXPECT")))
		return 0;
	note("  interpreter got \"%s\", expected \"%s\"", got, getenv("EXPECT"));
	return 1;
}

static void script(const char *name, const char *text)
{
	if (spill(name, text, 0755) < 0)
		bail("%s: %s", name, strerror(errno));
}

static int run(const char *name, const char *expect)
{
	pid_t pid = xfork();
	if (pid == 0) {
		setenv("EXPECT", expect, 1);
		execl(name, "ignored", "A", "B C", (char *)0);
		_exit(errno < 100 ? 100 + errno : 99);
	}
	int status = wait_for(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define SELF_LINE(format) (snprintf(line, sizeof line, format, self), line)

int main(int argc, char **argv)
{
	if (getenv("EXPECT"))
		return interpreter(argc, argv);
	plan(17);
	self_init(argv[0]);
	scratch();
	script("s1", SELF_LINE("#!%s\nrest\n"));
	is(run("./s1", "./s1|A|B C"), 0, "no argument: path and the caller's arguments");
	script("s2", SELF_LINE("#!%s one\n"));
	is(run("./s2", "one|./s2|A|B C"), 0, "one argument");
	script("s3", SELF_LINE("#! \t %s  \t one two  three \t \n"));
	is(run("./s3", "one two  three|./s3|A|B C"), 0,
	   "everything after the interpreter is one argument, outer blanks cut");
	script("s4", SELF_LINE("#!%s"));
	is(run("./s4", "./s4|A|B C"), 0, "no newline at the end");
	script("s5", SELF_LINE("#!%s \n"));
	is(run("./s5", "./s5|A|B C"), 0, "a blank alone is no argument");
	symlink("s2", "link");
	is(run("./link", "one|./link|A|B C"), 0, "through a symlink: the path as called");

	script("empty", "#!\n");
	is(run("./empty", ""), 100 + ENOEXEC, "no interpreter: ENOEXEC");
	script("blank", "#!   \t\n");
	is(run("./blank", ""), 100 + ENOEXEC, "blanks only: ENOEXEC");
	script("missing", "#!/nonexistent/interpreter\n");
	is(run("./missing", ""), 100 + ENOENT, "missing interpreter: ENOENT");
	script("dir", "#!/tmp\n");
	is(run("./dir", ""), 100 + EACCES, "a directory as interpreter: EACCES");
	script("plain", "no shebang here\n");
	is(run("./plain", ""), 100 + ENOEXEC, "a text file without a shebang: ENOEXEC");
	script("locked", SELF_LINE("#!%s\n"));
	chmod("locked", 0644);
	is(run("./locked", ""), 100 + EACCES, "no execute permission: EACCES, for root too");

	// A script as interpreter of a script: each puts itself before the rest.
	script("n1", SELF_LINE("#!%s x1\n"));
	snprintf(line, sizeof line, "#!%s/n1 x2\n", scratch_path);
	script("n2", line);
	char expect[400];
	snprintf(expect, sizeof expect, "x1|%s/n1|x2|./n2|A|B C", scratch_path);
	is(run("./n2", expect), 0, "a script may interpret a script");
	char name[8] = "n2";
	for (int i = 3; i <= 7; i++) {
		snprintf(line, sizeof line, "#!%s/%s\n", scratch_path, name);
		snprintf(name, sizeof name, "n%d", i);
		script(name, line);
	}
	snprintf(expect, sizeof expect, "x1|%s/n1|x2|%s/n2|%s/n3|%s/n4|./n5|A|B C", scratch_path,
		 scratch_path, scratch_path, scratch_path);
	is(run("./n5", expect), 0, "five levels deep is the limit");
	is(run("./n6", ""), 100 + ELOOP, "one more is ELOOP");

	// The kernel looks at 256 bytes: a path cut off there is no path.
	int n = snprintf(line, sizeof line, "#!");
	memset(line + n, '/', 300);
	strcpy(line + n + 300, "bin/sh\n");
	script("cut", line);
	is(run("./cut", ""), 100 + ENOEXEC, "an interpreter path past 256 bytes: ENOEXEC");
	n = snprintf(line, sizeof line, "#!%s ", self);
	memset(line + n, 'a', 400);
	line[n + 400] = 0;
	script("cutarg", line);
	char want[512];
	snprintf(want, sizeof want, "%.*s|./cutarg|A|B C", 255 - n, line + n);
	is(run("./cutarg", want), 0, "an argument is cut there");
	return done();
}
