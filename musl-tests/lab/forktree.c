// forktree: every process forks twice, three levels deep: 15 distinct lines.
#include "helpers.h"

#define DEPTH 3

static int out[2];

static void tree(const char *path)
{
	char line[32], sub[DEPTH + 2];
	int n = snprintf(line, sizeof line, "%d %s.\n", getpid(), path);
	CHECK(write(out[1], line, n) == n);
	if (strlen(path) < DEPTH)
		for (char c = '0'; c <= '1'; c++) {
			pid_t pid = fork();
			CHECK(pid >= 0);
			if (pid == 0) {
				snprintf(sub, sizeof sub, "%s%c", path, c);
				tree(sub);
				_exit(0);
			}
		}
	int status, bad = 0;
	while (wait(&status) > 0)
		bad |= status;
	CHECK(bad == 0);
}

int main(void)
{
	plan(4);
	xpipe(out);
	pid_t pid = xfork();
	if (pid == 0) {
		tree("");
		_exit(0);
	}
	close(out[1]);
	FILE *in = fdopen(out[0], "r");
	char line[64], paths[32][8];
	int pids[32], n = 0, distinct = 1, whole = 1;
	while (n < 32 && fgets(line, sizeof line, in)) {
		int end = 0;
		paths[n][0] = 0;
		if (sscanf(line, "%d %7[01].%n", &pids[n], paths[n], &end) < 2)
			sscanf(line, "%d .%n", &pids[n], &end); // the root has no digits
		whole &= end > 0 && line[end] == '\n';
		for (int i = 0; i < n; i++)
			distinct &= strcmp(paths[i], paths[n]) != 0 && pids[i] != pids[n];
		n++;
	}
	ok_child(pid, "J: the whole tree ends well");
	is(n, 15, "J: 15 lines");
	ok(distinct, "J: all paths and pids distinct");
	ok(whole, "J: no line was torn");
	return done();
}
