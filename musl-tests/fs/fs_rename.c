// rename: files, directories, over each other, and what is refused.
#include "helpers.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif

static ino_t inode(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static int rename2(const char *a, const char *b, unsigned flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags);
}

int main(void)
{
	plan(30);
	scratch();
	spill("a", "aaa", 0644);
	ino_t a = inode("a");
	is(rename("a", "b"), 0, "a new name");
	ok(inode("b") == a && inode("a") == 0, "the same file, the old name gone");
	spill("c", "ccc", 0644);
	int held = open("c", O_RDONLY);
	is(rename("b", "c"), 0, "over another file");
	ok(inode("c") == a && inode("b") == 0, "which is replaced");
	char text[4] = "";
	ok(read(held, text, 3) == 3 && !strcmp(text, "ccc"), "but lives on for those who hold it");
	link("c", "d");
	ok(rename("c", "d") == 0 && inode("c") && inode("d"), "two names of one file: nothing happens");
	ok(rename("c", "c") == 0 && inode("c"), "onto itself too");

	mkdir("dir", 0755);
	mkdir("empty", 0755);
	mkdir("full", 0755);
	spill("full/x", "", 0644);
	fails(rename("c", "dir"), EISDIR, "a file over a directory");
	fails(rename("dir", "c"), ENOTDIR, "a directory over a file");
	is(rename("dir", "empty"), 0, "a directory over an empty one");
	fails(rename("empty", "full"), ENOTEMPTY, "over one that is not empty");
	fails(rename("full", "full/sub"), EINVAL, "into itself");
	mkdir("full/deep", 0755);
	fails(rename("full", "full/deep/sub"), EINVAL, "deep into itself");
	fails(rename("full/deep", "full"), ENOTEMPTY, "over its own parent");
	fails(rename("none", "x"), ENOENT, "a missing name");
	fails(rename("c", "none/x"), ENOENT, "into a missing directory");
	fails(rename("c", "d/x"), ENOTDIR, "into a file");
	fails(rename("c", "new/"), ENOTDIR, "a file to a name with a slash");
	fails(rename(".", "x"), EBUSY, "the dot");
	fails(rename("full/..", "x"), EBUSY, "the double dot");

	struct stat st;
	stat("empty", &st);
	nlink_t links = st.st_nlink;
	is(rename("full/deep", "empty/deep"), 0, "a directory to another parent");
	stat("empty", &st);
	ok(st.st_nlink == links + 1 || links == 1, "the new parent has a link more");
	ok(inode("empty/deep/..") == inode("empty"), "its double dot points there");
	symlink("c", "sym");
	ok(rename("sym", "sym2") == 0 && inode("c") && readlink("sym2", text, 3) == 1,
	   "a symlink itself is renamed, not what it points at");

	fails(rename2("c", "d", RENAME_NOREPLACE), EEXIST, "RENAME_NOREPLACE over a file");
	is(rename2("c", "fresh", RENAME_NOREPLACE), 0, "to a free name");
	spill("one", "1", 0644);
	ino_t one = inode("one"), dir = inode("empty");
	is(rename2("one", "empty", RENAME_EXCHANGE), 0, "RENAME_EXCHANGE of a file and a directory");
	ok(inode("one") == dir && inode("empty") == one, "both have changed places");
	fails(rename2("one", "none", RENAME_EXCHANGE), ENOENT, "both must be there");
	fails(rename2("one", "x", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL, "not both flags");
	return done();
}
