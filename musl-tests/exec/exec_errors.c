// What execve refuses, and that the caller lives on unharmed.
#include "self.h"
#include <sys/mount.h>

static int try(const char *path)
{
	return execve(path, (char *[]){ "x", 0 }, (char *[]){ 0 });
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0;
	plan(22);
	self_init(argv[0]);
	scratch();
	fails(try("nothing"), ENOENT, "a path that is not there");
	fails(try(""), ENOENT, "the empty path");
	fails(try("/"), EACCES, "a directory");
	spill("file", "x", 0755);
	fails(try("file/x"), ENOTDIR, "a file as directory");
	fails(try((char *)8), EFAULT, "a bad path pointer");
	char name[PATH_MAX + 10];
	memset(name, 'n', sizeof name);
	name[256] = 0;
	fails(try(name), ENAMETOOLONG, "a name of 256 bytes");
	name[256] = 'n';
	name[sizeof name - 1] = 0;
	fails(try(name), ENAMETOOLONG, "a path longer than PATH_MAX");
	symlink("loop", "loop");
	fails(try("loop"), ELOOP, "a symlink to itself");
	spill("noexec", "\177ELF", 0644);
	fails(try("noexec"), EACCES, "no execute bit, even for root");
	spill("empty", "", 0755);
	fails(try("empty"), ENOEXEC, "an empty file");
	spill("garbage", "garbage garbage garbage", 0755);
	fails(try("garbage"), ENOEXEC, "garbage");
	spill("short", "\177ELF\2\1\1", 0755);
	fails(try("short"), ENOEXEC, "an ELF header cut short");
	mkfifo("fifo", 0755);
	fails(try("fifo"), EACCES, "a fifo");
	fails(try("/dev/null"), EACCES, "a device");

	copy_self("copy", 0755);
	int fd = open("copy", O_WRONLY);
	fails(try("./copy"), ETXTBSY, "a file that is open for writing");
	close(fd);
	pid_t pid = xfork();
	if (pid == 0) {
		execl("./copy", "copy", "part", (char *)0);
		_exit(9);
	}
	ok_child(pid, "once it is closed, it runs");

	// A program that runs cannot be written. Our own file is one.
	int busy = geteuid() ? EACCES : ETXTBSY; // who may not write it, hears that first
	fails(open(self, O_WRONLY), busy, "opening a running program for writing");
	fails(truncate(self, 0), busy, "truncating it");
	fd = open("copy", O_WRONLY);
	ok(fd >= 0, "when it has ended, it can be opened");
	close(fd);

	fails(syscall(SYS_execve, "./copy", 8, 0), EFAULT, "a bad argv pointer");
	char *bad[] = { (char *)8, 0 };
	fails(execve("./file", bad, 0), EFAULT, "a bad pointer in argv");

	if (geteuid() != 0) {
		skip(1, "mount needs root");
		return done();
	}
	mkdir("m", 0755);
	if (mount("none", "m", "tmpfs", MS_NOEXEC, "") < 0) {
		skip(1, "no tmpfs to mount: %s", strerror(errno));
	} else {
		copy_self("m/copy", 0755);
		fails(try("m/copy"), EACCES, "a file system mounted noexec");
		umount("m");
	}
	return done();
}
