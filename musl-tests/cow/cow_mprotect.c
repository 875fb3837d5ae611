// What COW means does not depend on what the page's rights happen to be.
#include "helpers.h"

static void expect(volatile char *p, int (*child)(volatile char *), char want, const char *what)
{
	pid_t pid = xfork();
	if (pid == 0)
		_exit(child(p));
	ok_child(pid, "L2: %s: the child's own store works", what);
	ok(*p == want, "L2: %s: it does not leak into the parent", what);
}

static int make_writable_and_store(volatile char *p)
{
	CHECK(mprotect((void *)p, PAGE, PROT_READ | PROT_WRITE) == 0);
	*p = 'c';
	CHECK(*p == 'c');
	return 0;
}

static int toggle_and_store(volatile char *p)
{
	CHECK(mprotect((void *)p, PAGE, PROT_NONE) == 0);
	CHECK(mprotect((void *)p, PAGE, PROT_READ) == 0);
	CHECK(mprotect((void *)p, PAGE, PROT_READ | PROT_WRITE) == 0);
	*p = 'c';
	return 0;
}

static int read_then_store(volatile char *p)
{
	CHECK(*p == 'o');
	*p = 'c';
	return 0;
}

int main(void)
{
	plan(12);
	volatile char *p = private(PAGE);
	*p = 'o';
	mprotect((void *)p, PAGE, PROT_READ);
	expect(p, make_writable_and_store, 'o', "read-only at fork, writable later");

	p = private(PAGE);
	*p = 'o';
	mprotect((void *)p, PAGE, PROT_NONE);
	pid_t pid = xfork();
	if (pid == 0)
		_exit(make_writable_and_store(p));
	ok_child(pid, "L2: no access at fork, writable later");
	mprotect((void *)p, PAGE, PROT_READ);
	ok(*p == 'o', "L2: the parent's PROT_NONE page is as it was");

	p = private(PAGE);
	*p = 'o';
	expect(p, toggle_and_store, 'o', "rights taken and given back in the child");
	expect(p, read_then_store, 'o', "read first, then written");

	// The other way round: the parent makes it writable and stores.
	p = private(PAGE);
	*p = 'o';
	mprotect((void *)p, PAGE, PROT_READ);
	struct gate go;
	gate_init(&go);
	pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		CHECK(*p == 'o');
		_exit(0);
	}
	mprotect((void *)p, PAGE, PROT_READ | PROT_WRITE);
	*p = 'p';
	gate_open(&go);
	ok_child(pid, "L2: the parent's mprotect and store stay with the parent");

	// Read-only program data is private too.
	static const char text[PAGE * 2] = { 'o' };
	volatile char *ro = (char *)(((uintptr_t)text + PAGE - 1) & ~(PAGE - 1));
	char was = *ro;
	pid = xfork();
	if (pid == 0) {
		CHECK(mprotect((void *)ro, PAGE, PROT_READ | PROT_WRITE) == 0);
		*ro = was + 1;
		_exit(0);
	}
	ok_child(pid, "C4: a child writes over its own copy of read-only data");
	ok(*ro == was, "C4: the parent's constants are constant");
	pid = xfork();
	if (pid == 0)
		_exit(*ro != was);
	ok_child(pid, "C4: and those of the next child");
	return done();
}
