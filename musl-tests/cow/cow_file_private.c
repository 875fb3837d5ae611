// Private file mappings: one set of frames until somebody writes.
#include "pagemap.h"

int main(void)
{
	plan(9);
	scratch();
	int fd = open("f", O_RDWR | O_CREAT, 0644);
	char block[PAGE];
	for (int i = 0; i < 4; i++) {
		memset(block, 'a' + i, PAGE);
		if (write(fd, block, PAGE) != PAGE)
			bail("write");
	}
	char *m = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *other = mmap(0, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	char *view = mmap(0, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ok(m[0] == 'a' && other[PAGE] == 'b' && view[2 * PAGE] == 'c', "three views of one file");
	char c = *(volatile char *)m | *(volatile char *)other | *(volatile char *)view;
	if (has_pagemap())
		ok(frame_of(m) == frame_of(view) && frame_of(other) == frame_of(view),
		   "C4: read pages of a private mapping are the file's own frames");
	else
		skip(1, "no frame numbers");

	m[0] = 'X';
	ok(pread(fd, &c, 1, 0) == 1 && c == 'a', "C4: a private store does not reach the file");
	ok(other[0] == 'a' && view[0] == 'a', "C4: nor another mapping");

	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(m[0] == 'X' && m[PAGE] == 'b');
		m[0] = 'Y';
		m[PAGE] = 'Z';
		_exit(0);
	}
	ok_child(pid, "S17: a child inherits the private copy and the clean page");
	ok(m[0] == 'X' && m[PAGE] == 'b', "S17: and writes only its own");

	// A later write to the file shows in pages nobody has copied yet.
	if (pwrite(fd, "W", 1, 3 * PAGE) != 1)
		bail("pwrite");
	is(other[3 * PAGE], 'W', "C4: an uncopied page follows the file");
	is(m[0], 'X', "C4: a copied page does not");
	if (pwrite(fd, "V", 1, 0) != 1)
		bail("pwrite");
	is(m[0], 'X', "C4: not even when that very byte is written");
	return done();
}
