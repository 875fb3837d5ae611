// A COW page that mremap moves stays a COW page; munmap in one process
// leaves the other's.
#include "helpers.h"

int main(void)
{
	plan(7);
	char *p = private(4 * PAGE);
	for (int i = 0; i < 4; i++)
		p[i * PAGE] = 'a' + i;
	char *to = private(4 * PAGE);

	pid_t pid = xfork();
	if (pid == 0) {
		char *q = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
		CHECK(q == to && q[0] == 'a' && q[3 * PAGE] == 'd');
		q[0] = 'X';
		CHECK(q[PAGE] == 'b');
		_exit(0);
	}
	ok_child(pid, "J2: the child moves its COW pages and writes");
	ok(p[0] == 'a' && p[3 * PAGE] == 'd', "J2: the parent's pages stayed where they are");
	is(to[0], 0, "J2: so did what was at the destination");

	pid = xfork();
	if (pid == 0) {
		char *q = mremap(p, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
		CHECK(q != MAP_FAILED && q[2 * PAGE] == 'c' && q[63 * PAGE] == 0);
		q[2 * PAGE] = 'Y';
		_exit(0);
	}
	ok_child(pid, "J2: growing COW memory");
	ok(p[2 * PAGE] == 'c', "J2: is not seen in the parent");

	pid = xfork();
	if (pid == 0) {
		CHECK(munmap(p + PAGE, 2 * PAGE) == 0);
		CHECK(p[0] == 'a' && p[3 * PAGE] == 'd');
		char *n = mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		CHECK(n == p + PAGE && n[0] == 0);
		n[0] = 'N';
		_exit(0);
	}
	ok_child(pid, "L2: the child unmaps and maps anew");
	ok(p[PAGE] == 'b' && p[2 * PAGE] == 'c', "L2: under the parent nothing moved");
	return done();
}
