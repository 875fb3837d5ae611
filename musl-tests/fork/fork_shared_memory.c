// Shared mappings stay shared over fork, in both directions.
#include "helpers.h"

int main(void)
{
	plan(8);
	scratch();
	volatile int *anon = shared(4 * PAGE);
	struct gate to_child, to_parent;
	gate_init(&to_child);
	gate_init(&to_parent);
	anon[0] = 1;

	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(anon[0] == 1);
		anon[0] = 2;
		anon[PAGE / 4] = 20; // a page nobody had touched before the fork
		gate_open(&to_parent);
		gate_wait(&to_child);
		CHECK(anon[0] == 3);
		_exit(0);
	}
	gate_wait(&to_parent);
	is(anon[0], 2, "J7, L1: the child's store into MAP_SHARED|MAP_ANONYMOUS is seen");
	is(anon[PAGE / 4], 20, "J7: also in a page first touched after the fork");
	anon[0] = 3;
	gate_open(&to_child);
	ok_child(pid, "J7: the parent's store is seen in the child");

	int fd = open("f", O_RDWR | O_CREAT, 0644);
	if (ftruncate(fd, 2 * PAGE) < 0)
		bail("ftruncate");
	char *file = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid = xfork();
	if (pid == 0) {
		strcpy(file + PAGE, "from the child");
		_exit(0);
	}
	ok_child(pid, "L1: a child stores into a shared file mapping");
	is_str(file + PAGE, "from the child", "L1: the parent sees it in memory");
	char text[16] = "";
	is(pread(fd, text, 14, PAGE), 14, "L1: and reads it from the file");
	is_str(text, "from the child", "L1: byte for byte");

	// Read-only sharers of a shared mapping never get a copy of their own.
	volatile int *ro = shared(PAGE);
	ro[1] = 5;
	mprotect((void *)ro, PAGE, PROT_READ);
	pid = xfork();
	if (pid == 0) {
		CHECK(mprotect((void *)ro, PAGE, PROT_READ | PROT_WRITE) == 0);
		ro[1] = 6;
		_exit(0);
	}
	wait_for(pid);
	is(ro[1], 6, "L1: shared memory that was read-only at fork is still shared after mprotect");
	return done();
}
