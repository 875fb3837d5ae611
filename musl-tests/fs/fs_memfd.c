// memfd_create and its seals.
#include "helpers.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(void)
{
	plan(28);
	char name[300], link[400] = "";
	memset(name, 'n', sizeof name);
	name[250] = 0;
	fails(memfd_create(name, 0), EINVAL, "a name of 250 bytes");
	name[249] = 0;
	int fd = memfd_create(name, 0);
	ok(fd >= 0, "249 are fine");
	close(fd);
	fails(memfd_create("x", 0x1000), EINVAL, "unknown flags");
	fd = memfd_create("plain", MFD_CLOEXEC);
	is(fcntl(fd, F_GETFD), FD_CLOEXEC, "MFD_CLOEXEC");
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	ok(readlink(name, link, sizeof link - 1) > 0 && !strcmp(link, "/memfd:plain (deleted)"),
	   "its name is %s", link);
	struct stat st;
	ok(fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0, "a file without a name");
	is(st.st_mode & 07777, 0777, "of mode 0777");
	is(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL, "sealed against seals");
	fails(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM, "so there are none");
	close(fd);

	fd = memfd_create("sealed", MFD_ALLOW_SEALING);
	is(fcntl(fd, F_GET_SEALS), 0, "no seals yet");
	is(ftruncate(fd, 8192), 0, "two pages");
	fails(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL, "unknown seals");
	is(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0, "F_SEAL_SHRINK");
	fails(ftruncate(fd, 4096), EPERM, "no shrinking");
	is(ftruncate(fd, 12288), 0, "but growing");
	is(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0, "F_SEAL_GROW");
	fails(ftruncate(fd, 16384), EPERM, "no growing");
	fails(pwrite(fd, "x", 1, 12288), EPERM, "not by writing either");
	is(pwrite(fd, "x", 1, 0), 1, "writing inside");
	char *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ok(shared != MAP_FAILED && shared[0] == 'x', "a shared mapping");
	fails(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY, "no F_SEAL_WRITE while it is there");
	munmap(shared, 4096);
	is(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0, "F_SEAL_WRITE");
	fails(pwrite(fd, "x", 1, 0), EPERM, "no writing");
	ok(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM,
	   "no shared writable mapping");
	char *private = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ok(private != MAP_FAILED && (private[0] = 'y') == 'y', "a private one is fine");
	fails(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EPERM, "no holes");
	is(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0, "F_SEAL_SEAL");
	fails(fcntl(0, F_GET_SEALS), EINVAL, "other files have no seals");
	return done();
}
