// What file modes mean to one who is not root.
#include "helpers.h"

#define USER 3001
#define GROUP 3002

int main(void)
{
	plan(13);
	if (geteuid() != 0) {
		skip(13, "needs root to set the scene");
		return done();
	}
	scratch();
	static const struct {
		const char *name;
		mode_t mode;
		uid_t uid;
		gid_t gid;
	} files[] = {
		{ "mine", 0600, USER, 0 },     { "mine-locked", 0077, USER, 0 },
		{ "group", 0640, 0, GROUP },   { "group-locked", 0707, 0, GROUP },
		{ "others", 0604, 0, 0 },      { "root", 0600, 0, 0 },
		{ "exec", 0711, 0, 0 },
	};
	for (size_t i = 0; i < COUNT(files); i++) {
		spill(files[i].name, "#!/bin/true\n", 0600);
		if (chown(files[i].name, files[i].uid, files[i].gid) < 0)
			bail("chown");
		chmod(files[i].name, files[i].mode);
	}
	mkdir("closed", 0700);
	spill("closed/f", "x", 0666);
	chmod("closed/f", 0666);
	mkdir("nolist", 0711);
	spill("nolist/f", "x", 0666);
	mkdir("nosearch", 0744);
	spill("nosearch/f", "x", 0666);
	mkdir("open", 0777);
	chmod("open", 0777);
	mkdir("sticky", 01777);
	chmod("sticky", 01777);
	spill("sticky/roots", "x", 0666);
	chmod("sticky/roots", 0666);

	pid_t pid;
#define AS_USER(what, ...)                                        \
	if ((pid = xfork()) == 0) {                               \
		CHECK(setgroups(1, (gid_t[]){ GROUP }) == 0);     \
		CHECK(setresgid(USER, USER, USER) == 0);          \
		CHECK(setresuid(USER, USER, USER) == 0);          \
		__VA_ARGS__;                                      \
		_exit(0);                                         \
	}                                                         \
	ok_child(pid, what)

	AS_USER("the owner's bits", CHECK(open("mine", O_RDWR) >= 0);
		CHECK_FAILS(open("mine-locked", O_RDONLY), EACCES));
	AS_USER("the group's bits, by a supplementary group",
		CHECK(open("group", O_RDONLY) >= 0); CHECK_FAILS(open("group", O_WRONLY), EACCES);
		CHECK_FAILS(open("group-locked", O_RDONLY), EACCES));
	AS_USER("the others' bits", CHECK(open("others", O_RDONLY) >= 0);
		CHECK_FAILS(open("others", O_RDWR), EACCES);
		CHECK_FAILS(open("root", O_RDONLY), EACCES));
	AS_USER("access() agrees", CHECK(access("others", R_OK) == 0);
		CHECK_FAILS(access("others", W_OK), EACCES); CHECK(access("exec", X_OK) == 0);
		CHECK_FAILS(access("exec", R_OK), EACCES);
		CHECK(access("root", F_OK) == 0));
	AS_USER("a directory without search permission", CHECK_FAILS(open("closed/f", O_RDONLY), EACCES);
		CHECK_FAILS(access("closed/none", F_OK), EACCES); CHECK_FAILS(chdir("closed"), EACCES);
		CHECK_FAILS(open("nosearch/f", O_RDONLY), EACCES));
	AS_USER("search without read", CHECK(access("nolist/f", F_OK) == 0);
		CHECK_FAILS(open("nolist", O_RDONLY), EACCES);
		CHECK(open("nosearch", O_RDONLY) >= 0));
	AS_USER("creating and removing need a writable directory",
		CHECK_FAILS(open("new", O_CREAT | O_RDWR, 0644), EACCES);
		CHECK_FAILS(unlink("others"), EACCES); CHECK_FAILS(mkdir("newdir", 0755), EACCES);
		CHECK_FAILS(rename("others", "open/others"), EACCES);
		CHECK(open("open/new", O_CREAT | O_RDWR, 0644) >= 0 && unlink("open/new") == 0));
	AS_USER("a sticky directory protects others' files", CHECK_FAILS(unlink("sticky/roots"), EPERM);
		CHECK_FAILS(rename("sticky/roots", "sticky/x"), EPERM);
		CHECK(open("sticky/mine", O_CREAT | O_RDWR, 0644) >= 0);
		CHECK(unlink("sticky/mine") == 0));
	AS_USER("only the owner may chmod", CHECK_FAILS(chmod("others", 0777), EPERM);
		CHECK(chmod("mine", 0640) == 0));
	AS_USER("chown: not to others, the group only to one's own",
		CHECK_FAILS(chown("mine", 0, -1), EPERM); CHECK_FAILS(chown("mine", -1, 77), EPERM);
		CHECK(chown("mine", -1, GROUP) == 0); CHECK(chown("mine", USER, USER) == 0));
	AS_USER("privileged calls", CHECK_FAILS(chroot("open"), EPERM);
		CHECK_FAILS(mknod("open/dev", S_IFCHR | 0600, 1 << 8 | 3), EPERM);
		CHECK_FAILS(sethostname("x", 1), EPERM));

	// Root by effective id, not by real id, and the other way round.
	pid = xfork();
	if (pid == 0) {
		CHECK(setresuid(USER, 0, 0) == 0);
		CHECK(open("root", O_RDONLY) >= 0);
		CHECK_FAILS(access("root", R_OK), EACCES); // the real id asks
		CHECK(faccessat(AT_FDCWD, "root", R_OK, AT_EACCESS) == 0);
		_exit(0);
	}
	ok_child(pid, "access() asks for the real user");
	pid = xfork();
	if (pid == 0) {
		// Root reads everything, but executes only what somebody may execute.
		CHECK(open("mine-locked", O_RDWR) >= 0);
		chmod("root", 0600);
		CHECK_FAILS(access("root", X_OK), EACCES);
		CHECK(access("exec", X_OK) == 0);
		_exit(0);
	}
	ok_child(pid, "root passes all but a missing execute bit");
	return done();
}
