// The *at calls and the working directory.
#include "helpers.h"

int main(void)
{
	plan(30);
	scratch();
	mkdir("d", 0755);
	spill("f", "outer", 0644);
	spill("d/f", "inner", 0644);
	int d = open("d", O_RDONLY | O_DIRECTORY), f = open("f", O_RDONLY);
	char buf[PATH_MAX];
	int fd = openat(d, "f", O_RDONLY);
	ok(fd >= 0 && read(fd, buf, 5) == 5 && !memcmp(buf, "inner", 5), "openat");
	fd = openat(AT_FDCWD, "f", O_RDONLY);
	ok(fd >= 0 && read(fd, buf, 5) == 5 && !memcmp(buf, "outer", 5), "AT_FDCWD");
	snprintf(buf, sizeof buf, "%s/f", scratch_path);
	ok(openat(d, buf, O_RDONLY) >= 0 && openat(999, buf, O_RDONLY) >= 0,
	   "an absolute path needs no directory, not even an open one");
	fails(openat(999, "f", O_RDONLY), EBADF, "a closed descriptor");
	fails(openat(f, "f", O_RDONLY), ENOTDIR, "a file as directory");
	is(mkdirat(d, "sub", 0755), 0, "mkdirat");
	is(access("d/sub", F_OK), 0, "made it there");
	is(symlinkat("f", d, "s"), 0, "symlinkat");
	is(readlinkat(d, "s", buf, sizeof buf), 1, "readlinkat");
	is(linkat(d, "f", AT_FDCWD, "hard", 0), 0, "linkat");
	is(renameat(AT_FDCWD, "hard", d, "soft"), 0, "renameat");
	struct stat st, st2;
	ok(fstatat(d, "soft", &st, 0) == 0 && fstatat(d, "f", &st2, 0) == 0 && st.st_ino == st2.st_ino,
	   "fstatat");
	is(faccessat(d, "soft", R_OK, 0), 0, "faccessat");
	is(fchmodat(d, "soft", 0600, 0), 0, "fchmodat");
	is(fchownat(d, "soft", -1, -1, 0), 0, "fchownat");
	is(unlinkat(d, "soft", 0), 0, "unlinkat");
	fails(unlinkat(d, "sub", 0), EISDIR, "of a directory needs a flag");
	is(unlinkat(d, "sub", AT_REMOVEDIR), 0, "AT_REMOVEDIR");
	fails(unlinkat(d, "f", AT_REMOVEDIR), ENOTDIR, "of a file with that flag");
	fails(unlinkat(d, "f", 0x4000), EINVAL, "unknown flags");

	is(fchdir(d), 0, "fchdir");
	ok(slurp("f", buf, sizeof buf) == 5 && !strcmp(buf, "inner"), "names count from there");
	fails(fchdir(f), ENOTDIR, "fchdir to a file");
	is(chdir(".."), 0, "chdir up");
	fails(chdir("f"), ENOTDIR, "chdir to a file");
	fails(chdir("none"), ENOENT, "to nothing");
	fails(syscall(SYS_getcwd, buf, 3), ERANGE, "getcwd into a small buffer");
	ok(syscall(SYS_getcwd, buf, sizeof buf) == (long)strlen(scratch_path) + 1 &&
		   !strcmp(buf, scratch_path), "getcwd counts its ending");

	mkdir("gone", 0755);
	if (chdir("gone") < 0 || rmdir("../gone") < 0)
		bail("setting up a removed directory");
	fails(syscall(SYS_getcwd, buf, sizeof buf), ENOENT, "getcwd in a removed directory");
	fails(open("x", O_CREAT | O_RDWR, 0644), ENOENT, "nothing can be created there");
	if (chdir(scratch_path) < 0)
		bail("chdir");
	return done();
}
