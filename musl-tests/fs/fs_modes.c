// chmod, chown, umask, utimensat.
#include "helpers.h"
#include <sys/time.h>

static int mode(const char *p)
{
	struct stat st;
	return lstat(p, &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

int main(void)
{
	plan(34);
	scratch();
	struct stat st;
	umask(0);
	spill("f", "x", 0666);
	is(mode("f"), 0666, "umask 0");
	is(umask(077), 0, "umask gives the old one");
	spill("g", "x", 0666);
	is(mode("g"), 0600, "umask 077");
	is(umask(0xffff), 077, "only nine bits");
	is(umask(022), 0777, "of it are kept");
	is(chmod("f", 04751), 0, "chmod");
	is(mode("f"), 04751, "with setuid");
	int fd = open("f", O_RDWR);
	is(fchmod(fd, 0600), 0, "fchmod");
	is(mode("f"), 0600, "took effect");
	symlink("f", "l");
	ok(chmod("l", 0640) == 0 && mode("f") == 0640, "chmod follows symlinks");
	fails(chmod("none", 0600), ENOENT, "a missing file");
	fails(fchmod(999, 0600), EBADF, "a closed descriptor");
	is(chmod("f", 0107777 & 0177777), 0, "type bits are ignored");
	ok(stat("f", &st) == 0 && S_ISREG(st.st_mode), "it stays a file");

	if (geteuid() == 0) {
		chmod("f", 06775);
		is(chown("f", 123, 456), 0, "chown");
		stat("f", &st);
		ok(st.st_uid == 123 && st.st_gid == 456, "took effect");
		is(st.st_mode & 07777, 0775, "setuid and setgid are cleared");
		is(chown("f", -1, 7), 0, "-1 leaves the owner");
		stat("f", &st);
		ok(st.st_uid == 123 && st.st_gid == 7, "only the group changed");
		is(lchown("l", 9, 9), 0, "lchown");
		ok(stat("f", &st) == 0 && st.st_uid == 123, "does not follow");
		// A directory with setgid hands its group down.
		mkdir("sg", 0755);
		is(chown("sg", 0, 777), 0, "a directory of group 777");
		chmod("sg", 02755);
		spill("sg/f", "", 0644);
		mkdir("sg/d", 0755);
		ok(stat("sg/f", &st) == 0 && st.st_gid == 777, "setgid: a file in it has its group");
		ok(stat("sg/d", &st) == 0 && st.st_gid == 777 && (st.st_mode & 02000),
		   "and a directory the bit as well");
		chown("f", 0, 0);
	} else {
		skip(10, "chown needs root");
	}

	struct timespec t[2] = { { 1000000000, 5 }, { 1100000000, 999999999 } };
	is(utimensat(AT_FDCWD, "f", t, 0), 0, "utimensat");
	stat("f", &st);
	ok(st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec == 1100000000, "sets both times");
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	is(utimensat(AT_FDCWD, "f", t, 0), 0, "UTIME_OMIT and UTIME_NOW");
	stat("f", &st);
	ok(st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec > 1200000000, "one kept, one now");
	t[1].tv_nsec = 1000000000;
	fails(utimensat(AT_FDCWD, "f", t, 0), EINVAL, "a billion nanoseconds");
	t[0] = t[1] = (struct timespec){ 5, 0 };
	ok(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW) == 0 && lstat("l", &st) == 0 &&
		   st.st_mtim.tv_sec == 5, "AT_SYMLINK_NOFOLLOW stamps the symlink");
	is(futimens(fd, 0), 0, "futimens with now");
	stat("f", &st);
	ok(st.st_atim.tv_sec > 1200000000, "took effect");
	struct timeval tv[2] = { { 7, 0 }, { 8, 0 } };
	ok(utimes("f", tv) == 0 && stat("f", &st) == 0 && st.st_mtim.tv_sec == 8, "utimes");
	fails(utimensat(AT_FDCWD, "none", 0, 0), ENOENT, "a missing file");
	return done();
}
