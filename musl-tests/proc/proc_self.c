// /proc/PID's small files, as ps, top, pidof and lsof read them.
#include "helpers.h"
#include <sys/prctl.h>

static char text[8192];

// The number behind `key:` in /proc/self/status.
static long status_number(const char *key)
{
	char line[64];
	snprintf(line, sizeof line, "\n%s:", key);
	char *p = strstr(text, line);
	return p ? strtol(p + strlen(line), 0, 10) : -12345;
}

static void link_is(const char *path, const char *want, const char *what)
{
	char got[PATH_MAX];
	ssize_t n = readlink(path, got, sizeof got - 1);
	got[n > 0 ? n : 0] = 0;
	is_str(got, want, "%s", what);
}

int main(int argc, char **argv)
{
	(void)argc;
	plan(41);
	scratch();
	char want[PATH_MAX], path[64];
	link_is("/proc/self", (snprintf(want, sizeof want, "%d", getpid()), want), "/proc/self");
	prctl(PR_SET_NAME, "odd) (name", 0, 0, 0);

	ok(slurp("/proc/self/stat", text, sizeof text) > 0, "stat");
	char *close = strrchr(text, ')');
	*close = 0;
	is_str(text, (snprintf(want, sizeof want, "%d (odd) (name", getpid()), want), "pid and name");
	char state;
	int ppid, pgrp, session, tty, tpgid;
	unsigned flags;
	unsigned long minflt, cminflt, majflt, cmajflt, utime, stime;
	long cutime, cstime, prio, nice, threads, itreal, rss;
	unsigned long long start;
	unsigned long vsize;
	int n = sscanf(close + 2,
		       "%c %d %d %d %d %d %u %lu %lu %lu %lu %lu %lu %ld %ld %ld %ld %ld %ld %llu %lu %ld",
		       &state, &ppid, &pgrp, &session, &tty, &tpgid, &flags, &minflt, &cminflt,
		       &majflt, &cmajflt, &utime, &stime, &cutime, &cstime, &prio, &nice, &threads,
		       &itreal, &start, &vsize, &rss);
	is(n, 22, "22 more fields");
	is(state, 'R', "running");
	ok(ppid == getppid() && pgrp == getpgrp() && session == getsid(0),
	   "parent, group, session");
	ok(threads == 1 && nice == 0 && prio == 20, "one thread, nice 0, priority 20");
	// Linux counts resident pages per processor and shows small sums as 0.
	ok(vsize > 100000 && rss >= 0, "sizes (%lu, %ld)", vsize, rss);
	int fields = 0;
	for (char *p = close + 1; *p; p++)
		fields += *p == ' ';
	is(fields + 2, 52, "52 fields in all");

	ok(slurp("/proc/self/status", text, sizeof text) > 0, "status");
	ok(!strncmp(text, "Name:\todd) (name\n", 17), "Name");
	ok(strstr(text, "\nState:\tR (running)\n") != 0, "State");
	ok(status_number("Pid") == getpid() && status_number("Tgid") == getpid(), "Pid and Tgid");
	is(status_number("PPid"), getppid(), "PPid");
	is(status_number("Threads"), 1, "Threads");
	ok(status_number("VmRSS") > 10 && status_number("VmSize") > status_number("VmRSS"),
	   "VmRSS and VmSize");
	snprintf(want, sizeof want, "\nUid:\t%d\t%d\t%d\t%d\n", getuid(), geteuid(), geteuid(), geteuid());
	ok(strstr(text, want) != 0, "Uid");
	ok(strstr(text, "\nSigBlk:\t0000000000000000\n") != 0, "SigBlk: nothing");
	block(SIGUSR1);
	signal(SIGUSR2, SIG_IGN);
	raise(SIGUSR1);
	slurp("/proc/self/status", text, sizeof text);
	ok(strstr(text, "\nSigBlk:\t0000000000000200\n") != 0, "SigBlk: SIGUSR1");
	ok(strstr(text, "\nSigIgn:\t") &&
		   (strtoul(strstr(text, "\nSigIgn:\t") + 9, 0, 16) & 1 << (SIGUSR2 - 1)), "SigIgn");
	ok(strstr(text, "\nSigCgt:\t") &&
		   (strtoul(strstr(text, "\nSigCgt:\t") + 9, 0, 16) & 1 << (SIGALRM - 1)), "SigCgt");
	char *pnd = strstr(text, "\nSigPnd:\t"), *shd = strstr(text, "\nShdPnd:\t");
	ok(pnd && shd && ((strtoul(pnd + 9, 0, 16) | strtoul(shd + 9, 0, 16)) & 0x200),
	   "pending signals");

	ok(slurp("/proc/self/comm", text, sizeof text) > 0, "comm");
	is_str(text, "odd) (name\n", "is the name");
	is(spill("/proc/self/comm", "new name", 0644), 0, "comm can be written");
	char name[17] = "";
	prctl(PR_GET_NAME, name, 0, 0, 0);
	is_str(name, "new name", "which sets it");
	ssize_t len = slurp("/proc/self/cmdline", text, sizeof text);
	ok(len == (ssize_t)strlen(argv[0]) + 1 && !strcmp(text, argv[0]), "cmdline");
	link_is("/proc/self/cwd", scratch_path, "cwd");
	link_is("/proc/self/root", "/", "root");
	char real[PATH_MAX];
	ok(readlink("/proc/self/exe", real, sizeof real) > 0 && access("/proc/self/exe", X_OK) == 0,
	   "exe");

	// fd: a link for each, that can be opened.
	int fd = open("some file", O_RDWR | O_CREAT, 0644);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	snprintf(want, sizeof want, "%s/some file", scratch_path);
	link_is(path, want, "fd/N points at the file");
	int p[2];
	xpipe(p);
	struct stat st;
	fstat(p[0], &st);
	snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
	snprintf(want, sizeof want, "pipe:[%lu]", (unsigned long)st.st_ino);
	link_is(path, want, "a pipe shows its inode");
	if (write(p[1], "x", 1) != 1)
		bail("write");
	int again = open(path, O_RDONLY);
	char c;
	ok(again >= 0 && read(again, &c, 1) == 1, "a pipe can be opened through it");
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int found = 0, total = 0;
	while ((e = readdir(d))) {
		total += e->d_name[0] != '.';
		found += atoi(e->d_name) == fd && e->d_name[0] != '.';
	}
	closedir(d);
	ok(found == 1 && total >= 6, "the directory lists them (%d)", total);
	ok(lstat("/proc/self/fd/999", &st) < 0 && errno == ENOENT, "a closed one is not there");
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	lseek(fd, 42, SEEK_SET);
	ok(slurp(path, text, sizeof text) > 0 && !strncmp(text, "pos:\t42\n", 8),
	   "fdinfo: the offset");

	// Another process, and one that goes.
	struct gate go;
	gate_init(&go);
	pid_t pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		_exit(0);
	}
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int st_fd = open(path, O_RDONLY);
	wait_asleep(pid);
	is(proc_state(pid), 'S', "a sleeping child is in state S");
	d = opendir("/proc");
	found = 0;
	while ((e = readdir(d)))
		found += atoi(e->d_name) == pid || atoi(e->d_name) == getpid();
	closedir(d);
	is(found, 2, "/proc lists parent and child");
	gate_open(&go);
	wait_for(pid);
	fails(open(path, O_RDONLY), ENOENT, "a reaped child is not in /proc");
	fails(read(st_fd, text, 100), ESRCH, "an open file of it says ESRCH");
	fails(open("/proc/0/stat", O_RDONLY), ENOENT, "there is no process 0");
	return done();
}
