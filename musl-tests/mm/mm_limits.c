// RLIMIT_AS, RLIMIT_DATA: ENOMEM, and the process goes on.
#include "helpers.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

int main(void)
{
	plan(7);
	pid_t pid = xfork();
	if (pid == 0) {
		struct rlimit r = { 64 * MIB, 64 * MIB };
		CHECK(setrlimit(RLIMIT_AS, &r) == 0);
		CHECK_FAILS(mmap(0, 64 * MIB, RW, ANON, -1, 0), ENOMEM);
		char *p = mmap(0, 16 * MIB, RW, ANON, -1, 0);
		CHECK(p != MAP_FAILED);
		CHECK_FAILS(mmap(0, 48 * MIB, RW, ANON, -1, 0), ENOMEM);
		CHECK_FAILS(mremap(p, 16 * MIB, 64 * MIB, MREMAP_MAYMOVE), ENOMEM);
		CHECK(munmap(p, 16 * MIB) == 0);
		CHECK(mmap(0, 48 * MIB, RW, ANON, -1, 0) != MAP_FAILED);
		_exit(0);
	}
	ok_child(pid, "RLIMIT_AS counts what is mapped");

	pid = xfork();
	if (pid == 0) {
		struct rlimit r = { 8 * MIB, 8 * MIB };
		CHECK(setrlimit(RLIMIT_DATA, &r) == 0);
		CHECK_FAILS(mmap(0, 16 * MIB, RW, ANON, -1, 0), ENOMEM);
		CHECK(mmap(0, 16 * MIB, PROT_READ, ANON, -1, 0) != MAP_FAILED);
		CHECK(mmap(0, 16 * MIB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
		_exit(0);
	}
	ok_child(pid, "RLIMIT_DATA counts private writable memory");

	pid = xfork();
	if (pid == 0) {
		char *p = mmap(0, 16 * MIB, PROT_READ, ANON, -1, 0);
		struct rlimit r = { 8 * MIB, 8 * MIB };
		CHECK(p != MAP_FAILED && setrlimit(RLIMIT_DATA, &r) == 0);
		CHECK_FAILS(mprotect(p, 16 * MIB, RW), ENOMEM);
		CHECK(mprotect(p, 1 * MIB, RW) == 0);
		_exit(0);
	}
	ok_child(pid, "RLIMIT_DATA holds for mprotect too");

	pid = xfork();
	if (pid == 0) {
		struct rlimit r = { 32 * MIB, 32 * MIB };
		CHECK(setrlimit(RLIMIT_AS, &r) == 0);
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0) {
			CHECK_FAILS(mmap(0, 32 * MIB, RW, ANON, -1, 0), ENOMEM);
			_exit(0);
		}
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "S9: the limit is inherited, and does not hinder fork");

	// More memory than there can be.
	fails(mmap(0, 1L << 46, RW, ANON, -1, 0), ENOMEM, "64 TiB without MAP_NORESERVE");
	// The number of mappings is limited; nothing breaks at the limit.
	pid = xfork();
	if (pid == 0) {
		long n = 0;
		char *p = mmap(0, 70000 * 2 * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
		CHECK(p != MAP_FAILED);
		while (n < 70000 && mprotect(p + n * 2 * PAGE, PAGE, PROT_READ) == 0)
			n++;
		CHECK(n == 70000 || errno == ENOMEM);
		CHECK(n > 1000);
		CHECK(munmap(p, 70000 * 2 * PAGE) == 0);
		CHECK(mmap(0, PAGE, RW, ANON, -1, 0) != MAP_FAILED);
		_exit(0);
	}
	ok_child(pid, "as many mappings as the kernel takes, then ENOMEM");
	char *p = private(PAGE);
	ok((p[0] = 1), "all those failures were the children's own");
	return done();
}
