// /proc/self/maps: every mapping, in order, with its rights and its file.
#include "helpers.h"

struct line {
	unsigned long start, end, offset, inode;
	char rights[8], path[256];
};

static struct line lines[512];
static int count;

static int load(void)
{
	char text[512];
	FILE *f = fopen("/proc/self/maps", "r");
	count = 0;
	if (!f)
		return -1;
	while (count < 512 && fgets(text, sizeof text, f)) {
		struct line *l = &lines[count++];
		unsigned major, minor;
		l->path[0] = 0;
		if (sscanf(text, "%lx-%lx %7s %lx %x:%x %lu %255[^\n]", &l->start, &l->end, l->rights,
			   &l->offset, &major, &minor, &l->inode, l->path) < 7) {
			note("  cannot read line: %s", text);
			count = -1;
			break;
		}
	}
	fclose(f);
	return count;
}

static struct line *find(const volatile void *p)
{
	static struct line none;
	for (int i = 0; i < count; i++)
		if ((uintptr_t)p >= lines[i].start && (uintptr_t)p < lines[i].end)
			return &lines[i];
	return &none;
}

static int data_word = 1;

int main(int argc, char **argv)
{
	(void)argc;
	plan(21);
	scratch();
	char here;
	sbrk(2 * PAGE);
	ok(load() > 5, "J4: /proc/self/maps has lines (%d)", count);
	int sorted = 1, aligned = 1;
	for (int i = 0; i < count; i++) {
		sorted &= lines[i].start < lines[i].end && (!i || lines[i - 1].end <= lines[i].start);
		aligned &= lines[i].start % PAGE == 0 && lines[i].end % PAGE == 0;
	}
	ok(sorted, "in order, without overlap");
	ok(aligned, "of whole pages");
	is_str(find((void *)main)->rights, "r-xp", "text can be executed, not written");
	is_str(find(&data_word)->rights, "rw-p", "data can be written");
	is_str(find(&here)->rights, "rw-p", "the stack too");
	is_str(find(&here)->path, "[stack]", "and is called so");
	is_str(find((char *)sbrk(0) - 1)->path, "[heap]", "the heap as well");
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	exe[n > 0 ? n : 0] = 0;
	is_str(find((void *)main)->path, exe, "text names its file");
	struct stat st;
	stat(argv[0], &st);
	is(find((void *)main)->inode, st.st_ino, "and its inode");

	char *p = mmap((void *)0x400000000000, 5 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	load();
	ok(find(p)->start == (uintptr_t)p && find(p)->end == (uintptr_t)p + 5 * PAGE, "a new mapping");
	is_str(find(p)->path, "", "has no name");
	mprotect(p + PAGE, PAGE, PROT_READ);
	mprotect(p + 2 * PAGE, PAGE, PROT_NONE);
	munmap(p + 3 * PAGE, PAGE);
	load();
	is_str(find(p)->rights, "rw-p", "mprotect splits: first");
	is_str(find(p + PAGE)->rights, "r--p", "second");
	is_str(find(p + 2 * PAGE)->rights, "---p", "third");
	ok(find(p + 3 * PAGE)->start == 0 && find(p + 4 * PAGE)->start == (uintptr_t)p + 4 * PAGE,
	   "munmap leaves a hole");

	int fd = open("a file", O_RDWR | O_CREAT, 0644);
	if (ftruncate(fd, 4 * PAGE) < 0)
		bail("ftruncate");
	char *s = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
	load();
	is_str(find(s)->rights, "rw-s", "a shared file mapping");
	is(find(s)->offset, 2 * PAGE, "its place in the file");
	char want[128];
	snprintf(want, sizeof want, "%s/a file", scratch_path);
	is_str(find(s)->path, want, "its path");
	unlink("a file");
	strcat(want, " (deleted)");
	load();
	is_str(find(s)->path, want, "deleted, it says so");
	munmap(s, PAGE);
	load();
	ok(strcmp(find(s)->path, want) != 0, "unmapped, it is gone");
	return done();
}
