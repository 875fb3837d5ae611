// What stat tells, and when its times move.
#include "helpers.h"
#include <sys/sysmacros.h>

static struct stat st_of(const char *path)
{
	struct stat st = { 0 };
	lstat(path, &st);
	return st;
}

static int later(struct timespec a, struct timespec b)
{
	return b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec > a.tv_nsec);
}

// Until the clock that stamps files has moved on.
static void tick(void)
{
	nanosleep(&(struct timespec){ 0, 25000000 }, 0);
}

int main(void)
{
	plan(33);
	scratch();
	umask(022);
	spill("f", "hello", 0640);
	struct stat st = st_of("f"), st2;
	is(st.st_mode, S_IFREG | 0640, "type and mode");
	is(st.st_size, 5, "size");
	is(st.st_nlink, 1, "links");
	ok(st.st_uid == geteuid() && st.st_gid == getegid(), "owner and group");
	ok(st.st_ino != 0 && st.st_dev == st_of(".").st_dev, "inode and device");
	ok(st.st_blksize >= 512 && st.st_blocks > 0, "block size and blocks");
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	ok(now.tv_sec - st.st_mtim.tv_sec <= 2 && now.tv_sec >= st.st_mtim.tv_sec, "the time is now");
	ok(st.st_mtim.tv_sec == st.st_ctim.tv_sec, "mtime and ctime of a new file");

	tick();
	int fd = open("f", O_RDWR);
	if (pwrite(fd, "J", 1, 0) != 1)
		bail("pwrite");
	st2 = st_of("f");
	ok(later(st.st_mtim, st2.st_mtim) && later(st.st_ctim, st2.st_ctim), "write moves mtime, ctime");
	tick();
	fchmod(fd, 0600);
	st = st_of("f");
	ok(!later(st2.st_mtim, st.st_mtim) && later(st2.st_ctim, st.st_ctim), "chmod moves ctime only");
	tick();
	link("f", "f2");
	st2 = st_of("f");
	ok(later(st.st_ctim, st2.st_ctim), "link moves ctime");
	tick();
	st = st_of(".");
	unlink("f2");
	st2 = st_of(".");
	ok(later(st.st_mtim, st2.st_mtim) && later(st.st_ctim, st2.st_ctim),
	   "removing a name moves the directory's mtime and ctime");
	tick();
	st = st_of("f");
	if (ftruncate(fd, 2) < 0)
		bail("ftruncate");
	st2 = st_of("f");
	ok(later(st.st_mtim, st2.st_mtim) && st2.st_size == 2, "ftruncate moves mtime");

	symlink("f", "l");
	st = st_of("l");
	ok(S_ISLNK(st.st_mode) && st.st_size == 1 && (st.st_mode & 0777) == 0777, "a symlink");
	ok(stat("l", &st) == 0 && S_ISREG(st.st_mode), "stat follows it");
	mkfifo("p", 0600);
	ok(S_ISFIFO(st_of("p").st_mode), "a fifo");
	ok(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode), "a device");
	ok(major(st.st_rdev) == 1 && minor(st.st_rdev) == 3, "/dev/null is 1:3");
	if (geteuid() == 0) {
		is(mknod("b", S_IFBLK | 0600, makedev(300, 70000)), 0, "mknod");
		st = st_of("b");
		ok(S_ISBLK(st.st_mode) && major(st.st_rdev) == 300 && minor(st.st_rdev) == 70000,
		   "large device numbers");
	} else {
		skip(2, "mknod needs root");
	}
	fails(mknod("b2", S_IFDIR | 0700, 0), EPERM, "mknod of a directory");
	is(mknod("plain", 0600, 0), 0, "mknod with type 0");
	ok(S_ISREG(st_of("plain").st_mode), "is a plain file");

	ok(fstat(fd, &st) == 0 && st.st_ino == st_of("f").st_ino, "fstat");
	ok(fstatat(fd, "", &st2, AT_EMPTY_PATH) == 0 && st2.st_ino == st.st_ino, "AT_EMPTY_PATH");
	fails(fstatat(fd, "", &st, 0), ENOENT, "without it the empty path is none");
	fails(fstatat(AT_FDCWD, "f", &st, 0x8000), EINVAL, "unknown flags");
	fails(fstat(999, &st), EBADF, "a closed descriptor");
	fails(stat("none", &st), ENOENT, "a missing file");
	fails(syscall(SYS_stat, "f", 8), EFAULT, "a bad pointer");

	// statx by hand: basic fields agree with stat.
	struct {
		uint32_t mask, blksize;
		uint64_t attr;
		uint32_t nlink, uid, gid;
		uint16_t mode, pad;
		uint64_t ino, size, blocks, rest[28];
	} sx;
	long r = syscall(SYS_statx, AT_FDCWD, "f", 0, 0x7ff, &sx);
	if (r < 0 && errno == ENOSYS) {
		skip(3, "no statx");
		return done();
	}
	stat("f", &st);
	is(r, 0, "statx");
	ok(sx.mode == st.st_mode && sx.ino == st.st_ino && sx.size == (uint64_t)st.st_size &&
		   sx.nlink == st.st_nlink, "agrees with stat");
	fails(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x80000000u, &sx), EINVAL, "a reserved mask bit");
	return done();
}
