// COW over 2 MiB-aligned memory, with and without the wish for large pages.
#include "helpers.h"

#define HUGE (2 * MIB)
#define SPAN (8 * MIB)

static uint32_t *aligned(void)
{
	char *p = private(SPAN + HUGE);
	return (uint32_t *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
}

static uint32_t value(size_t page)
{
	return page * 2654435761u;
}

static int all(volatile uint32_t *m, uint32_t flip)
{
	for (size_t i = 0; i < SPAN / PAGE; i++)
		if (m[i * 1024 + 7] != (value(i) ^ flip))
			return 0;
	return 1;
}

static void family(volatile uint32_t *m, const char *what)
{
	for (size_t i = 0; i < SPAN / PAGE; i++)
		m[i * 1024 + 7] = value(i);
	struct gate go;
	gate_init(&go);

	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(all(m, 0));
		m[7] ^= 1; // one page of the first large one
		m[(HUGE + HUGE / 2) / 4 + 7] ^= 1;
		CHECK(m[1024 + 7] == value(1));
		m[7] ^= 1;
		m[(HUGE + HUGE / 2) / 4 + 7] ^= 1;
		gate_wait(&go);
		CHECK(all(m, 0));
		for (size_t i = 0; i < SPAN / PAGE; i++)
			m[i * 1024 + 7] ^= 0xffff;
		CHECK(all(m, 0xffff));
		_exit(0);
	}
	for (size_t i = 0; i < SPAN / PAGE; i++)
		m[i * 1024 + 7] ^= 0xf0f0;
	gate_open(&go);
	ok_child(pid, "S18: %s: the child's copy", what);
	ok(all(m, 0xf0f0), "S18: %s: the parent's copy", what);

	pid = xfork();
	if (pid == 0) {
		// Cut a hole and change rights in the middle of a large page.
		CHECK(munmap((char *)m + 5 * PAGE, PAGE) == 0);
		CHECK(mprotect((char *)m + HUGE + PAGE, PAGE, PROT_READ) == 0);
		CHECK(m[6 * 1024 + 7] == (value(6) ^ 0xf0f0));
		m[6 * 1024 + 7] = 0;
		_exit(0);
	}
	ok_child(pid, "S18: %s: holes and rights inside a large page", what);
	ok(all(m, 0xf0f0), "S18: %s: the parent's large pages are whole", what);
}

int main(void)
{
	plan(9);
	uint32_t *m = aligned();
	family(m, "default");
	m = aligned();
	int r = madvise(m, SPAN, MADV_HUGEPAGE);
	ok(r == 0 || errno == EINVAL, "S18: MADV_HUGEPAGE is taken, or EINVAL without such pages");
	family(m, "MADV_HUGEPAGE");
	return done();
}
