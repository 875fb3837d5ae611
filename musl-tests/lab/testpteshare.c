// testpteshare: shared pages over fork, and over fork and exec by descriptor.
#include "self.h"

static const char hello[] = "hello, world\n", bye[] = "goodbye, world\n";

int main(int argc, char **argv)
{
	if (argc > 1) { // a new program, given the number of an inherited file
		char *m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[1]), 0);
		if (m == MAP_FAILED || strcmp(m, hello))
			return 1;
		strcpy(m, bye);
		return 0;
	}
	plan(5);
	self_init(argv[0]);
	char *va = shared(PAGE);
	pid_t pid = xfork();
	if (pid == 0) {
		strcpy(va, hello);
		_exit(0);
	}
	wait_for(pid);
	is_str(va, hello, "J7: fork handles shared pages right");

	scratch();
	int fd = open("shm", O_RDWR | O_CREAT, 0600);
	if (ftruncate(fd, PAGE) < 0)
		bail("ftruncate");
	char *m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	strcpy(m, hello);
	char num[12];
	snprintf(num, sizeof num, "%d", fd);
	is(wait_for(SPAWN_SELF(num)), 0, "J7: spawn: the new program saw the page");
	is_str(m, bye, "J7: and its answer is seen here");

	int memfd = syscall(SYS_memfd_create, "pages", 0);
	if (memfd < 0 && errno == ENOSYS) {
		skip(2, "no memfd_create");
		return done();
	}
	if (ftruncate(memfd, PAGE) < 0)
		bail("ftruncate");
	m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	strcpy(m, hello);
	snprintf(num, sizeof num, "%d", memfd);
	is(wait_for(SPAWN_SELF(num)), 0, "J7: the same with a memfd");
	is_str(m, bye, "J7: which has no name anywhere");
	return done();
}
