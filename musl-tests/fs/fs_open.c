// open: flags and errors.
#include "helpers.h"

#ifndef O_PATH
#define O_PATH 010000000
#endif

int main(void)
{
	plan(37);
	scratch();
	umask(022);
	fails(open("f", O_RDWR), ENOENT, "a missing file");
	int fd = open("f", O_RDWR | O_CREAT, 0666);
	ok(fd >= 0, "O_CREAT");
	struct stat st;
	fstat(fd, &st);
	is(st.st_mode, S_IFREG | 0644, "mode less umask");
	is(st.st_size, 0, "empty");
	fails(open("f", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST, "O_EXCL on an existing one");
	is(write(fd, "hello", 5), 5, "write");
	ok(open("f", O_RDWR | O_CREAT, 0) >= 0, "O_CREAT on an existing one ignores the mode");
	fstat(fd, &st);
	is(st.st_size, 5, "and leaves what it holds");
	close(open("f", O_WRONLY | O_TRUNC));
	fstat(fd, &st);
	is(st.st_size, 0, "O_TRUNC empties");

	int ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);
	char c;
	fails(write(ro, "x", 1), EBADF, "write to O_RDONLY");
	fails(read(wo, &c, 1), EBADF, "read from O_WRONLY");
	is(fcntl(wo, F_GETFL) & O_ACCMODE, O_WRONLY, "F_GETFL tells the access mode");
	is(fcntl(fd, F_GETFL) & (O_CREAT | O_TRUNC | O_EXCL), 0, "but not creation flags");
	fd = open("mode", O_RDWR | O_CREAT, 0);
	ok(fd >= 0 && write(fd, "x", 1) == 1, "a file created with mode 0 is open all the same");

	mkdir("d", 0755);
	fails(open("d", O_WRONLY), EISDIR, "a directory for writing");
	fails(open("d", O_RDWR), EISDIR, "or both");
	fails(open("d", O_RDONLY | O_CREAT, 0644), EISDIR, "O_CREAT of an existing directory");
	int d = open("d", O_RDONLY | O_DIRECTORY);
	ok(d >= 0, "O_DIRECTORY");
	fails(read(d, &c, 1), EISDIR, "read of a directory");
	fails(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR, "O_DIRECTORY of a file");
	fails(open("f/", O_RDONLY), ENOTDIR, "a file with a trailing slash");
	fails(open("new/", O_RDWR | O_CREAT, 0644), EISDIR, "O_CREAT with a trailing slash");
	fails(open("none/f", O_RDWR | O_CREAT, 0644), ENOENT, "O_CREAT in a missing directory");

	symlink("f", "l");
	symlink("gone", "dangling");
	fails(open("l", O_RDONLY | O_NOFOLLOW), ELOOP, "O_NOFOLLOW of a symlink");
	fails(open("dangling", O_RDONLY), ENOENT, "a dangling symlink");
	fails(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST, "O_EXCL does not follow one");
	ok(open("dangling", O_RDWR | O_CREAT, 0644) >= 0 && access("gone", F_OK) == 0,
	   "O_CREAT creates what it points at");

	fd = open("l", O_PATH | O_NOFOLLOW);
	ok(fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode), "O_PATH|O_NOFOLLOW opens a symlink");
	fd = open("f", O_PATH);
	fails(read(fd, &c, 1), EBADF, "O_PATH cannot read");
	fails(syscall(SYS_fchmod, fd, 0600), EBADF, "nor change");
	is(fcntl(fd, F_GETFL) & O_PATH, O_PATH, "F_GETFL tells");

	fd = open(".", O_RDWR | O_TMPFILE, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		skip(2, "no O_TMPFILE");
	else {
		ok(fd >= 0 && write(fd, "tmp", 3) == 3, "O_TMPFILE");
		ok(fstat(fd, &st) == 0 && st.st_nlink == 0, "has no name");
	}
	fails(open("/dev/null/x", O_RDONLY), ENOTDIR, "a device as directory");
	fails(open("", O_RDONLY), ENOENT, "the empty path");
	fails(open((char *)8, O_RDONLY), EFAULT, "a bad pointer");
	int low = dup(0);
	close(low);
	is(open("f", O_RDONLY), low, "the lowest free number is taken");
	return done();
}
