// Hard links, unlinking, and files without a name.
#include "helpers.h"

static nlink_t links(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_nlink : 0;
}

int main(void)
{
	plan(26);
	scratch();
	spill("a", "text", 0644);
	is(links("a"), 1, "one name");
	is(link("a", "b"), 0, "link");
	ok(links("a") == 2 && links("b") == 2, "two");
	spill("b", "more", 0644);
	char text[16];
	slurp("a", text, sizeof text);
	is_str(text, "more", "both are one file");
	is(unlink("a"), 0, "unlink one");
	is(links("b"), 1, "one is left");
	fails(link("b", "b"), EEXIST, "link over a name");
	fails(link("none", "c"), ENOENT, "link of nothing");
	mkdir("d", 0755);
	fails(link("d", "c"), EPERM, "link of a directory");
	symlink("b", "s");
	is(link("s", "s2"), 0, "link of a symlink");
	struct stat st;
	ok(lstat("s2", &st) == 0 && S_ISLNK(st.st_mode), "is the symlink itself");
	ok(linkat(AT_FDCWD, "s", AT_FDCWD, "b2", AT_SYMLINK_FOLLOW) == 0 && links("b") == 2,
	   "AT_SYMLINK_FOLLOW links what it points at");
	fails(link("b", "/dev/oxbow-test-x"), EXDEV, "link to another file system");
	fails(rename("b", "/dev/oxbow-test-x"), EXDEV, "rename, too");

	fails(unlink("none"), ENOENT, "unlink of nothing");
	fails(unlink("d"), EISDIR, "unlink of a directory");
	fails(unlink("b/x"), ENOTDIR, "a file as directory");
	fails(unlink("b/"), ENOTDIR, "a file with a slash");
	is(unlink("s"), 0, "unlink of a symlink");
	ok(links("b") == 2, "leaves what it points at");

	int fd = open("gone", O_RDWR | O_CREAT, 0644);
	is(write(fd, "still here", 10), 10, "a file is written");
	unlink("gone");
	fstat(fd, &st);
	is(st.st_nlink, 0, "unlinked, it has no name");
	ok(pread(fd, text, 10, 0) == 10 && !memcmp(text, "still here", 10), "but all it held");
	ok(pwrite(fd, "!", 1, 100000) == 1 && fstat(fd, &st) == 0 && st.st_size == 100001,
	   "and can grow");
	fails(access("gone", F_OK), ENOENT, "the name is free");
	int again = open("gone", O_RDWR | O_CREAT | O_EXCL, 0644);
	struct stat st2;
	fstat(again, &st2);
	ok(again >= 0 && st2.st_ino != st.st_ino && st2.st_size == 0, "for another file");
	return done();
}
