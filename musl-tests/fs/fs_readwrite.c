// read, write and their positioned and vectored forms; offsets and appending.
#include "helpers.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

static char *content(int fd)
{
	static char text[256];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = 0;
	return text;
}

int main(void)
{
	plan(53);
	scratch();
	char buf[64] = "";
	int fd = open("f", O_RDWR | O_CREAT, 0644);
	is(write(fd, "0123456789", 10), 10, "write");
	is(lseek(fd, 0, SEEK_CUR), 10, "moves the offset");
	is(read(fd, buf, 10), 0, "the end of the file");
	is(lseek(fd, -4, SEEK_END), 6, "SEEK_END");
	is(read(fd, buf, 10), 4, "a read stops at the end");
	is(lseek(fd, -1, SEEK_CUR), 9, "SEEK_CUR");
	fails(lseek(fd, -1, SEEK_SET), EINVAL, "a negative offset");
	fails(lseek(fd, -20, SEEK_CUR), EINVAL, "reached by SEEK_CUR");
	fails(lseek(fd, 0, 99), EINVAL, "an unknown whence");
	is(lseek(fd, 100, SEEK_SET), 100, "an offset behind the end is fine");
	is(read(fd, buf, 10), 0, "but nothing is there");
	is(lseek(fd, 0, SEEK_HOLE), 10, "SEEK_HOLE: the end is a hole");
	fails(lseek(fd, 20, SEEK_DATA), ENXIO, "SEEK_DATA behind the end");
	fails(lseek(999, 0, SEEK_SET), EBADF, "a closed descriptor");
	int fds[2];
	xpipe(fds);
	fails(lseek(fds[0], 0, SEEK_SET), ESPIPE, "a pipe");

	lseek(fd, 3, SEEK_SET);
	is(pread(fd, buf, 4, 5), 4, "pread");
	ok(!memcmp(buf, "5678", 4) && lseek(fd, 0, SEEK_CUR) == 3, "leaves the offset");
	is(pwrite(fd, "AB", 2, 8), 2, "pwrite");
	ok(!strcmp(content(fd), "01234567AB") && lseek(fd, 0, SEEK_CUR) == 3, "leaves it too");
	fails(pread(fd, buf, 1, -1), EINVAL, "pread from a negative place");
	is(read(fd, buf, 0), 0, "reading nothing");
	fails(read(fd, (void *)8, 4), EFAULT, "into a bad buffer");
	fails(write(fd, (void *)8, 4), EFAULT, "from one");
	is(lseek(fd, 0, SEEK_CUR), 3, "neither moved the offset");

	struct iovec v[3] = { { "ab", 2 }, { 0, 0 }, { "cde", 3 } };
	lseek(fd, 0, SEEK_SET);
	is(writev(fd, v, 3), 5, "writev");
	is_str(content(fd), "abcde567AB", "gathers");
	char x[4] = "", y[8] = "";
	struct iovec r[2] = { { x, 3 }, { y, 7 } };
	lseek(fd, 0, SEEK_SET);
	is(readv(fd, r, 2), 10, "readv");
	ok(!memcmp(x, "abc", 3) && !memcmp(y, "de567AB", 7), "scatters");
	is(preadv(fd, r, 2, 5), 5, "preadv");
	ok(!memcmp(x, "567", 3) && !memcmp(y, "AB", 2), "from its place");
	is(pwritev(fd, v, 3, 2), 5, "pwritev");
	is_str(content(fd), "ababcde7AB", "to its place");
	fails(writev(fd, v, -1), EINVAL, "a negative count");
	fails(syscall(SYS_writev, fd, v, 1025), EINVAL, "more than 1024 pieces");
	is(writev(fd, v, 0), 0, "none at all");
	struct iovec neg = { buf, (size_t)-1 };
	fails(readv(fd, &neg, 1), EINVAL, "a negative length");
	struct iovec bad[2] = { { "ok", 2 }, { (void *)8, 2 } };
	lseek(fd, 0, SEEK_SET);
	is(writev(fd, bad, 2), 2, "a bad second piece: the first is written");
	fails(syscall(SYS_readv, fd, 8, 2), EFAULT, "a bad array");

	// O_APPEND: every write goes to the end, pwrite included.
	int ap = open("ap", O_RDWR | O_CREAT | O_APPEND, 0644), other = open("ap", O_WRONLY | O_APPEND);
	is(write(ap, "one", 3) + write(other, "two", 3), 6, "O_APPEND by two descriptors");
	lseek(ap, 0, SEEK_SET);
	is(write(ap, "three", 5), 5, "an offset elsewhere");
	is_str(content(ap), "onetwothree", "always at the end");
	is(lseek(ap, 0, SEEK_CUR), 11, "where the offset then is");
	is(pwrite(ap, "!", 1, 0), 1, "pwrite with O_APPEND");
	is_str(content(ap), "onetwothree!", "appends as well, on Linux");
	fcntl(other, F_SETFL, 0);
	lseek(other, 0, SEEK_SET);
	ok(write(other, "ONE", 3) == 3 && !strcmp(content(ap), "ONEtwothree!"),
	   "F_SETFL takes the flag away");

	// Many processes append: nothing is overwritten.
	int lines = 0;
	int many = open("many", O_RDWR | O_CREAT | O_APPEND, 0644);
	for (int i = 0; i < 8; i++)
		if (xfork() == 0) {
			for (int k = 0; k < 25; k++)
				CHECK(write(many, "a line of sixteen", 16) == 16);
			_exit(0);
		}
	int status, bad_children = 0;
	while (wait(&status) > 0)
		bad_children += status != 0;
	struct stat st;
	fstat(many, &st);
	lines = st.st_size / 16;
	ok(lines == 200 && !bad_children, "8 processes append 25 records each");

	lseek(fd, 0, SEEK_SET);
	int out = open("out", O_RDWR | O_CREAT, 0644);
	off_t off = 2;
	is(sendfile(out, fd, &off, 5), 5, "sendfile from an offset");
	ok(off == 7 && lseek(fd, 0, SEEK_CUR) == 0, "moves that, not the file's");
	is(sendfile(out, fd, 0, 100), 10, "sendfile to the end");
	is(lseek(fd, 0, SEEK_CUR), 10, "moves the file's offset");
	is(sendfile(fds[1], fd, &(off_t){ 0 }, 4), 4, "sendfile to a pipe");
	is(read(fds[0], buf, 64), 4, "arrives");
	fails(sendfile(out, fds[0], 0, 4), EINVAL, "sendfile from a pipe");
	return done();
}
