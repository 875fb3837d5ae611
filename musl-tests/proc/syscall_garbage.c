// Every system call with senseless arguments, as an ordinary user, in
// children: each may fail or die, the machine and the parent must not.
#include "helpers.h"
#include <sys/time.h>

#define NUMBERS 470
#define ROUNDS 12

// What would end or block more than the child itself, or take all memory.
static int skipped(long nr)
{
	static const int list[] = {
		SYS_exit,	  SYS_exit_group, SYS_fork,	   SYS_vfork,
		SYS_clone,	  435 /* clone3 */, SYS_kill,	   SYS_tkill,
		SYS_tgkill,	  SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
		SYS_reboot,	  SYS_pause,	  SYS_rt_sigsuspend, SYS_vhangup,
		SYS_sync,	  SYS_syncfs,	  SYS_rt_sigreturn, 424 /* pidfd_send_signal */,
		SYS_setitimer,	  SYS_alarm,	  SYS_rt_sigaction, SYS_rt_sigprocmask,
		SYS_ptrace,	  SYS_process_vm_writev, SYS_setrlimit, SYS_prlimit64,
	};
	for (size_t i = 0; i < COUNT(list); i++)
		if (list[i] == nr)
			return 1;
	return 0;
}

static uint32_t seed = 4711;

static uint64_t value(char *page)
{
	seed = seed * 1664525 + 1013904223;
	uint32_t x = seed >> 8;
	switch (x % 14) {
	case 0:
		return 0;
	case 1:
		return -1;
	case 2:
		return x % 64;
	case 3:
		return (uint64_t)page;
	case 4:
		return (uint64_t)page + PAGE - 3;
	case 5:
		return 0xffff800000000000;
	case 6:
		return 0x8000000000000000;
	case 7:
		return 1ull << (x >> 8) % 64;
	case 8:
		return 0x7fffffff;
	case 9:
		return 0xffffffff80000000;
	case 10:
		return (uint64_t)page & ~(PAGE - 1);
	case 11:
		return x << 12;
	case 12:
		return -(uint64_t)(x % 4096);
	default:
		return x;
	}
}

static void torture(long nr, char *page)
{
	signal(SIGALRM, SIG_DFL);
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, 30000 } }, 0);
	for (int i = 0; i < ROUNDS; i++) {
		memset(page, i * 0x11, PAGE);
		syscall(nr, value(page), value(page), value(page), value(page), value(page), value(page));
	}
	syscall(SYS_exit_group, 0);
}

int main(void)
{
	plan(3);
	if (geteuid() != 0) {
		skip(3, "needs root, to become a user whom nothing belongs to");
		return done();
	}
	scratch();
	mkdir("box", 0777);
	chmod("box", 0777);
	volatile long *last = shared(PAGE);
	pid_t pid = xfork();
	if (pid == 0) {
		// A parent for the children that is harmless itself.
		CHECK(chdir("box") == 0);
		setsid();
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 65536, 65536 });
		setrlimit(RLIMIT_AS, &(struct rlimit){ 256 * MIB, 256 * MIB });
		CHECK(become(58005) == 0);
		int null = open("/dev/null", O_RDWR);
		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		for (int fd = 4; fd < 64; fd++)
			close(fd);
		char *page = private(2 * PAGE);
		munmap(page + PAGE, PAGE);
		for (long nr = 0; nr < NUMBERS; nr++) {
			if (skipped(nr))
				continue;
			*last = nr;
			seed += nr;
			pid_t sub = fork();
			CHECK(sub >= 0);
			if (sub == 0)
				torture(nr, page);
			int status;
			if (waitpid(sub, &status, WUNTRACED) == sub && WIFSTOPPED(status)) {
				kill(sub, SIGKILL);
				wait_for(sub);
			}
		}
		_exit(0);
	}
	if (!ok_child(pid, "%d system calls with garbage", NUMBERS))
		note("  the last one tried was %ld", *last);
	pid = xfork();
	if (pid == 0)
		_exit(3);
	is(wait_for(pid), 3 << 8, "the machine forks as before");
	char *p = private(MIB);
	memset(p, 1, MIB);
	int fd = open("after", O_RDWR | O_CREAT, 0644);
	ok(fd >= 0 && write(fd, p, 1000) == 1000, "has memory and files as before");
	return done();
}
