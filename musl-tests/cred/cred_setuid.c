// The set*id family: real, effective and saved ids, and what it takes.
#include "helpers.h"
#include <sys/fsuid.h>

static int ids_are(uid_t r, uid_t e, uid_t s)
{
	uid_t a, b, c;
	return getresuid(&a, &b, &c) == 0 && a == r && b == e && c == s;
}

static int gids_are(gid_t r, gid_t e, gid_t s)
{
	gid_t a, b, c;
	return getresgid(&a, &b, &c) == 0 && a == r && b == e && c == s;
}

// libc's wrappers act on every thread; these are the plain system calls.
#define SETUID(u) syscall(SYS_setuid, u)
#define SETREUID(r, e) syscall(SYS_setreuid, r, e)
#define SETRESUID(r, e, s) syscall(SYS_setresuid, r, e, s)

int main(void)
{
	plan(13);
	pid_t pid;
	if (geteuid() != 0) {
		skip(13, "needs root");
		return done();
	}
#define PART(what, ...)               \
	if ((pid = xfork()) == 0) {   \
		__VA_ARGS__;          \
		_exit(0);             \
	}                             \
	ok_child(pid, what)

	PART("setuid by root sets all three for good", CHECK(SETUID(1000) == 0);
	     CHECK(ids_are(1000, 1000, 1000)); CHECK_FAILS(SETUID(0), EPERM);
	     CHECK_FAILS(SETREUID(0, 0), EPERM); CHECK_FAILS(SETRESUID(-1, -1, 0), EPERM));
	PART("setresuid, and back to the saved id", CHECK(SETRESUID(1000, 1001, 1002) == 0);
	     CHECK(ids_are(1000, 1001, 1002)); CHECK(SETUID(1002) == 0);
	     CHECK(ids_are(1000, 1002, 1002)); CHECK(SETUID(1000) == 0);
	     CHECK(ids_are(1000, 1000, 1002)); CHECK_FAILS(SETUID(1001), EPERM));
	PART("seteuid drops and regains root", CHECK(SETRESUID(-1, 1000, -1) == 0);
	     CHECK(ids_are(0, 1000, 0)); CHECK_FAILS(sethostname("x", 1), EPERM);
	     CHECK(SETRESUID(-1, 0, -1) == 0); CHECK(ids_are(0, 0, 0)));
	PART("setresuid: an ordinary user may shuffle his own three",
	     CHECK(SETRESUID(1, 2, 3) == 0); CHECK(SETRESUID(2, 3, 1) == 0); CHECK(ids_are(2, 3, 1));
	     CHECK_FAILS(SETRESUID(4, -1, -1), EPERM); CHECK(ids_are(2, 3, 1)));
	PART("setreuid moves the saved id along", CHECK(SETREUID(1000, 1001) == 0);
	     CHECK(ids_are(1000, 1001, 1001)); CHECK(SETREUID(-1, 1000) == 0);
	     CHECK(ids_are(1000, 1000, 1001)));
	PART("setreuid: what an ordinary user may not", CHECK(SETRESUID(1, 2, 3) == 0);
	     CHECK_FAILS(SETREUID(3, -1), EPERM); CHECK(SETREUID(2, 3) == 0);
	     CHECK(ids_are(2, 3, 3)));
	PART("the same for groups", CHECK(syscall(SYS_setresgid, 5, 6, 7) == 0);
	     CHECK(gids_are(5, 6, 7)); CHECK(SETUID(1000) == 0);
	     CHECK(syscall(SYS_setgid, 7) == 0); CHECK(gids_are(5, 7, 7));
	     CHECK_FAILS(syscall(SYS_setgid, 6), EPERM);
	     CHECK_FAILS(syscall(SYS_setregid, 6, -1), EPERM);
	     CHECK_FAILS(syscall(SYS_setresgid, -1, -1, 6), EPERM));
	PART("-1 changes nothing", CHECK(SETRESUID(-1, -1, -1) == 0); CHECK(ids_are(0, 0, 0));
	     CHECK(SETREUID(-1, -1) == 0); CHECK_FAILS(SETUID(-1), EINVAL));
	PART("setfsuid tells the old one and never fails", CHECK(setfsuid(1000) == 0);
	     CHECK(setfsuid(-1) == 1000); CHECK(SETRESUID(-1, 1001, -1) == 0);
	     CHECK(setfsuid(-1) == 1001));
	PART("setgroups: root only, 65536 at most", gid_t g[3] = { 9 }; g[1] = 8; g[2] = 7;
	     CHECK(setgroups(3, g) == 0); gid_t got[8] = { 0 }; CHECK(getgroups(0, got) == 3);
	     CHECK(getgroups(8, got) == 3 && got[0] + got[1] + got[2] == 24);
	     CHECK_FAILS(getgroups(2, got), EINVAL); CHECK_FAILS(getgroups(-1, got), EINVAL);
	     CHECK_FAILS(syscall(SYS_setgroups, 65537, g), EINVAL);
	     CHECK_FAILS(syscall(SYS_setgroups, 3, 8), EFAULT); CHECK(SETUID(1000) == 0);
	     CHECK_FAILS(setgroups(1, g), EPERM));
	PART("bad pointers", uid_t a; CHECK_FAILS(syscall(SYS_getresuid, 8, &a, &a), EFAULT);
	     CHECK_FAILS(syscall(SYS_getresgid, &a, &a, 8), EFAULT);
	     CHECK(setgroups(1, (gid_t[]){ 5 }) == 0);
	     CHECK_FAILS(syscall(SYS_getgroups, 10, 8), EFAULT));
	PART("a process that gave up root keeps its open files",
	     int fd = open("/dev/null", O_RDWR); CHECK(SETUID(1000) == 0); CHECK(write(fd, "x", 1) == 1));
	ok(ids_are(0, 0, 0), "S3: none of this is seen in the parent");
	return done();
}
