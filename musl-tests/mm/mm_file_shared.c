// Shared file mappings and read/write are two views of one thing.
#include "helpers.h"

int main(void)
{
	plan(21);
	scratch();
	int fd = open("f", O_RDWR | O_CREAT, 0644);
	if (ftruncate(fd, 3 * PAGE + 100) < 0)
		bail("ftruncate");
	char *m = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *n = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
	char buf[PAGE];
	memcpy(m + PAGE, "by memory", 10);
	is(pread(fd, buf, 10, PAGE), 10, "a store");
	is_str(buf, "by memory", "is read from the file at once");
	is_str(n, "by memory", "and seen in another mapping");
	is(pwrite(fd, "by write", 9, PAGE), 9, "a write");
	is_str(m + PAGE, "by write", "is seen in memory at once");
	struct stat st;
	fstat(fd, &st);
	is(st.st_size, 3 * PAGE + 100, "stores do not change the file's size");

	// The last page: zero behind the end, and what is stored there is not kept.
	is(m[3 * PAGE + 100], 0, "behind the end a page is zero");
	m[3 * PAGE + 99] = 'e';
	m[3 * PAGE + 100] = 'x';
	fstat(fd, &st);
	is(st.st_size, 3 * PAGE + 100, "a store there does not make the file longer");
	is(pread(fd, buf, 10, 3 * PAGE + 99), 1, "a read still ends at the end");
	if (ftruncate(fd, 3 * PAGE + 50) < 0 || ftruncate(fd, 4 * PAGE) < 0)
		bail("ftruncate");
	is(m[3 * PAGE + 99], 0, "cutting and growing the file zeroes what was cut");

	// Two descriptors, two processes.
	int other = open("f", O_RDONLY);
	pid_t pid = xfork();
	if (pid == 0) {
		char *mine = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, open("f", O_RDWR), 0);
		strcpy(mine, "from another process");
		_exit(0);
	}
	wait_for(pid);
	is_str(m, "from another process", "a store in another process' own mapping");
	is(pread(other, buf, 21, 0), 21, "read through another descriptor");
	is_str(buf, "from another process", "is the same");

	is(msync(m, 4 * PAGE, MS_SYNC), 0, "msync MS_SYNC");
	is(msync(m, 4 * PAGE, MS_ASYNC), 0, "msync MS_ASYNC");
	fails(msync(m, PAGE, MS_SYNC | MS_ASYNC), EINVAL, "not both");
	fails(msync(m, PAGE, 0x40), EINVAL, "unknown flags");
	fails(msync(m + 1, PAGE, MS_SYNC), EINVAL, "an odd address");
	char *hole = private(PAGE);
	munmap(hole, PAGE);
	fails(msync(hole, PAGE, MS_SYNC), ENOMEM, "nothing mapped");

	// The name may go; the mapping holds the file.
	unlink("f");
	close(fd);
	close(other);
	is_str(m, "from another process", "an unlinked, closed file lives in its mapping");

	// read(2) from a file into a mapping of the same page of the same file.
	fd = open("g", O_RDWR | O_CREAT, 0644);
	memset(buf, 'g', PAGE);
	if (write(fd, buf, PAGE) != PAGE)
		bail("write");
	m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	lseek(fd, 0, SEEK_SET);
	ok(read(fd, m + 10, 100) == 100 && m[50] == 'g', "reading a page into itself");
	return done();
}
