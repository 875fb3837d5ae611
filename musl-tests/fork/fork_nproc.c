// RLIMIT_NPROC stops an ordinary user from forking, and never root.
#include "helpers.h"

// An id nobody else in the machine uses, so that the count is ours.
#define LONELY 59123

int main(void)
{
	plan(3);
	if (geteuid() != 0) {
		skip(3, "needs root to choose its user");
		return done();
	}
	pid_t pid = xfork();
	if (pid == 0) {
		struct rlimit four = { 4, 4 };
		pid_t kids[3];
		struct gate stop;
		gate_init(&stop);
		CHECK(setrlimit(RLIMIT_NPROC, &four) == 0);
		CHECK(become(LONELY) == 0);
		for (int i = 0; i < 3; i++) {
			kids[i] = fork();
			CHECK(kids[i] >= 0);
			if (kids[i] == 0) {
				gate_wait(&stop);
				_exit(0);
			}
		}
		CHECK_FAILS(fork(), EAGAIN);
		CHECK_FAILS(syscall(SYS_vfork), EAGAIN);
		gate_open(&stop);
		gate_open(&stop);
		gate_open(&stop);
		for (int i = 0; i < 3; i++)
			CHECK(wait_for(kids[i]) == 0);
		pid_t again = fork();
		CHECK(again >= 0);
		if (again == 0)
			_exit(0);
		_exit(wait_for(again) != 0);
	}
	ok_child(pid, "S23: fork past RLIMIT_NPROC is EAGAIN, and works again later");

	pid = xfork();
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		CHECK(setrlimit(RLIMIT_NPROC, &none) == 0);
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0)
			_exit(0);
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "S23: root is not held by RLIMIT_NPROC");

	pid = xfork();
	if (pid == 0) {
		struct rlimit one = { 1, 1 };
		CHECK(become(LONELY + 1) == 0);
		CHECK(setrlimit(RLIMIT_NPROC, &one) == 0);
		CHECK_FAILS(fork(), EAGAIN);
		CHECK_FAILS(waitpid(-1, 0, 0), ECHILD);
		_exit(0);
	}
	ok_child(pid, "S23: the process itself counts; a failed fork leaves no child");
	return done();
}
