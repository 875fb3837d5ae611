// The set-user-id and set-group-id bits, and AT_SECURE.
#include "self.h"
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#define OWNER 3101
#define GROUP 3102
#define USER 3103

// argv[1] holds the expected euid, egid, AT_SECURE and saved uid.
static int part(const char *expect)
{
	char got[64];
	uid_t r, e, s;
	getresuid(&r, &e, &s);
	snprintf(got, sizeof got, "%d,%d,%lu,%d", geteuid(), getegid(), getauxval(AT_SECURE), s);
	if (!strcmp(got, expect))
		return 0;
	note("  got %s, expected %s", got, expect);
	return 1;
}

static int run(const char *path, const char *expect, int no_new_privs)
{
	pid_t pid = xfork();
	if (pid == 0) {
		if (no_new_privs)
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		CHECK(become(USER) == 0);
		execl(path, path, expect, (char *)0);
		_exit(100 + errno % 100);
	}
	int status = wait_for(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return part(argv[1]);
	plan(9);
	if (geteuid() != 0) {
		skip(9, "needs root");
		return done();
	}
	self_init(argv[0]);
	scratch();
	// A tmpfs of our own: the machine's /tmp may be mounted nosuid.
	if (mount("none", scratch_path, "tmpfs", 0, "mode=0755") < 0 || chdir(scratch_path) < 0) {
		skip(9, "cannot mount tmpfs: %s", strerror(errno));
		return done();
	}
	copy_self("plain", 0755);
	copy_self("uid", 0755);
	copy_self("gid", 0755);
	copy_self("both", 0755);
	copy_self("noexec-gid", 0755);
	copy_self("root", 0755);
	if (chown("uid", OWNER, 0) || chown("gid", 0, GROUP) || chown("both", OWNER, GROUP) ||
	    chown("noexec-gid", 0, GROUP))
		bail("chown");
	chmod("uid", 04755);
	chmod("gid", 02755);
	chmod("both", 06755);
	chmod("noexec-gid", 02745);
	chmod("root", 04755);
	is(run("./plain", "3103,3103,0,3103", 0), 0, "no bits: nothing changes");
	is(run("./uid", "3101,3103,1,3101", 0), 0, "setuid: effective and saved id, AT_SECURE");
	is(run("./gid", "3103,3102,1,3103", 0), 0, "setgid");
	is(run("./both", "3101,3102,1,3101", 0), 0, "both");
	is(run("./noexec-gid", "3103,3103,0,3103", 0), 0, "setgid without group execute means nothing");
	is(run("./root", "0,3103,1,0", 0), 0, "setuid root");
	is(run("./both", "3103,3103,0,3103", 1), 0, "no_new_privs: the bits do not count");
	is(mount(0, scratch_path, 0, MS_REMOUNT | MS_NOSUID, 0), 0, "remount nosuid");
	is(run("./both", "3103,3103,0,3103", 0), 0, "nosuid: they do not count");
	if (chdir("/") == 0)
		umount(scratch_path);
	return done();
}
