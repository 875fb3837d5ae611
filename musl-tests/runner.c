// runner: runs guest tests one after the other inside one boot.
//
//   runner [-t SECONDS] [-s FRAMES] [-d DIR] TEST...
//
// TEST is a program, or `sh NAME` (one argument) or NAME.sh for a script that
// the shell runs; names without a slash are looked up in DIR (/tests). On
// standard output, each of these at the start of a line:
//
//   # begin NAME
//   ...what the test prints on stdout and stderr...
//   # timeout NAME            after SECONDS, before its group gets SIGKILL
//   # ledger NAME frames=A->B tasks=A->B files=A->B slack=FRAMES
//   not ok - # leak NAME ...  when the ledger does not balance
//   # end NAME exit=N         or: # end NAME signal=N
//
// and at last `# runner done tests=N bad=N`. The ledger is read from
// /proc/oxbow/ledger, else from /proc/meminfo and the process list of a kernel
// that calls itself Oxbow; on any other kernel it is left out, because there
// the rest of the machine moves the numbers.
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE_KIB 4
#define SETTLE_MS 3000

struct ledger {
	int known;
	long frames, tasks, files;
};

static const char *dir = "/tests";
static int limit_s = 60;
static long slack = 512; // what the kernel may keep for the next process
static int child_event[2];
static int mid_line; // the stream stands in the middle of a line

static void put(const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(1, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(3);
		mid_line = text[n - 1] != '\n';
		text += n;
		len -= n;
	}
}

// A line of our own always starts at the left edge.
__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	if (mid_line)
		put("\n", 1);
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	put(line, n < (int)sizeof line ? n : (int)sizeof line - 1);
}

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t len = 0, n;
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	buf[len] = 0;
	return 0;
}

// The number after `key` at the start of a line, or -1.
static long field(const char *text, const char *key)
{
	size_t len = strlen(key);
	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : 0)
		if (!strncmp(p, key, len) && (isspace((unsigned char)p[len]) || p[len] == ':'))
			return atol(p + len + 1);
	return -1;
}

static long count_processes(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	long n = 0;
	if (!proc)
		return -1;
	while ((e = readdir(proc)))
		n += isdigit((unsigned char)e->d_name[0]) != 0;
	closedir(proc);
	return n;
}

static struct ledger read_ledger(void)
{
	struct ledger l = { 0, -1, -1, -1 };
	struct utsname name;
	char text[8192];
	if (slurp("/proc/oxbow/ledger", text, sizeof text) == 0) {
		l.known = 1;
		l.frames = field(text, "frames_free");
		l.tasks = field(text, "tasks");
		l.files = field(text, "files");
	} else if (uname(&name) == 0 && (strcasestr(name.version, "oxbow") ||
					 strcasestr(name.sysname, "oxbow"))) {
		l.known = slurp("/proc/meminfo", text, sizeof text) == 0;
		l.frames = l.known ? field(text, "MemFree") / PAGE_KIB : -1;
		l.tasks = count_processes();
	}
	return l;
}

static int balanced(const struct ledger *a, const struct ledger *b)
{
	return b->tasks <= a->tasks && b->files <= a->files && b->frames >= a->frames - slack;
}

// What the last test's exit frees late (deferred work, orphans that init has
// to reap) gets a moment to be freed. Returns whether something is missing.
static int settle(const char *name, const struct ledger *before)
{
	struct ledger after = read_ledger();
	long until = now_ms() + SETTLE_MS;
	if (!before->known)
		return 0;
	while (!balanced(before, &after) && now_ms() < until) {
		poll(0, 0, 20);
		after = read_ledger();
	}
	say("# ledger %s frames=%ld->%ld tasks=%ld->%ld files=%ld->%ld slack=%ld\n", name,
	    before->frames, after.frames, before->tasks, after.tasks, before->files, after.files,
	    slack);
	if (balanced(before, &after))
		return 0;
	say("not ok - # leak %s frames %ld, tasks %ld, files %ld did not come back\n", name,
	    before->frames - after.frames, after.tasks - before->tasks, after.files - before->files);
	return 1;
}

static void on_child(int sig)
{
	int saved = errno;
	(void)sig;
	if (write(child_event[1], "c", 1) < 0)
		errno = saved; // full: the reader has its event already
	errno = saved;
}

static void forward(int fd)
{
	char buf[4096];
	ssize_t n;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		put(buf, n);
}

__attribute__((noreturn)) static void become_test(char *test, int script, int out)
{
	setsid();
	int null = open("/dev/null", O_RDONLY);
	if (null >= 0)
		dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	// An inherited "ignored" would survive exec and change what tests see.
	for (int sig = 1; sig < 65; sig++)
		signal(sig, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, 0);
	if (script)
		execlp("sh", "sh", test, (char *)0);
	else
		execl(test, test, (char *)0);
	dprintf(2, "runner: %s: %s\n", test, strerror(errno));
	_exit(127);
}

// Forwards the test's output until it ends or its time is up.
static int watch(const char *name, pid_t pid, int out)
{
	long until = now_ms() + limit_s * 1000L;
	int status, killed = 0;
	for (;;) {
		struct pollfd p[2] = { { out, POLLIN, 0 }, { child_event[0], POLLIN, 0 } };
		long left = until - now_ms();
		char c[16];
		poll(p, 2, left > 0 ? (left < 1000 ? left : 1000) : 0);
		forward(out);
		while (read(child_event[0], c, sizeof c) > 0)
			;
		// Also without an event: a lost SIGCHLD must not hang the batch.
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
		if (now_ms() >= until && !killed) {
			say("# timeout %s\n", name);
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			killed = 1;
		}
	}
	// Whatever it left behind in its group goes with it.
	kill(-pid, SIGKILL);
	forward(out);
	return status;
}

static int run(const char *name)
{
	char path[512];
	size_t len = strlen(name);
	int script = !strncmp(name, "sh ", 3) || (len > 3 && !strcmp(name + len - 3, ".sh"));
	if (!strncmp(name, "sh ", 3))
		name += 3;
	snprintf(path, sizeof path, "%s%s%s", strchr(name, '/') ? "" : dir,
		 strchr(name, '/') ? "" : "/", name);

	say("# begin %s\n", name);
	struct ledger before = read_ledger();
	int out[2], status;
	if (pipe2(out, O_CLOEXEC) < 0) {
		say("# end %s exit=126\n", name);
		return 1;
	}
	pid_t pid = fork();
	if (pid == 0)
		become_test(path, script, out[1]);
	close(out[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	status = pid < 0 ? 126 << 8 : watch(name, pid, out[0]);
	close(out[0]);
	int leak = settle(name, &before);
	if (WIFSIGNALED(status))
		say("# end %s signal=%d\n", name, WTERMSIG(status));
	else
		say("# end %s exit=%d\n", name, WEXITSTATUS(status));
	return leak || status != 0;
}

int main(int argc, char **argv)
{
	int opt, tests = 0, bad = 0;
	while ((opt = getopt(argc, argv, "+t:s:d:")) != -1)
		switch (opt) {
		case 't':
			limit_s = atoi(optarg);
			break;
		case 's':
			slack = atol(optarg);
			break;
		case 'd':
			dir = optarg;
			break;
		default:
			return 2;
		}
	umask(022);
	if (pipe2(child_event, O_NONBLOCK | O_CLOEXEC) < 0)
		return 3;
	struct sigaction sa = { .sa_handler = on_child, .sa_flags = SA_RESTART };
	sigaction(SIGCHLD, &sa, 0);
	for (int i = optind; i < argc; i++, tests++)
		bad += run(argv[i]);
	say("# runner done tests=%d bad=%d\n", tests, bad);
	return bad != 0;
}
