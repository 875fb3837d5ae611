// posix_spawn as libc does it: CLONE_VM|CLONE_VFORK on a stack of its own.
#include "helpers.h"
#include <spawn.h>

extern char **environ;
static char *self;

// The spawned program: answers questions about itself by its exit code.
static int spawned(char **argv)
{
	sigset_t mask;
	struct sigaction sa;
	switch (argv[1][0]) {
	case 'e':
		return atoi(argv[2]);
	case 'w':
		return write(atoi(argv[2]), "spawned", 7) == 7 ? 0 : 1;
	case 's':
		sigprocmask(SIG_BLOCK, 0, &mask);
		sigaction(SIGUSR1, 0, &sa);
		return sigismember(&mask, SIGUSR2) == 1 && sigismember(&mask, SIGTERM) == 0 &&
				       sa.sa_handler == SIG_DFL ? 0 : 1;
	case 'g':
		return getpgrp() == getpid() ? 0 : 1;
	case 'c':
		return fcntl(atoi(argv[2]), F_GETFD) == -1 ? 0 : 1;
	case 'v':
		return getenv("SPAWN_TEST") && !strcmp(getenv("SPAWN_TEST"), "yes") ? 0 : 1;
	}
	return 99;
}

static int spawn(char what, int number, posix_spawn_file_actions_t *fa, posix_spawnattr_t *at)
{
	char q[2] = { what, 0 }, n[16];
	snprintf(n, sizeof n, "%d", number);
	char *args[] = { self, q, n, 0 };
	pid_t pid;
	int err = posix_spawn(&pid, self, fa, at, args, environ);
	if (err)
		return -err;
	return wait_for(pid);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return spawned(argv);
	plan(10);
	self = argv[0];
	setenv("SPAWN_TEST", "yes", 1);

	is(spawn('e', 33, 0, 0), 33 << 8, "S22: spawn and its exit code");
	is(spawn('v', 0, 0, 0), 0, "S22: the environment arrives");
	pid_t pid;
	char *args[] = { "x", 0 };
	is(posix_spawn(&pid, "/nonexistent", 0, 0, args, environ), ENOENT,
	   "S22: a failing exec is reported as an errno");
	fails(waitpid(-1, 0, 0), ECHILD, "S22: and leaves no child behind");

	int p[2];
	char text[8] = "";
	xpipe(p);
	posix_spawn_file_actions_t fa;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, p[1], 17);
	posix_spawn_file_actions_addclose(&fa, p[0]);
	is(spawn('w', 17, &fa, 0), 0, "S22: dup2 and close as file actions");
	is(read(p[0], text, 7), 7, "S22: what the child wrote arrives");
	is_str(text, "spawned", "S22: unharmed");

	int fd = fcntl(p[1], F_DUPFD_CLOEXEC, 30);
	is(spawn('c', fd, 0, 0), 0, "S22: close-on-exec is honoured");

	posix_spawnattr_t at;
	sigset_t mask = set_of(SIGUSR2), def = set_of(SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	posix_spawnattr_init(&at);
	posix_spawnattr_setsigmask(&at, &mask);
	posix_spawnattr_setsigdefault(&at, &def);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	is(spawn('s', 0, 0, &at), 0, "S22: mask and default actions as attributes");
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP);
	is(spawn('g', 0, 0, &at), 0, "S22: a process group as attribute");
	return done();
}
