/* /init: process 1 of Oxbow's default root.
 *
 * It mounts the kernel's file systems, runs one job, and powers the machine
 * off when the job has ended. The job is, in this order:
 *   1. the argument list in /etc/oxbow/job, put there by `cargo xtask run`;
 *   2. the words after `--` on the kernel's command line;
 *   3. an interactive login shell on the console.
 *
 * Under `cargo xtask run` the host listens on extra character devices
 * (/dev/hostin, hostout, hosterr, hoststatus). OXBOW_STDIO says for each of
 * the descriptors 0, 1 and 2 whether it is the terminal ('t') or the host's
 * pipe ('p'). The job's end is reported on /dev/hoststatus.
 *
 * Busybox's poweroff, reboot and halt ask process 1 by a signal, as they ask
 * busybox's own init.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOB_FILE "/etc/oxbow/job"
#define STATUS_DEVICE "/dev/hoststatus"
#define MAX_ARGS 1024

static volatile sig_atomic_t requested; /* the signal that asks for the end */

static void complain(const char *what)
{
	dprintf(2, "init: %s: %s\n", what, strerror(errno));
}

/* --- the machine's end --- */

static void end(int how)
{
	sync();
	reboot(how);
	complain("reboot");
	_exit(1);
}

static void note_request(int sig)
{
	requested = sig;
}

static void nothing(int sig)
{
	(void)sig;
}

static void honour_request(void)
{
	switch (requested) {
	case SIGUSR1: end(RB_HALT_SYSTEM); break;
	case SIGUSR2: end(RB_POWER_OFF); break;
	case SIGTERM: end(RB_AUTOBOOT); break;
	}
}

/* --- preparing the root --- */

static void mount_at(const char *type, const char *dir, const char *data)
{
	mkdir(dir, 0755);
	/* ENODEV: this kernel has no such file system. EBUSY: already there. */
	if (mount(type, dir, type, 0, data) < 0 && errno != ENODEV && errno != EBUSY)
		complain(dir);
}

static void mount_all(void)
{
	mount_at("proc", "/proc", NULL);
	mount_at("sysfs", "/sys", NULL);
	mount_at("devtmpfs", "/dev", NULL);
	mount_at("devpts", "/dev/pts", "mode=0620,ptmxmode=0666");
	mount_at("tmpfs", "/dev/shm", "mode=1777");
	mount_at("tmpfs", "/tmp", "mode=1777");
	mount_at("tmpfs", "/run", "mode=0755");
}

/* Reads a whole small file; NULL when there is none. Ends in a NUL. */
static char *read_file(const char *path, size_t *length)
{
	static const size_t limit = 1 << 20;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	char *data = malloc(limit + 1);
	size_t have = 0;
	ssize_t got = 0;
	while (data && have < limit && (got = read(fd, data + have, limit - have)) > 0)
		have += got;
	close(fd);
	if (!data || got < 0) {
		free(data);
		return NULL;
	}
	data[have] = '\0';
	*length = have;
	return data;
}

static void set_host_name(void)
{
	size_t length;
	char *name = read_file("/etc/hostname", &length);
	if (!name)
		return;
	name[strcspn(name, "\n")] = '\0';
	if (sethostname(name, strlen(name)) < 0)
		complain("sethostname");
	free(name);
}

static void set_environment(void)
{
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 0);
	setenv("HOME", "/root", 1); /* the kernel's own default is / */
	setenv("USER", "root", 0);
	setenv("LOGNAME", "root", 0);
	setenv("SHELL", "/bin/sh", 0);
	setenv("TERM", "linux", 0);
}

/* --- the terminal --- */

/* The console's real name: /dev/console itself is nobody's controlling
 * terminal. The last console= word wins, as on Linux. */
static const char *terminal(void)
{
	static char path[64] = "/dev/ttyS0";
	size_t length;
	char *words = read_file("/proc/cmdline", &length);
	if (!words)
		return path;
	for (char *word = strtok(words, " \n"); word && strcmp(word, "--"); word = strtok(NULL, " \n")) {
		if (!strncmp(word, "console=", 8))
			snprintf(path, sizeof path, "/dev/%.*s", (int)strcspn(word + 8, ","), word + 8);
	}
	free(words);
	return access(path, F_OK) == 0 ? path : "/dev/console";
}

static void set_window_size(int fd)
{
	struct winsize size = {0};
	const char *text = getenv("OXBOW_WINSIZE");
	if (text && sscanf(text, "%hux%hu", &size.ws_row, &size.ws_col) == 2)
		ioctl(fd, TIOCSWINSZ, &size);
}

/* Gives descriptor `fd` to the job: the terminal or the host's pipe. */
static void connect_stdio(int fd, char letter, const char *tty)
{
	static const char *const pipes[] = {"/dev/hostin", "/dev/hostout", "/dev/hosterr"};
	static const int pipe_flags[] = {O_RDONLY, O_WRONLY, O_WRONLY};
	int is_terminal = letter != 'p';
	const char *path = is_terminal ? tty : pipes[fd];
	int opened = open(path, (is_terminal ? O_RDWR : pipe_flags[fd]) | O_NOCTTY);
	if (opened < 0) {
		complain(path);
		_exit(126);
	}
	if (is_terminal) {
		ioctl(opened, TIOCSCTTY, 0); /* fails harmlessly when it is ours already */
		set_window_size(opened);
	}
	if (opened != fd) {
		dup2(opened, fd);
		close(opened);
	}
}

/* --- the job --- */

static char **job_from_file(void)
{
	static char *args[MAX_ARGS + 1];
	size_t length, count = 0;
	char *data = read_file(JOB_FILE, &length);
	if (!data)
		return NULL;
	for (char *at = data; at < data + length && count < MAX_ARGS; at += strlen(at) + 1)
		args[count++] = at;
	return count ? args : NULL;
}

static void run_job(char **args, const sigset_t *mask)
{
	char letters[] = "ttt";
	const char *wanted = getenv("OXBOW_STDIO");
	const char *tty = terminal();

	if (wanted && strlen(wanted) == 3)
		strcpy(letters, wanted);
	setsid();
	for (int fd = 0; fd < 3; fd++)
		connect_stdio(fd, letters[fd], tty);
	unsetenv("OXBOW_STDIO");
	unsetenv("OXBOW_WINSIZE");
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(args[0], args);
	complain(args[0]);
	_exit(errno == ENOENT ? 127 : 126);
}

static pid_t start_job(char **args, const sigset_t *mask)
{
	pid_t pid = fork();
	if (pid == 0)
		run_job(args, mask);
	if (pid < 0) {
		complain("fork");
		end(RB_POWER_OFF);
	}
	return pid;
}

static void report(int status)
{
	int fd = open(STATUS_DEVICE, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* nobody is listening: started without xtask */
	if (WIFSIGNALED(status))
		dprintf(fd, "signal %d\n", WTERMSIG(status));
	else
		dprintf(fd, "exit %d\n", WEXITSTATUS(status));
	close(fd);
}

/* Reaps every child, and returns the job's status once it has ended. */
static int wait_for(pid_t job, const sigset_t *unblocked)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid == job)
			return status;
		honour_request();
		if (pid <= 0)
			sigsuspend(unblocked);
	}
}

static void catch(int sig, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};
	sigaction(sig, &action, NULL);
}

int main(int argc, char **argv)
{
	static char *shell[] = {"/bin/sh", "-l", NULL};
	sigset_t blocked, before;

	mount_all();
	if (fcntl(0, F_GETFD) < 0) { /* the root had no /dev/console for the kernel */
		int fd = open("/dev/console", O_RDWR | O_NOCTTY);
		while (fd >= 0 && fd < 2)
			fd = dup(fd);
	}
	set_host_name();
	set_environment();

	/* Blocked except in sigsuspend: no signal is lost between looking and
	 * sleeping. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGUSR2);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	catch(SIGCHLD, nothing);
	catch(SIGUSR1, note_request);
	catch(SIGUSR2, note_request);
	catch(SIGTERM, note_request);

	char **job = job_from_file();
	if (!job)
		job = argc > 1 ? argv + 1 : shell;
	if (job == shell && chdir(getenv("HOME")) < 0)
		complain(getenv("HOME"));
	report(wait_for(start_job(job, &before), &before));
	end(RB_POWER_OFF);
}
