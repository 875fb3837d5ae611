// Orphans get a new parent; the dead parent's zombies are not left over.
#include "helpers.h"

int main(void)
{
	plan(5);
	struct gate go, told, asked;
	gate_init(&go);
	gate_init(&told);
	gate_init(&asked);
	pid_t *ids = shared(PAGE);

	pid_t pid = xfork();
	if (pid == 0) {
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0) {
			ids[1] = getppid();
			gate_open(&asked);
			gate_wait(&go); // the parent has been waited for by then
			ids[2] = getppid();
			gate_open(&told);
			_exit(0);
		}
		ids[0] = sub;
		gate_wait(&asked);
		_exit(0);
	}
	ok_child(pid, "the parent in the middle leaves");
	gate_open(&go);
	gate_wait(&told);
	is(ids[1], pid, "its child had it as parent");
	ok(ids[2] != pid && ids[2] > 0, "then has another one (%d)", ids[2]);
	fails(waitpid(ids[0], 0, 0), ECHILD, "who is not the grandparent");

	// A parent that dies with zombies of its own does not hold them.
	pid = xfork();
	if (pid == 0) {
		for (int i = 0; i < 5; i++)
			if (fork() == 0)
				_exit(i);
		for (int i = 0; i < 5; i++)
			syscall(SYS_sched_yield);
		_exit(0);
	}
	ok_child(pid, "a parent may leave without waiting for five children");
	return done();
}
