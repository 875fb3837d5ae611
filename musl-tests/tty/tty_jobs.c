// Job control: the controlling terminal, its foreground group, its signals.
#include "pty.h"

static struct pty p;
static struct gate go, ready;

static void nothing(int sig)
{
	(void)sig;
}

// A session of its own on the terminal.
static void lead(void)
{
	CHECK(setsid() > 0);
	CHECK(ioctl(p.slave, TIOCSCTTY, 0) == 0);
}

// The session leader's part; each CHECK is a rule of job control.
static int leader(void)
{
	int status;
	lead();
	pid_t me = getpid();
	CHECK(tcgetpgrp(p.slave) == me && tcgetsid(p.slave) == me);
	int tty = open("/dev/tty", O_RDWR);
	CHECK(tty >= 0 && tcgetpgrp(tty) == me);

	// Signals of the keyboard go to the foreground group only.
	pid_t bg = fork();
	CHECK(bg >= 0);
	if (bg == 0) {
		setpgid(0, 0);
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_wait(&ready);
	static const struct {
		const char *key;
		int sig;
	} keys[] = { { "\003", SIGINT }, { "\034", SIGQUIT } };
	for (size_t i = 0; i < COUNT(keys); i++) {
		pid_t fg = fork();
		CHECK(fg >= 0);
		if (fg == 0) {
			setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
			setpgid(0, 0);
			signal(SIGTTOU, SIG_IGN);
			tcsetpgrp(p.slave, getpid());
			gate_open(&ready);
			for (;;)
				pause();
		}
		gate_wait(&ready);
		type(&p, keys[i].key);
		status = wait_for(fg);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == keys[i].sig);
	}
	CHECK(waitpid(bg, &status, WNOHANG) == 0); // the background did not notice

	// ^Z stops the foreground job; the shell sees it, takes the terminal
	// back, continues it in the background.
	pid_t fg = fork();
	CHECK(fg >= 0);
	if (fg == 0) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(p.slave, getpid());
		gate_open(&ready);
		gate_wait(&go);
		_exit(5);
	}
	gate_wait(&ready);
	type(&p, "\032");
	CHECK(waitpid(fg, &status, WUNTRACED) == fg);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
	signal(SIGTTOU, SIG_IGN);
	CHECK(tcsetpgrp(p.slave, me) == 0);
	CHECK(kill(-fg, SIGCONT) == 0);
	CHECK(waitpid(fg, &status, WCONTINUED) == fg && WIFCONTINUED(status));
	gate_open(&go);
	status = wait_for(fg);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);

	// A background read stops its group; ignored or orphaned it is EIO.
	pid_t reader = fork();
	CHECK(reader >= 0);
	if (reader == 0) {
		char c;
		setpgid(0, 0);
		_exit(read(p.slave, &c, 1) == 1 && c == 'x' ? 0 : 1);
	}
	setpgid(reader, reader);
	CHECK(waitpid(reader, &status, WUNTRACED) == reader);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
	CHECK(tcsetpgrp(p.slave, reader) == 0);
	kill(-reader, SIGCONT);
	type(&p, "x\n");
	CHECK(wait_for(reader) == 0);
	CHECK(tcsetpgrp(p.slave, me) == 0);
	reader = fork();
	CHECK(reader >= 0);
	if (reader == 0) {
		char c;
		setpgid(0, 0);
		signal(SIGTTIN, SIG_IGN);
		CHECK_FAILS(read(p.slave, &c, 1), EIO);
		_exit(0);
	}
	CHECK(wait_for(reader) == 0);

	// A background write is allowed until TOSTOP is set.
	for (int tostop = 0; tostop < 2; tostop++) {
		struct termios t = mode(p.slave);
		t.c_lflag = tostop ? t.c_lflag | TOSTOP : t.c_lflag & ~TOSTOP;
		CHECK(tcsetattr(p.slave, TCSANOW, &t) == 0);
		pid_t writer = fork();
		CHECK(writer >= 0);
		if (writer == 0) {
			signal(SIGTTOU, SIG_DFL);
			setpgid(0, 0);
			_exit(write(p.slave, "w", 1) == 1 ? 0 : 1);
		}
		CHECK(waitpid(writer, &status, WUNTRACED) == writer);
		if (tostop) {
			CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
			kill(writer, SIGKILL);
			wait_for(writer);
		} else {
			CHECK(status == 0);
		}
	}
	// Changing the terminal from the background: SIGTTOU.
	pid_t changer = fork();
	CHECK(changer >= 0);
	if (changer == 0) {
		signal(SIGTTOU, SIG_DFL);
		setpgid(0, 0);
		tcsetpgrp(p.slave, getpid());
		_exit(0);
	}
	CHECK(waitpid(changer, &status, WUNTRACED) == changer);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
	kill(changer, SIGKILL);
	wait_for(changer);

	CHECK_FAILS(tcsetpgrp(p.slave, 999999), ESRCH);
	CHECK_FAILS(tcsetpgrp(p.slave, -1), EINVAL);
	kill(bg, SIGKILL);
	wait_for(bg);
	return 0;
}

int main(void)
{
	p = pty_open();
	plan(9);
	gate_init(&go);
	gate_init(&ready);
	pid_t pid = xfork();
	if (pid == 0)
		_exit(leader());
	ok_child(pid, "keyboard signals, stops, SIGTTIN and SIGTTOU");

	pid = xfork();
	if (pid == 0) {
		setsid();
		CHECK_FAILS(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_FAILS(tcgetpgrp(p.slave), ENOTTY);
		int fd = open(p.name, O_RDWR); // without O_NOCTTY: it becomes ours
		CHECK(fd >= 0 && tcgetpgrp(fd) == getpid());
		CHECK(ioctl(fd, TIOCNOTTY) == 0);
		CHECK_FAILS(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	int status = wait_for(pid);
	// TIOCNOTTY by a leader sends SIGHUP to the foreground group: itself.
	ok(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP),
	   "a leader takes a terminal by opening it, and gives it up");
	if (status == 1 << 8)
		note_status(status);

	pid = xfork();
	if (pid == 0) {
		lead();
		pid_t sub = fork();
		if (sub == 0) {
			setsid();
			CHECK_FAILS(ioctl(p.slave, TIOCSCTTY, 0), EPERM); // another session has it
			_exit(0);
		}
		CHECK(wait_for(sub) == 0);
		sub = fork();
		if (sub == 0) {
			CHECK_FAILS(ioctl(p.slave, TIOCSCTTY, 0), EPERM); // no session leader
			_exit(0);
		}
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "who may not take a terminal");

	// The leader's end: SIGHUP for the foreground group, the terminal free.
	int out[2];
	xpipe(out);
	pid = xfork();
	if (pid == 0) {
		lead();
		pid_t fg = fork();
		if (fg == 0) {
			setpgid(0, 0);
			signal(SIGTTOU, SIG_IGN);
			tcsetpgrp(p.slave, getpid());
			gate_open(&ready);
			for (;;)
				pause();
		}
		gate_wait(&ready);
		_exit(0);
	}
	close(out[1]);
	ok_child(pid, "a session leader with a foreground job ends");
	char c;
	is(read(out[0], &c, 1), 0, "SIGHUP ends the job");
	fails(tcgetpgrp(p.slave), ENOTTY, "the terminal is not ours");

	// Window size: SIGWINCH when it really changes.
	pid = xfork();
	if (pid == 0) {
		lead();
		signal(SIGWINCH, nothing);
		block(SIGWINCH);
		struct winsize w = { 10, 20, 0, 0 };
		sigset_t pend;
		CHECK(ioctl(p.master, TIOCSWINSZ, &w) == 0);
		CHECK(sigpending(&pend) == 0 && sigismember(&pend, SIGWINCH));
		siginfo_t info;
		sigset_t s = set_of(SIGWINCH);
		CHECK(sigwaitinfo(&s, &info) == SIGWINCH);
		CHECK(ioctl(p.master, TIOCSWINSZ, &w) == 0);
		CHECK(sigpending(&pend) == 0 && !sigismember(&pend, SIGWINCH));
		_exit(0);
	}
	ok_child(pid, "SIGWINCH when the size changes, and only then");

	// The master's end is a hang-up.
	pid = xfork();
	if (pid == 0) {
		lead();
		signal(SIGHUP, nothing);
		tcflush(p.slave, TCIFLUSH);
		gate_open(&ready);
		close(p.master);
		CHECK(read(p.slave, &c, 1) <= 0); // interrupted, or the end
		CHECK(read(p.slave, &c, 1) == 0);
		CHECK_FAILS(write(p.slave, "x", 1), EIO);
		_exit(0);
	}
	gate_wait(&ready);
	close(p.master);
	ok_child(pid, "the terminal hangs up: end of file, EIO, SIGHUP");
	fails(ioctl(p.slave, TCGETS, &(struct termios){ 0 }), EIO, "and answers EIO");
	return done();
}
