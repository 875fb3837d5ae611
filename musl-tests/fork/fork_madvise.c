// MADV_DONTFORK, MADV_WIPEONFORK and their opposites.
#include "helpers.h"

// EFAULT from a system call tells that a page is not there, without a signal.
static int mapped(const void *p)
{
	unsigned char vec;
	return mincore((void *)p, PAGE, &vec) == 0 || errno != ENOMEM;
}

int main(void)
{
	plan(7);
	char *gone = private(3 * PAGE), *wiped = private(3 * PAGE);
	memset(gone, 'g', 3 * PAGE);
	memset(wiped, 'w', 3 * PAGE);
	is(madvise(gone + PAGE, PAGE, MADV_DONTFORK), 0, "L3: MADV_DONTFORK is accepted");
	is(madvise(wiped + PAGE, PAGE, MADV_WIPEONFORK), 0, "L3: MADV_WIPEONFORK is accepted");

	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(gone[0] == 'g' && gone[2 * PAGE] == 'g');
		CHECK(!mapped(gone + PAGE));
		CHECK(wiped[0] == 'w' && wiped[2 * PAGE] == 'w');
		CHECK(wiped[PAGE] == 0 && wiped[2 * PAGE - 1] == 0);
		wiped[PAGE] = 'x';
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0)
			_exit(wiped[PAGE] != 0); // the mark itself is inherited
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "L3: in the child one range is gone, the other zero");
	ok(gone[PAGE] == 'g' && wiped[PAGE] == 'w', "L3: the parent keeps both");

	madvise(gone + PAGE, PAGE, MADV_DOFORK);
	madvise(wiped + PAGE, PAGE, MADV_KEEPONFORK);
	pid = xfork();
	if (pid == 0)
		_exit(!(gone[PAGE] == 'g' && wiped[PAGE] == 'w'));
	ok_child(pid, "L3: MADV_DOFORK and MADV_KEEPONFORK undo it");

	char *s = shared(PAGE);
	fails(madvise(s, PAGE, MADV_WIPEONFORK), EINVAL, "L3: a shared mapping cannot be wiped");
	is(madvise(s, PAGE, MADV_DONTFORK), 0, "L3: but left out, it can");
	return done();
}
