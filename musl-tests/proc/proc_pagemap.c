// /proc/self/pagemap, smaps and mem, where there are such files.
#include "pagemap.h"

int main(void)
{
	plan(9);
	char text[65536];
	volatile char *p = private(4 * PAGE);
	p[PAGE] = 'x';
	if (!has_pagemap()) {
		skip(3, "no frame numbers in /proc/self/pagemap");
	} else {
		ok(frame_of(p + PAGE) != 0, "J4: a touched page has a frame");
		is(frame_of(p), 0, "J4: an untouched one has none");
		ok(frame_of(p + PAGE) != frame_of((void *)main), "J4: frames differ");
	}
	int fd = open("/proc/self/smaps", O_RDONLY);
	if (fd < 0) {
		skip(2, "no /proc/self/smaps");
	} else {
		long rss = 0, pss = 0, lines = 0;
		FILE *f = fdopen(fd, "r");
		while (fgets(text, 512, f)) {
			long n;
			lines += sscanf(text, "Rss: %ld", &n) == 1 ? (rss += n, 1) : 0;
			if (sscanf(text, "Pss: %ld", &n) == 1)
				pss += n;
		}
		fclose(f);
		ok(lines > 4 && rss > 16, "J4: smaps: Rss of %ld mappings, %ld kB", lines, rss);
		ok(pss > 0 && pss <= rss, "C4: Pss is no more than Rss (%ld kB)", pss);
	}
	fd = open("/proc/self/mem", O_RDWR);
	if (fd < 0) {
		skip(4, "no /proc/self/mem");
		return done();
	}
	char c;
	ok(pread(fd, &c, 1, (uintptr_t)p + PAGE) == 1 && c == 'x', "mem: read");
	ok(pwrite(fd, "y", 1, (uintptr_t)p + PAGE) == 1 && p[PAGE] == 'y', "mem: written");
	fails(pread(fd, &c, 1, 8), EIO, "mem: unmapped memory is EIO");
	// A write through it breaks COW as any other.
	pid_t pid = xfork();
	if (pid == 0) {
		int own = open("/proc/self/mem", O_RDWR);
		CHECK(pwrite(own, "z", 1, (uintptr_t)p + PAGE) == 1 && p[PAGE] == 'z');
		_exit(0);
	}
	wait_for(pid);
	is(p[PAGE], 'y', "S17: a write through mem copies a COW page");
	return done();
}
