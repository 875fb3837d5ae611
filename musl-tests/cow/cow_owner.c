// Who copies and who may keep the frame, seen through pagemap.
#include "pagemap.h"

int main(void)
{
	plan(9);
	if (!has_pagemap()) {
		skip(9, "no frame numbers in /proc/self/pagemap");
		return done();
	}
	volatile char *p = private(4 * PAGE);
	for (int i = 0; i < 4; i++)
		p[i * PAGE] = 'a' + i;
	uint64_t *f = shared(PAGE);
	struct gate to_child, to_parent;
	gate_init(&to_child);
	gate_init(&to_parent);

	uint64_t before = frame_of(p), second = frame_of(p + PAGE);
	pid_t pid = xfork();
	if (pid == 0) {
		f[0] = frame_of(p);
		p[PAGE] = 'x'; // the child writes first here
		f[1] = frame_of(p + PAGE);
		gate_open(&to_parent);
		gate_wait(&to_child);
		// The parent has left this frame: it is ours alone.
		f[2] = frame_of(p);
		p[0] = 'y';
		f[3] = frame_of(p);
		gate_open(&to_parent);
		gate_wait(&to_child);
		_exit(0);
	}
	gate_wait(&to_parent);
	ok(f[0] == before, "C1: right after fork both map the same frame");
	ok(f[1] != second, "S17: the first writer gets a frame of its own");
	ok(frame_of(p + PAGE) == second, "S17: the other keeps the old one");
	p[PAGE] = 'z';
	ok(frame_of(p + PAGE) == second, "S16: whose last owner then writes in place");
	p[0] = 'q';
	ok(frame_of(p) != before, "S17: the parent copies as well, when it writes first");
	gate_open(&to_child);
	gate_wait(&to_parent);
	ok(f[2] == before && f[3] == before, "S16: the child, now sole owner, writes in place");
	gate_open(&to_child);
	wait_for(pid);

	before = frame_of(p + 2 * PAGE);
	pid = xfork();
	if (pid == 0)
		_exit(0);
	wait_for(pid);
	p[2 * PAGE] = 'r';
	ok(frame_of(p + 2 * PAGE) == before, "S16: no copy once the child is gone");

	volatile char *s = shared(PAGE);
	s[0] = 1;
	before = frame_of(s);
	pid = xfork();
	if (pid == 0) {
		s[0] = 2;
		f[0] = frame_of(s);
		_exit(0);
	}
	wait_for(pid);
	ok(f[0] == before && frame_of(s) == before, "L1: a shared page is never copied");

	// Program text is one set of frames, also in another process image.
	before = frame_of((void *)main);
	pid = xfork();
	if (pid == 0) {
		f[0] = frame_of((void *)main);
		_exit(0);
	}
	wait_for(pid);
	ok(before && f[0] == before, "C4: text is shared");
	return done();
}
