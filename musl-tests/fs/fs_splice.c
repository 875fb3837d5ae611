// Bytes that never see user space: sendfile, splice, tee, vmsplice, copy_file_range.
#include "helpers.h"
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static char text[100000], back[100000];

static int file_with(const char *name, int len)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, len) != len)
		bail("cannot make %s", name);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

int main(void)
{
	plan(33);
	scratch();
	for (unsigned i = 0; i < sizeof text; i++)
		text[i] = i * 7 + i / 256;
	int in = file_with("in", sizeof text), out = file_with("out", 0);
	is(sendfile(out, in, 0, sizeof text + 5), sizeof text, "sendfile to the end");
	is(lseek(in, 0, SEEK_CUR), sizeof text, "moves the input's offset");
	is(lseek(out, 0, SEEK_CUR), sizeof text, "and the output's");
	ok(pread(out, back, sizeof back, 0) == sizeof back && !memcmp(text, back, sizeof text),
	   "the bytes are right");
	off_t at = 10;
	is(sendfile(out, in, &at, 20), 20, "from a given offset");
	is(at, 30, "which moves");
	is(lseek(in, 0, SEEK_CUR), sizeof text, "and not the file's");
	fails(sendfile(out, -1, 0, 1), EBADF, "a closed input");
	int p[2], q[2];
	if (pipe(p) || pipe(q))
		bail("pipe");
	fails(sendfile(out, p[0], &at, 1), ESPIPE, "a pipe has no offset");
	int append = open("out", O_WRONLY | O_APPEND);
	fails(sendfile(append, in, &at, 1), EINVAL, "no appending");

	loff_t from = 5;
	is(splice(in, &from, p[1], 0, 5000, 0), 5000, "splice file to pipe");
	is(from, 5005, "the offset moves");
	is(tee(p[0], q[1], 3000, 0), 3000, "tee");
	ok(read(q[0], back, sizeof back) == 3000 && !memcmp(text + 5, back, 3000), "a copy");
	is(splice(p[0], 0, q[1], 0, 1000, 0), 1000, "splice pipe to pipe");
	ok(read(q[0], back, sizeof back) == 1000 && !memcmp(text + 5, back, 1000), "moved");
	loff_t to = 100;
	is(splice(p[0], 0, out, &to, 4000, 0), 4000, "splice pipe to file");
	ok(pread(out, back, 4000, 100) == 4000 && !memcmp(text + 1005, back, 4000), "the rest");
	fails(splice(p[0], 0, out, &to, 10, SPLICE_F_NONBLOCK), EAGAIN, "an empty pipe");
	fails(splice(in, 0, out, 0, 10, 0), EINVAL, "no pipe");
	fails(splice(p[0], &from, out, 0, 10, 0), ESPIPE, "an offset for a pipe");
	fails(splice(p[0], 0, p[1], 0, 10, 0), EINVAL, "a pipe into itself");
	fails(splice(p[0], 0, out, 0, 10, 64), EINVAL, "unknown flags");
	is(splice(p[0], 0, out, 0, 0, 0), 0, "nothing is no work");
	struct iovec parts[2] = { { text, 10 }, { text + 50, 20 } };
	is(vmsplice(p[1], parts, 2, 0), 30, "vmsplice");
	ok(read(p[0], back, sizeof back) == 30 && !memcmp(back + 10, text + 50, 20), "in order");
	close(p[1]);
	is(splice(p[0], 0, out, 0, 10, 0), 0, "the end of a pipe");

	int copy = file_with("copy", 0);
	from = 1000, to = 0;
	is(copy_file_range(in, &from, copy, &to, 200000, 0), sizeof text - 1000, "copy_file_range");
	ok(pread(copy, back, sizeof back, 0) == sizeof text - 1000 &&
	   !memcmp(back, text + 1000, sizeof text - 1000), "the tail");
	from = 0, to = 50;
	fails(copy_file_range(in, &from, in, &to, 100, 0), EINVAL, "onto itself");
	fails(copy_file_range(in, &from, append, &to, 1, 0), EBADF, "no appending");
	fails(copy_file_range(in, &from, copy, &to, 1, 1), EINVAL, "unknown flags");
	fails(copy_file_range(in, &from, q[1], 0, 1, 0), EINVAL, "no pipes");
	return done();
}
