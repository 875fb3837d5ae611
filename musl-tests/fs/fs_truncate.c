// Sizes: growing, cutting, holes, limits.
#include "helpers.h"

static volatile sig_atomic_t xfsz;

static void on_xfsz(int sig)
{
	(void)sig;
	xfsz++;
}

static char buf[3 * PAGE];

static int all(const char *p, size_t n, char c)
{
	while (n--)
		if (*p++ != c)
			return 0;
	return 1;
}

int main(void)
{
	plan(28);
	scratch();
	struct stat st;
	int fd = open("f", O_RDWR | O_CREAT, 0644);
	memset(buf, 'x', sizeof buf);
	if (write(fd, buf, 5000) != 5000)
		bail("write");
	is(ftruncate(fd, 10000), 0, "grow");
	ok(fstat(fd, &st) == 0 && st.st_size == 10000, "the size follows");
	ok(pread(fd, buf, 10000, 0) == 10000 && all(buf, 5000, 'x') && all(buf + 5000, 5000, 0),
	   "what is new is zero");
	is(lseek(fd, 0, SEEK_CUR), 5000, "the offset stays");
	is(ftruncate(fd, 100), 0, "cut");
	is(ftruncate(fd, 10000), 0, "grow again");
	ok(pread(fd, buf, 10000, 0) == 10000 && all(buf, 100, 'x') && all(buf + 100, 9900, 0),
	   "what was cut is zero");
	is(truncate("f", 0), 0, "by name");
	is(write(fd, "end", 3), 3, "a write behind the end");
	ok(fstat(fd, &st) == 0 && st.st_size == 5003, "at the old offset leaves a hole");
	ok(pread(fd, buf, 6000, 0) == 5003 && all(buf, 5000, 0) && !memcmp(buf + 5000, "end", 3),
	   "of zeros");

	int sparse = open("s", O_RDWR | O_CREAT, 0644);
	is(pwrite(sparse, "x", 1, 1L << 32), 1, "a byte at 4 GiB");
	fstat(sparse, &st);
	is(st.st_size, (1L << 32) + 1, "the size says so");
	ok(st.st_blocks < 1000, "the space does not (%ld blocks)", (long)st.st_blocks);
	ok(lseek(sparse, 0, SEEK_DATA) >= (1L << 32) - 65536, "SEEK_DATA finds data behind the hole");

	fails(ftruncate(fd, -1), EINVAL, "a negative size");
	fails(truncate("f", -1), EINVAL, "by name, too");
	fails(truncate("none", 0), ENOENT, "a missing file");
	fails(truncate(".", 0), EISDIR, "a directory");
	fails(truncate("f/x", 0), ENOTDIR, "a file as directory");
	int ro = open("f", O_RDONLY);
	fails(ftruncate(ro, 0), EINVAL, "a read-only descriptor");
	fails(ftruncate(999, 0), EBADF, "a closed one");
	int r = fallocate(fd, 0, 0, 20000);
	ok(r == 0 ? fstat(fd, &st) == 0 && st.st_size == 20000 : errno == EOPNOTSUPP,
	   "fallocate makes room, or says it cannot");

	pid_t pid = xfork();
	if (pid == 0) {
		struct rlimit r = { 8192, 8192 };
		int g = open("g", O_RDWR | O_CREAT, 0644);
		signal(SIGXFSZ, on_xfsz);
		CHECK(setrlimit(RLIMIT_FSIZE, &r) == 0);
		CHECK(write(g, buf, sizeof buf) == 8192); // up to the limit
		CHECK(xfsz == 0);
		CHECK_FAILS(write(g, buf, 1), EFBIG);
		CHECK(xfsz == 1);
		CHECK_FAILS(ftruncate(g, 8193), EFBIG);
		CHECK(xfsz == 2);
		CHECK(ftruncate(g, 8192) == 0 && ftruncate(g, 10) == 0);
		_exit(0);
	}
	ok_child(pid, "RLIMIT_FSIZE: cut short, then EFBIG and SIGXFSZ");
	pid = xfork();
	if (pid == 0) {
		struct rlimit r = { 100, 100 };
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		int g = open("h", O_RDWR | O_CREAT, 0644);
		setrlimit(RLIMIT_FSIZE, &r);
		if (write(g, buf, 100) == 100 && write(g, buf, 1) < 0)
			_exit(1);
		_exit(0);
	}
	ok_killed(pid, SIGXFSZ, "which kills by default");

	// Megabytes, in odd pieces, and a checksum of them.
	int big = open("big", O_RDWR | O_CREAT, 0644);
	uint32_t sum = 0, back = 0;
	size_t total = 0;
	for (int i = 0; total < 4 * MIB; i++) {
		size_t n = 1 + (i * 7919) % 12000;
		for (size_t k = 0; k < n; k++) {
			buf[k] = i + k * 3;
			sum = sum * 31 + (unsigned char)buf[k];
		}
		if (write(big, buf, n) != (ssize_t)n)
			bail("write");
		total += n;
	}
	lseek(big, 0, SEEK_SET);
	ssize_t n;
	size_t got = 0;
	while ((n = read(big, buf, 7001)) > 0) {
		for (ssize_t k = 0; k < n; k++)
			back = back * 31 + (unsigned char)buf[k];
		got += n;
	}
	is(got, total, "%zu bytes written and read", total);
	is(back, sum, "with the same sum");
	ok(fstat(big, &st) == 0 && st.st_blocks >= (long)(total / 512 / 2), "and blocks to show for it");
	return done();
}
