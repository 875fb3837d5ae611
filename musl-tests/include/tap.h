// tap.h: the smallest TAP producer that is safe around fork.
//
// Every line leaves with one write(2), so nothing is ever buffered that a
// child could print a second time. Only the process that called plan() may
// print results; a child that tries is stopped loudly, because its line
// would be counted twice. Children report by exit status (see helpers.h).
//
//   plan(2);
//   ok(x > 3, "x is more than %d", 3);
//   fails(close(-1), EBADF, "close of a bad descriptor");
//   return done();
#ifndef TAP_H
#define TAP_H

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TAP_UNUSED __attribute__((unused))
#define TAP_PRINTF(f, a) __attribute__((unused, format(printf, f, a)))

static struct {
	int planned, run, failed;
	long owner;
} tap;

// One line, one write. A short write would tear it, so the rest follows.
static void tap_put(const char *text, size_t len)
{
	int saved = errno;
	while (len > 0) {
		ssize_t n = write(1, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		text += n;
		len -= n;
	}
	errno = saved;
}

TAP_UNUSED static void tap_vline(const char *head, const char *fmt, va_list ap)
{
	char line[1024];
	int n = snprintf(line, sizeof line, "%s", head);
	int m = vsnprintf(line + n, sizeof line - n - 1, fmt, ap);
	if (m > (int)sizeof line - n - 2)
		m = sizeof line - n - 2;
	// A description is one line, and '#' would begin a directive.
	for (int i = n; i < n + m; i++)
		if (line[i] == '\n' || (line[i] == '#' && head[0] != '#'))
			line[i] = ' ';
	line[n + m] = '\n';
	tap_put(line, n + m + 1);
}

// A diagnostic; never counted, so a child may use it too.
TAP_PRINTF(1, 2) static void note(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	tap_vline("# ", fmt, ap);
	va_end(ap);
}

// Nothing sensible can follow: say why and leave at once, also from a child.
TAP_PRINTF(1, 2) __attribute__((noreturn)) static void bail(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	tap_vline("Bail out! ", fmt, ap);
	va_end(ap);
	_exit(97);
}

static void tap_out_of_time(int sig)
{
	static const char text[] = "Bail out! the guard alarm rang: the test hangs\n";
	(void)sig;
	tap_put(text, sizeof text - 1);
	_exit(96);
}

// No test waits by the clock; this only turns a hang into a clear failure.
TAP_UNUSED static void guard(unsigned seconds)
{
	struct sigaction sa = { .sa_handler = tap_out_of_time };
	sigaction(SIGALRM, &sa, 0);
	alarm(seconds);
}

TAP_UNUSED static void plan(int n)
{
	char line[32];
	tap.planned = n;
	tap.owner = syscall(SYS_getpid);
	tap_put(line, snprintf(line, sizeof line, "1..%d\n", n));
	guard(45);
}

static void tap_own(void)
{
	if (syscall(SYS_getpid) != tap.owner)
		bail("a child process used TAP");
}

TAP_UNUSED static int tap_result(int good, const char *file, int line, const char *what,
				 const char *fmt, va_list ap)
{
	char head[32];
	tap_own();
	tap.run++;
	tap.failed += !good;
	snprintf(head, sizeof head, "%sok %d - ", good ? "" : "not ", tap.run);
	tap_vline(head, fmt, ap);
	if (!good)
		note("  %s:%d: %s", file, line, what);
	return good;
}

__attribute__((unused, format(printf, 5, 6)))
static int tap_ok(int good, const char *file, int line, const char *what, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	tap_result(good, file, line, what, fmt, ap);
	va_end(ap);
	return good;
}

__attribute__((unused, format(printf, 5, 6)))
static int tap_is(long long got, long long want, const char *file, int line, const char *fmt, ...)
{
	char what[128];
	snprintf(what, sizeof what, "got %lld (0x%llx), expected %lld (0x%llx)", got, got, want, want);
	va_list ap;
	va_start(ap, fmt);
	tap_result(got == want, file, line, what, fmt, ap);
	va_end(ap);
	return got == want;
}

__attribute__((unused, format(printf, 5, 6)))
static int tap_is_str(const char *got, const char *want, const char *file, int line,
		      const char *fmt, ...)
{
	char what[512];
	int good = got && want && strcmp(got, want) == 0;
	snprintf(what, sizeof what, "got \"%.200s\", expected \"%.200s\"", got ? got : "(null)",
		 want ? want : "(null)");
	va_list ap;
	va_start(ap, fmt);
	tap_result(good, file, line, what, fmt, ap);
	va_end(ap);
	return good;
}

__attribute__((unused, format(printf, 6, 7)))
static int tap_fails(long got, int err, int want, const char *file, int line, const char *fmt, ...)
{
	char what[192];
	int good = got == -1 && err == want;
	char wanted[64];
	snprintf(wanted, sizeof wanted, "%s", strerror(want));
	if (got == -1)
		snprintf(what, sizeof what, "failed with %d (%s), expected %d (%s)", err,
			 strerror(err), want, wanted);
	else
		snprintf(what, sizeof what, "returned %ld, expected errno %d (%s)", got, want, wanted);
	va_list ap;
	va_start(ap, fmt);
	tap_result(good, file, line, what, fmt, ap);
	va_end(ap);
	return good;
}

#define ok(cond, ...) tap_ok(!!(cond), __FILE__, __LINE__, #cond, __VA_ARGS__)
#define is(got, want, ...) \
	tap_is((long long)(got), (long long)(want), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) tap_is_str(got, want, __FILE__, __LINE__, __VA_ARGS__)
// The call returns -1 (or MAP_FAILED) and sets errno to `want`.
#define fails(call, want, ...)                                                        \
	({                                                                            \
		errno = 0;                                                            \
		long tap_got = (long)(call);                                          \
		int tap_err = errno;                                                  \
		tap_fails(tap_got, tap_err, want, __FILE__, __LINE__, __VA_ARGS__);   \
	})

// `n` planned results cannot be had here; the reason is part of each line.
TAP_PRINTF(2, 3) static void skip(int n, const char *fmt, ...)
{
	tap_own();
	while (n-- > 0) {
		char head[32];
		va_list ap;
		tap.run++;
		// The '#' of the directive sits in the head and survives.
		snprintf(head, sizeof head, "ok %d # SKIP ", tap.run);
		va_start(ap, fmt);
		tap_vline(head, fmt, ap);
		va_end(ap);
	}
}

// Before plan(): the whole program makes no sense here.
TAP_PRINTF(1, 2) __attribute__((noreturn)) static void skip_all(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	tap_vline("1..0 # SKIP ", fmt, ap);
	va_end(ap);
	exit(0);
}

// main's return value: 0 only when everything planned ran and was ok.
TAP_UNUSED static int done(void)
{
	tap_own();
	alarm(0);
	if (tap.run != tap.planned)
		note("planned %d results, had %d", tap.planned, tap.run);
	if (tap.failed)
		note("%d of %d failed", tap.failed, tap.run);
	return tap.failed == 0 && tap.run == tap.planned ? 0 : 1;
}

#endif
