// The small devices, and /dev/fd.
#include "helpers.h"
#include <sys/ioctl.h>
#include <sys/random.h>

int main(void)
{
	plan(24);
	scratch();
	char buf[5000], other[64];
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR);
	is(write(null, buf, 5000), 5000, "/dev/null takes all");
	is(read(null, buf, 10), 0, "and gives nothing");
	memset(buf, 1, sizeof buf);
	is(read(zero, buf, 5000), 5000, "/dev/zero gives");
	int sum = 0;
	for (size_t i = 0; i < sizeof buf; i++)
		sum |= buf[i];
	is(sum, 0, "zeros");
	is(write(zero, buf, 100), 100, "and takes all");
	int full = open("/dev/full", O_RDWR);
	fails(write(full, "x", 1), ENOSPC, "/dev/full is full");
	ok(read(full, buf, 100) == 100 && buf[99] == 0, "and gives zeros");
	int ur = open("/dev/urandom", O_RDONLY);
	memset(buf, 0, 64);
	memset(other, 0, 64);
	ok(read(ur, buf, 64) == 64 && read(ur, other, 64) == 64, "/dev/urandom");
	ok(memcmp(buf, other, 64) != 0, "does not repeat itself");
	int r = open("/dev/random", O_RDONLY);
	is(read(r, buf, 16), 16, "/dev/random");
	is(getrandom(buf, 64, 0), 64, "getrandom");
	ok(memcmp(buf, other, 64) != 0, "differs as well");
	fails(getrandom(buf, 64, 0x80), EINVAL, "getrandom with unknown flags");
	fails(syscall(SYS_getrandom, 8, 64, 0), EFAULT, "to a bad pointer");
	is(isatty(null), 0, "/dev/null is no terminal");
	fails(ioctl(null, 0x5401 /* TCGETS */, buf), ENOTTY, "ENOTTY");
	struct stat st;
	ok(stat("/dev/zero", &st) == 0 && st.st_rdev == (1 << 8 | 5), "/dev/zero is 1:5");
	ok(stat("/dev/full", &st) == 0 && st.st_rdev == (1 << 8 | 7), "/dev/full is 1:7");
	ok(stat("/dev/tty", &st) == 0 && st.st_rdev == (5 << 8 | 0), "/dev/tty is 5:0");
	is(lseek(null, 100, SEEK_SET), 0, "lseek on /dev/null stays at 0");

	int fd = open("f", O_RDWR | O_CREAT, 0644);
	if (write(fd, "through the door", 16) != 16)
		bail("write");
	char path[32];
	snprintf(path, sizeof path, "/dev/fd/%d", fd);
	int again = open(path, O_RDONLY);
	if (again < 0 && access("/dev/fd", F_OK) < 0) {
		skip(3, "no /dev/fd");
	} else {
		ok(again >= 0, "/dev/fd/N opens");
		ok(read(again, buf, 16) == 16 && !memcmp(buf, "through", 7), "from the start");
		fails(open("/dev/fd/999", O_RDONLY), ENOENT, "a closed number");
	}
	fails(open("/dev/none", O_RDONLY), ENOENT, "a device that is not there");
	return done();
}
