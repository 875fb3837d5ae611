// Mounting tmpfs, unmounting, read-only, and chroot.
#include "helpers.h"
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/vfs.h>

int main(void)
{
	plan(30);
	if (geteuid() != 0) {
		skip(30, "mount needs root");
		return done();
	}
	scratch();
	mkdir("m", 0755);
	spill("m/under", "x", 0644);
	struct stat st, outer;
	stat("m", &outer);
	if (mount("none", "m", "tmpfs", 0, "mode=0750") < 0) {
		skip(30, "cannot mount tmpfs: %s", strerror(errno));
		return done();
	}
	ok(1, "mount tmpfs");
	stat("m", &st);
	ok(st.st_dev != outer.st_dev, "another device");
	is(st.st_mode & 07777, 0750, "mode= is honoured");
	fails(access("m/under", F_OK), ENOENT, "what was there is hidden");
	is(spill("m/new", "y", 0644), 0, "a file in it");
	struct stat up;
	stat("m/..", &up);
	stat(".", &st);
	ok(up.st_ino == st.st_ino && up.st_dev == st.st_dev, "its double dot leads out");
	char line[65536], want[128];
	snprintf(want, sizeof want, "%s/m tmpfs ", scratch_path);
	ok(slurp("/proc/mounts", line, sizeof line) > 0 && strstr(line, want), "/proc/mounts lists it");
	struct statfs fs;
	is(statfs("m", &fs), 0, "statfs");
	ok(fs.f_type == 0x01021994 && fs.f_bsize == 4096 && fs.f_namelen == 255, "says tmpfs");

	fails(rmdir("m"), EBUSY, "a mount point cannot be removed");
	fails(rename("m", "n"), EBUSY, "nor renamed");
	fails(rename("m/new", "new"), EXDEV, "nor a file moved out");
	int fd = open("m/new", O_RDONLY);
	fails(umount("m"), EBUSY, "an open file keeps it busy");
	close(fd);
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(chdir("m") == 0);
		CHECK_FAILS(umount(scratch_path), EINVAL); // no mount point
		CHECK_FAILS(umount2("../m", 0), EBUSY);
		_exit(0);
	}
	ok_child(pid, "so does a working directory");

	is(mount(0, "m", 0, MS_REMOUNT | MS_RDONLY, 0), 0, "remount read-only");
	fails(open("m/x", O_CREAT | O_RDWR, 0644), EROFS, "no new files");
	fails(open("m/new", O_RDWR), EROFS, "no writing");
	fails(unlink("m/new"), EROFS, "no removing");
	fails(chmod("m/new", 0600), EROFS, "no changing");
	fails(access("m/new", W_OK), EROFS, "access() says so, for root too");
	ok(open("m/new", O_RDONLY) >= 0, "but reading");
	close(3);
	for (int i = 3; i < 10; i++)
		close(i);
	is(umount("m"), 0, "umount");
	is(access("m/under", F_OK), 0, "what was hidden is back");
	fails(umount("m"), EINVAL, "umount of no mount point");
	fails(mount("none", "none", "tmpfs", 0, 0), ENOENT, "mount on a missing directory");
	fails(mount("none", "m/under", "tmpfs", 0, 0), ENOTDIR, "on a file");
	fails(mount("none", "m", "nosuchfs", 0, 0), ENODEV, "of an unknown type");

	is(mount("none", "m", "tmpfs", 0, "size=64k"), 0, "size=64k");
	fd = open("m/big", O_CREAT | O_RDWR, 0644);
	static char block[100000];
	ssize_t n = write(fd, block, sizeof block);
	ok(n == 65536 || (n < 65536 && n > 0), "a write is cut at the file system's size (%zd)", n);
	close(fd);
	umount("m");

	pid = xfork();
	if (pid == 0) {
		mkdir("jail", 0755);
		mkdir("jail/d", 0755);
		spill("jail/inside", "x", 0644);
		symlink("/inside", "jail/link");
		int out = open(".", O_RDONLY);
		char cwd[PATH_MAX];
		CHECK(chroot("jail") == 0);
		CHECK(access("/inside", F_OK) == 0 && access("/../inside", F_OK) == 0);
		CHECK(access("/link", F_OK) == 0); // absolute symlinks count from the new root
		// The working directory is outside still, and getcwd says so.
		CHECK(access("jail", F_OK) == 0);
		CHECK(syscall(SYS_getcwd, cwd, sizeof cwd) > 0 && !strncmp(cwd, "(unreachable)", 13));
		CHECK(chdir("/d") == 0 && getcwd(cwd, sizeof cwd) && !strcmp(cwd, "/d"));
		CHECK(chdir("../../..") == 0 && getcwd(cwd, sizeof cwd) && !strcmp(cwd, "/"));
		CHECK(fchdir(out) == 0 && access("jail", F_OK) == 0); // a way out, as documented
		_exit(0);
	}
	ok_child(pid, "chroot");
	return done();
}
