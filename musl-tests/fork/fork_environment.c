// Working directory, root, umask, break and the layout of memory.
#include "helpers.h"

static char before[65536], after[65536];

int main(void)
{
	plan(8);
	scratch();
	mkdir("dir", 0755);
	if (chdir("dir") < 0)
		bail("chdir");
	umask(027);
	char cwd[PATH_MAX];
	if (!getcwd(cwd, sizeof cwd))
		bail("getcwd");

	pid_t pid = xfork();
	if (pid == 0) {
		char got[PATH_MAX];
		CHECK(getcwd(got, sizeof got) && !strcmp(got, cwd));
		CHECK(chdir("/") == 0);
		_exit(0);
	}
	ok_child(pid, "S9: the working directory is inherited");
	char got[PATH_MAX];
	is_str(getcwd(got, sizeof got), cwd, "S9: a chdir in the child is the child's own");

	pid = xfork();
	if (pid == 0) {
		CHECK(umask(0) == 027);
		_exit(0);
	}
	ok_child(pid, "S9: the umask is inherited");
	is(umask(027), 027, "S9: a umask set in the child is the child's own");

	void *brk0 = (void *)syscall(SYS_brk, 0);
	void *grown = (void *)syscall(SYS_brk, (char *)brk0 + 3 * PAGE);
	memset(brk0, 'b', 3 * PAGE);
	pid = xfork();
	if (pid == 0) {
		CHECK((void *)syscall(SYS_brk, 0) == grown);
		CHECK(((char *)brk0)[2 * PAGE] == 'b');
		CHECK((void *)syscall(SYS_brk, brk0) == brk0);
		_exit(0);
	}
	ok_child(pid, "S9: the break is inherited");
	ok(((char *)brk0)[3 * PAGE - 1] == 'b' && (void *)syscall(SYS_brk, 0) == grown,
	   "S9: shrinking it in the child leaves the parent's heap");

	char *hole = private(8 * PAGE);
	munmap(hole + 2 * PAGE, PAGE);
	mprotect(hole + 4 * PAGE, PAGE, PROT_NONE);
	mprotect(hole + 5 * PAGE, PAGE, PROT_READ);
	if (slurp("/proc/self/maps", before, sizeof before) <= 0) {
		skip(1, "no /proc/self/maps");
	} else {
		pid = xfork();
		if (pid == 0) {
			CHECK(slurp("/proc/self/maps", after, sizeof after) > 0);
			CHECK(strcmp(before, after) == 0);
			_exit(0);
		}
		ok_child(pid, "S9, L12: the list of mappings is the same, line by line");
	}

	if (geteuid() != 0) {
		skip(1, "chroot needs root");
		return done();
	}
	mkdir("jail", 0755);
	spill("jail/inside", "x", 0644);
	pid = xfork();
	if (pid == 0) {
		CHECK(chroot("jail") == 0);
		pid_t sub = fork();
		CHECK(sub >= 0);
		if (sub == 0) {
			CHECK(access("/inside", F_OK) == 0);
			CHECK(chdir("/") == 0 && chdir("..") == 0);
			CHECK(access("inside", F_OK) == 0);
			_exit(0);
		}
		_exit(wait_for(sub) != 0);
	}
	ok_child(pid, "S9: the root directory is inherited");
	return done();
}
