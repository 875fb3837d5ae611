// testshell: a script runs in sh; its output is compared byte for byte.
#include "helpers.h"

static const char script[] =
	"echo hello world | cat\n"
	"cat lorem | cat >out\n"
	"cat out | wc -l\n"
	"cat lorem | cat | cat >out2\n"
	"cmp out out2 && echo same\n"
	"cat <lorem | sed -n 2p\n"
	"(echo in a subshell; exit 3); echo $?\n"
	"{ echo grouped; echo lines; } | sort -r\n"
	"x=$(echo nested $(echo deeper)); echo \"$x\"\n"
	"for i in 1 2 3; do echo $i; done | tail -n 1\n"
	"false || echo or\n"
	"no-such-command-here 2>/dev/null; echo $?\n"
	"sh -c 'kill -TERM $$'; echo $?\n"
	"cat <<END\nhere $((6 * 7))\nEND\n"
	"true & wait $!; echo $?\n";

static const char expected[] = "hello world\n3\nsame\nline two\nin a subshell\n3\ngrouped lines\n"
			       "nested deeper\n3\nor\n127\n143\nhere 42\n0\n";

int main(void)
{
	plan(3);
	scratch();
	spill("lorem", "line one\nline two\nline three\n", 0644);
	spill("script", script, 0644);
	int p[2];
	xpipe(p);
	pid_t pid = xfork();
	if (pid == 0) {
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		execlp("sh", "sh", "script", (char *)0);
		_exit(127);
	}
	close(p[1]);
	char out[4096] = "", flat[4096] = "";
	size_t len = 0;
	ssize_t n;
	while ((n = read(p[0], out + len, sizeof out - 1 - len)) > 0)
		len += n;
	int status = wait_for(pid);
	if (status == 127 << 8) {
		skip(3, "no sh here");
		return done();
	}
	is(status, 0, "J: the shell ends well");
	// sort -r's two lines, written as one above.
	char *two = strstr(out, "lines\ngrouped\n");
	ok(two != 0, "J: the sorted group is there");
	if (two) {
		snprintf(flat, sizeof flat, "%.*sgrouped lines\n%s", (int)(two - out), out, two + 14);
		is_str(flat, expected, "J: the output is as expected");
	} else {
		is_str(out, expected, "J: the output is as expected");
	}
	return done();
}
