// Running what a descriptor names: fexecve, and /proc/self/fd.
#include "self.h"

int main(int argc, char **argv)
{
	if (argc > 1)
		return argc == 2 && !strcmp(argv[0], "by-fd") ? 0 : 1;
	plan(4);
	self_init(argv[0]);
	scratch();
	copy_self("copy", 0755);
	char *args[] = { "by-fd", "part", 0 }, *env[] = { 0 };
	int fd = open("copy", O_RDONLY | O_CLOEXEC);

	pid_t pid = xfork();
	if (pid == 0) {
		fexecve(fd, args, env);
		_exit(errno);
	}
	ok_child(pid, "fexecve");
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	pid = xfork();
	if (pid == 0) {
		execve(path, args, env);
		_exit(errno);
	}
	ok_child(pid, "execve of /proc/self/fd/N");
	unlink("copy");
	pid = xfork();
	if (pid == 0) {
		fexecve(fd, args, env);
		_exit(errno);
	}
	ok_child(pid, "fexecve of a file without a name");
	pid = xfork();
	if (pid == 0) {
		execve("/proc/self/exe", args, env);
		_exit(errno);
	}
	ok_child(pid, "execve of /proc/self/exe");
	return done();
}
