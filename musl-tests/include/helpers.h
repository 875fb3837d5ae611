// helpers.h: what most guest tests need around tap.h.
//
// A child reports by its exit status. CHECK() in a child notes which
// condition was false in a page shared with the parent and exits with 1;
// ok_child() in the parent waits, turns that into one TAP line and prints
// the note. Gates are pipes: they order events without looking at a clock.
#ifndef HELPERS_H
#define HELPERS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

#include "tap.h"

#define PAGE 4096L
#define KIB 1024L
#define MIB (1024L * 1024L)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define NOBODY 65534

// Memory that fork shares instead of copying.
TAP_UNUSED static void *shared(size_t size)
{
	void *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		bail("mmap of shared memory: %s", strerror(errno));
	return p;
}

TAP_UNUSED static void *private(size_t size)
{
	void *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		bail("mmap of private memory: %s", strerror(errno));
	return p;
}

// What the last failing child had to say.
static struct child_note {
	const char *what;
	int line, err;
} *child_note;

__attribute__((constructor)) static void child_note_init(void)
{
	void *p = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	child_note = p == MAP_FAILED ? 0 : p;
}

__attribute__((unused, noreturn)) static void child_failed(int line, const char *what)
{
	if (child_note)
		*child_note = (struct child_note){ what, line, errno };
	_exit(1);
}

#define CHECK(cond)                                        \
	do {                                               \
		if (!(cond))                               \
			child_failed(__LINE__, #cond);     \
	} while (0)

// In a child: the call fails with just this errno.
#define CHECK_FAILS(call, want)                                                \
	do {                                                                   \
		errno = 0;                                                     \
		if ((long)(call) != -1 || errno != (want))                     \
			child_failed(__LINE__, #call " fails with " #want);    \
	} while (0)

TAP_UNUSED static pid_t xfork(void)
{
	pid_t pid = fork();
	if (pid < 0)
		bail("fork: %s", strerror(errno));
	return pid;
}

// The wait status of one child, whatever signals come in between.
TAP_UNUSED static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			bail("waitpid(%d): %s", (int)pid, strerror(errno));
	return status;
}

TAP_UNUSED static void note_status(int status)
{
	if (WIFSIGNALED(status))
		note("  child was killed by signal %d", WTERMSIG(status));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 1 && child_note && child_note->what)
		note("  child, line %d: %s (errno %d, %s)", child_note->line, child_note->what,
		     child_note->err, strerror(child_note->err));
	else
		note("  child ended with status 0x%x", status);
}

// Waits for the child; ok when it exited with 0.
#define ok_child(pid, ...)                                                           \
	({                                                                           \
		int st_ = wait_for(pid);                                             \
		int good_ = tap_ok(st_ == 0, __FILE__, __LINE__, #pid, __VA_ARGS__); \
		if (!good_)                                                          \
			note_status(st_);                                            \
		good_;                                                               \
	})

// Waits for the child; ok when just this signal killed it.
#define ok_killed(pid, sig, ...)                                                           \
	({                                                                                 \
		int st_ = wait_for(pid);                                                   \
		int good_ = WIFSIGNALED(st_) && WTERMSIG(st_) == (sig);                    \
		tap_ok(good_, __FILE__, __LINE__, "killed by " #sig, __VA_ARGS__);         \
		if (!good_)                                                                \
			note_status(st_);                                                  \
		good_;                                                                     \
	})

TAP_UNUSED static void xpipe(int fd[2])
{
	if (pipe(fd) < 0)
		bail("pipe: %s", strerror(errno));
}

// A gate opens once for each gate_open(); waiters pass one at a time.
struct gate {
	int fd[2];
};

TAP_UNUSED static void gate_init(struct gate *g)
{
	xpipe(g->fd);
}

TAP_UNUSED static void gate_open(struct gate *g)
{
	while (write(g->fd[1], "g", 1) < 0)
		if (errno != EINTR)
			bail("gate: %s", strerror(errno));
}

TAP_UNUSED static void gate_wait(struct gate *g)
{
	char c;
	ssize_t n;
	while ((n = read(g->fd[0], &c, 1)) < 0 && errno == EINTR)
		;
	if (n != 1)
		bail("gate: nobody is left to open it");
}

TAP_UNUSED static void gate_close(struct gate *g)
{
	close(g->fd[0]);
	close(g->fd[1]);
}

// A handler with siginfo; `flags` on top of SA_SIGINFO.
TAP_UNUSED static void catch_signal(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
	sigemptyset(&sa.sa_mask);
	if (sigaction(sig, &sa, 0) < 0)
		bail("sigaction(%d): %s", sig, strerror(errno));
}

TAP_UNUSED static sigset_t set_of(int sig)
{
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, sig);
	return s;
}

TAP_UNUSED static void block(int sig)
{
	sigset_t s = set_of(sig);
	sigprocmask(SIG_BLOCK, &s, 0);
}

TAP_UNUSED static void unblock(int sig)
{
	sigset_t s = set_of(sig);
	sigprocmask(SIG_UNBLOCK, &s, 0);
}

// The whole of a small file as a string; -1 when it cannot be read.
TAP_UNUSED static ssize_t slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;
	if (fd < 0)
		return -1;
	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	buf[len] = 0;
	return n < 0 ? -1 : (ssize_t)len;
}

TAP_UNUSED static int spill(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

// The one-letter state of a process in /proc, or 0 when it is gone.
TAP_UNUSED static char proc_state(pid_t pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (slurp(path, text, sizeof text) <= 0)
		return 0;
	char *p = strrchr(text, ')');
	return p ? p[2] : 0;
}

// Until the process (or thread of ours) sleeps in the kernel: lets a test
// know that the other party has reached its blocking call.
TAP_UNUSED static void wait_asleep(pid_t pid)
{
	for (;;) {
		char s = proc_state(pid);
		if (s != 'R' && s != 'D')
			return;
		struct timespec ms = { 0, 1000000 };
		nanosleep(&ms, 0);
	}
}

// Drops root for good. Only call it in a child.
TAP_UNUSED static int become(uid_t id)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, 0) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
		return -1;
	return 0;
}

// A store through a pointer the compiler knows nothing about.
TAP_UNUSED static void poke(uintptr_t address)
{
	__asm__ volatile("movb $1, (%0)" ::"r"(address) : "memory");
}

static char scratch_path[64];

TAP_UNUSED static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	while (dir && (e = readdir(dir))) {
		char sub[PATH_MAX];
		struct stat st;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
		if (lstat(sub, &st) == 0 && S_ISDIR(st.st_mode))
			remove_tree(sub);
		else
			unlink(sub);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static void scratch_remove(void)
{
	if (syscall(SYS_getpid) == tap.owner && chdir("/") == 0)
		remove_tree(scratch_path);
}

// A fresh directory as the current one, removed when the test ends.
TAP_UNUSED static void scratch(void)
{
	strcpy(scratch_path, "/tmp/oxbow-test-XXXXXX");
	if (!mkdtemp(scratch_path) || chdir(scratch_path) < 0)
		bail("scratch directory: %s", strerror(errno));
	chmod(scratch_path, 0755);
	atexit(scratch_remove);
}

TAP_UNUSED static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

#endif
