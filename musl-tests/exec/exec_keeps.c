// What a process keeps over exec: nearly everything that makes it that process.
#include "self.h"
#include <sys/prctl.h>
#include <sys/time.h>

struct facts {
	pid_t pid, ppid, pgid, sid, tid;
	uid_t uid;
	int nice, umask;
	struct rlimit files;
	uint64_t started;
	char cwd[256], comm[16];
};

static void collect(struct facts *f)
{
	memset(f, 0, sizeof *f);
	f->pid = getpid();
	f->tid = syscall(SYS_gettid);
	f->ppid = getppid();
	f->pgid = getpgrp();
	f->sid = getsid(0);
	f->uid = getuid();
	f->nice = getpriority(PRIO_PROCESS, 0);
	f->umask = umask(0);
	umask(f->umask);
	getrlimit(RLIMIT_NOFILE, &f->files);
	if (!getcwd(f->cwd, sizeof f->cwd))
		strcpy(f->cwd, "?");
	prctl(PR_GET_NAME, f->comm, 0, 0, 0);
}

static int second(int fd)
{
	struct facts before, now;
	struct itimerval it;
	CHECK(read(fd, &before, sizeof before) == sizeof before);
	collect(&now);
	CHECK(now.pid == before.pid && now.tid == before.tid && now.ppid == before.ppid);
	CHECK(now.pgid == before.pgid && now.sid == before.sid && now.uid == before.uid);
	CHECK(now.nice == before.nice && now.nice == 4);
	CHECK(now.umask == before.umask && now.umask == 0135);
	CHECK(now.files.rlim_cur == 123 && now.files.rlim_max == before.files.rlim_max);
	CHECK(!strcmp(now.cwd, before.cwd));
	// The name is the new program's, cut to 15 bytes.
	CHECK(strcmp(before.comm, now.comm) != 0);
	CHECK(!strncmp(strrchr(self, '/') + 1, now.comm, 15));
	// A running timer runs on.
	CHECK(getitimer(ITIMER_REAL, &it) == 0 && it.it_value.tv_sec > 500);
	CHECK(alarm(0) > 500);
	struct rusage use;
	CHECK(getrusage(RUSAGE_SELF, &use) == 0);
	CHECK(use.ru_utime.tv_sec * 1000000 + use.ru_utime.tv_usec +
		      use.ru_stime.tv_sec * 1000000 + use.ru_stime.tv_usec >= 40000);
	return 0;
}

int main(int argc, char **argv)
{
	self_init(argv[0]);
	if (argc > 2) // is address argv[2] still mapped?
		return mincore((void *)strtoul(argv[2], 0, 0), PAGE, (unsigned char[1]){ 0 }) == 0;
	if (argc > 1)
		return second(atoi(argv[1]));
	plan(3);
	scratch();
	int p[2];
	xpipe(p);
	pid_t pid = xfork();
	if (pid == 0) {
		char num[12];
		struct facts f;
		struct rlimit r;
		struct timespec t;
		setpriority(PRIO_PROCESS, 0, 4);
		umask(0135);
		getrlimit(RLIMIT_NOFILE, &r);
		r.rlim_cur = 123;
		setrlimit(RLIMIT_NOFILE, &r);
		setpgid(0, 0);
		alarm(600);
		prctl(PR_SET_NAME, "before exec", 0, 0, 0);
		do
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
		while (t.tv_nsec < 50000000 && t.tv_sec == 0);
		collect(&f);
		CHECK(write(p[1], &f, sizeof f) == sizeof f);
		snprintf(num, sizeof num, "%d", p[0]);
		execl(self, self, num, (char *)0);
		_exit(2);
	}
	ok_child(pid, "ids, nice, umask, limits, directory, alarm and CPU time are kept");

	char where[32];
	char *m = mmap((void *)0x7000000000, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	snprintf(where, sizeof where, "%p", (void *)m);
	is(wait_for(SPAWN_SELF("mapped", where)), 0, "mappings of the old image are gone");

	// Ten execs in a row in one process.
	pid = xfork();
	if (pid == 0) {
		pid_t sub = fork();
		if (sub == 0)
			execl(self, self, "mapped", "0x10000", (char *)0);
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "an exec in a grandchild");
	return done();
}
