// Path walking: dots, slashes, lengths, symlinks and loops.
#include "helpers.h"

static ino_t inode(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

int main(void)
{
	plan(38);
	scratch();
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	spill("a/b/f", "x", 0644);
	ino_t f = inode("a/b/f"), a = inode("a"), here = inode(".");
	ok(f && inode("a//b///f") == f, "many slashes are one");
	ok(inode("./a/./b/./f") == f, "single dots are nothing");
	ok(inode("a/b/../b/f") == f && inode("a/../a/b/f") == f, "double dots go up");
	ok(inode("a/b/../..") == here, "to where we are");
	ok(inode("a/") == a && inode("a///") == a, "a directory with trailing slashes");
	ok(inode("/..") == inode("/") && inode("/../..") == inode("/"), "above the root is the root");
	fails(access("a/b/f/", F_OK), ENOTDIR, "a file with one");
	fails(access("a/b/f/.", F_OK), ENOTDIR, "a file with a dot");
	fails(access("a/b/f/..", F_OK), ENOTDIR, "or two");
	fails(access("a/none/..", F_OK), ENOENT, "double dots do not undo a missing name");
	fails(access("a/b/f/x", F_OK), ENOTDIR, "a name in a file");
	fails(access("", F_OK), ENOENT, "the empty path");

	char name[300], path[PATH_MAX + 2];
	memset(name, 'n', sizeof name);
	name[255] = 0;
	ok(spill(name, "", 0644) == 0 && access(name, F_OK) == 0, "a name of 255 bytes");
	name[255] = 'n';
	name[256] = 0;
	fails(access(name, F_OK), ENAMETOOLONG, "of 256");
	fails(mkdir(name, 0755), ENAMETOOLONG, "to create, the same");
	memset(path, '/', sizeof path);
	path[PATH_MAX - 2] = 'a';
	path[PATH_MAX - 1] = 0;
	path[PATH_MAX - 3] = '/';
	fails(access(path, F_OK), ENOENT, "a path of 4095 bytes is looked at");
	path[PATH_MAX - 1] = 'a';
	path[PATH_MAX] = 0;
	fails(access(path, F_OK), ENAMETOOLONG, "one of 4096 is not");

	is(symlink("a/b", "rel"), 0, "symlink");
	ok(inode("rel/f") == f, "a relative one, from where it stands");
	snprintf(path, sizeof path, "%s/a/b/f", scratch_path);
	symlink(path, "abs");
	ok(inode("abs") == f, "an absolute one");
	symlink("../b/f", "a/up");
	ok(inode("a/up") == 0, "dots in it count from its own directory");
	symlink("b/f", "a/down");
	ok(inode("a/down") == f, "as do names");
	ok(inode("rel/..") == a, "double dots after it go up from where it points");
	char buf[64] = "";
	is(readlink("rel", buf, sizeof buf), 3, "readlink");
	is_str(buf, "a/b", "tells what it was given");
	memset(buf, 'x', sizeof buf);
	ok(readlink("rel", buf, 2) == 2 && buf[2] == 'x', "cut to the buffer, no ending");
	fails(readlink("a", buf, sizeof buf), EINVAL, "of a directory");
	fails(readlink("none", buf, sizeof buf), ENOENT, "of nothing");
	fails(syscall(SYS_readlink, "rel", buf, 0), EINVAL, "into nothing");
	struct stat st;
	ok(lstat("rel", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 3, "lstat: its length");
	ok(lstat("rel/", &st) == 0 && S_ISDIR(st.st_mode), "a trailing slash follows it");
	fails(symlink("x", "rel"), EEXIST, "a symlink over a name");
	fails(symlink("", "empty"), ENOENT, "an empty symlink");

	symlink("loop2", "loop1");
	symlink("loop1", "loop2");
	fails(access("loop1", F_OK), ELOOP, "a loop");
	char from[16], to[16] = "a";
	for (int i = 1; i <= 41; i++) {
		snprintf(from, sizeof from, "chain%d", i);
		symlink(to, from);
		strcpy(to, from);
	}
	ok(inode("chain40") == a, "40 symlinks are followed");
	fails(access("chain41", F_OK), ELOOP, "41 are not");

	// Slow walk through a deep tree.
	char deep[PATH_MAX] = ".";
	int made = 1;
	for (int i = 0; i < 60; i++) {
		strcat(deep, "/directory-name");
		made &= mkdir(deep, 0755) == 0;
	}
	ok(made && inode(deep), "60 levels deep");
	char cwd[PATH_MAX];
	ok(chdir(deep) == 0 && getcwd(cwd, sizeof cwd) &&
		   strlen(cwd) == strlen(scratch_path) + strlen(deep) - 1, "getcwd from down there");
	if (chdir(scratch_path) < 0)
		bail("chdir");
	return done();
}
