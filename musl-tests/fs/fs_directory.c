// mkdir, rmdir, and reading directories of any size.
#include "helpers.h"

static int count(const char *path, int *dots)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;
	*dots = 0;
	if (!d)
		return -1;
	while ((e = readdir(d)))
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			++*dots;
		else
			n++;
	closedir(d);
	return n;
}

int main(void)
{
	plan(38);
	scratch();
	umask(022);
	struct stat st;
	is(mkdir("d", 0777), 0, "mkdir");
	ok(stat("d", &st) == 0 && st.st_mode == (S_IFDIR | 0755), "mode less umask");
	fails(mkdir("d", 0777), EEXIST, "over a name");
	fails(mkdir("none/d", 0777), ENOENT, "in a missing directory");
	is(mkdir("d/slash/", 0777), 0, "with a trailing slash");
	fails(mkdir("/", 0777), EEXIST, "the root");
	fails(mkdir("d/.", 0777), EEXIST, "a dot");
	symlink("nowhere", "dang");
	fails(mkdir("dang", 0777), EEXIST, "over a dangling symlink");
	fails(rmdir("d"), ENOTEMPTY, "rmdir of one with an entry");
	is(rmdir("d/slash"), 0, "of the entry");
	fails(rmdir("d/."), EINVAL, "rmdir of a dot");
	fails(rmdir("d/.."), ENOTEMPTY, "of two dots");
	fails(rmdir("none"), ENOENT, "of nothing");
	spill("f", "", 0644);
	fails(rmdir("f"), ENOTDIR, "of a file");
	fails(rmdir("/"), EBUSY, "of the root");
	fails(rmdir("/proc"), geteuid() ? EACCES : EBUSY, "of a mount point");
	int dots;
	is(count("d", &dots), 0, "an empty directory has no entries");
	is(dots, 2, "but the two dots");

	// An open, removed directory.
	mkdir("gone", 0755);
	int fd = open("gone", O_RDONLY | O_DIRECTORY);
	is(rmdir("gone"), 0, "rmdir of an open one");
	ok(fstat(fd, &st) == 0 && st.st_nlink == 0, "it has no links");
	fails(openat(fd, "f", O_CREAT | O_RDWR, 0644), ENOENT, "nothing can be created in it");

	// Many entries, and all of them exactly once.
	enum { N = 700 };
	static unsigned char seen[N];
	char name[64];
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof name, "d/entry-number-%d", i);
		if (i % 7 == 0)
			mkdir(name, 0755);
		else if (i % 7 == 1)
			symlink("x", name);
		else
			close(open(name, O_CREAT | O_WRONLY, 0644));
	}
	DIR *d = opendir("d");
	struct dirent *e;
	int types = 1, inodes = 1, total = 0;
	while ((e = readdir(d))) {
		int i;
		if (sscanf(e->d_name, "entry-number-%d", &i) != 1)
			continue;
		seen[i]++;
		total++;
		int want = i % 7 == 0 ? DT_DIR : i % 7 == 1 ? DT_LNK : DT_REG;
		types &= e->d_type == want || e->d_type == DT_UNKNOWN;
		fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW);
		inodes &= st.st_ino == e->d_ino;
	}
	int once = 1;
	for (int i = 0; i < N; i++)
		once &= seen[i] == 1;
	ok(once && total == N, "%d entries, each once", N);
	ok(types, "with the right types");
	ok(inodes, "and inode numbers");
	rewinddir(d);
	total = 0;
	while (readdir(d))
		total++;
	is(total, N + 2, "rewinddir");

	// A place kept by telldir can be gone back to.
	rewinddir(d);
	for (int i = 0; i < 100; i++)
		readdir(d);
	long place = telldir(d);
	e = readdir(d);
	char at[256];
	strcpy(at, e->d_name);
	while (readdir(d))
		;
	seekdir(d, place);
	e = readdir(d);
	is_str(e ? e->d_name : "", at, "seekdir to what telldir said");

	// Removing while reading skips nothing that stays.
	rewinddir(d);
	memset(seen, 0, sizeof seen);
	while ((e = readdir(d))) {
		int i;
		if (sscanf(e->d_name, "entry-number-%d", &i) != 1)
			continue;
		seen[i]++;
		if (i % 2)
			unlinkat(dirfd(d), e->d_name, i % 7 == 0 ? AT_REMOVEDIR : 0);
	}
	once = 1;
	for (int i = 0; i < N; i += 2)
		once &= seen[i] == 1;
	ok(once, "entries that stay are seen once while others are removed");
	is(count("d", &dots), N / 2, "half of them are left");
	closedir(d);

	char buf[64];
	fd = open("d", O_RDONLY | O_DIRECTORY);
	fails(syscall(SYS_getdents64, fd, buf, 8), EINVAL, "getdents64 into a tiny buffer");
	fails(syscall(SYS_getdents64, 0, buf, sizeof buf), ENOTDIR, "of what is no directory");
	fails(syscall(SYS_getdents64, 999, buf, sizeof buf), EBADF, "of what is not open");
	fails(syscall(SYS_getdents64, fd, 8, 1000), EFAULT, "into nowhere");
	ok(syscall(SYS_getdents64, fd, buf, sizeof buf) > 0, "one entry at a time works");

	stat("d", &st);
	nlink_t before = st.st_nlink;
	mkdir("d/sub1", 0755);
	stat("d", &st);
	ok(before == 1 || st.st_nlink == before + 1, "a subdirectory is a link more");
	stat("d/sub1", &st);
	ok(st.st_nlink == 2 || st.st_nlink == 1, "an empty directory has two links");
	rmdir("d/sub1");
	stat("d", &st);
	is(st.st_nlink, before, "removed, a link less");
	struct stat up;
	stat("d/..", &up);
	stat(".", &st);
	ok(up.st_ino == st.st_ino && up.st_dev == st.st_dev, "the double dot is the parent");
	is(closedir(opendir("/dev")), 0, "/dev can be opened as well");
	return done();
}
