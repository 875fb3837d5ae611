// After fork neither side sees the other's stores, wherever the byte lives.
#include "helpers.h"

static char data_page[2 * PAGE] = { 'd', 1 };
static char bss_page[2 * PAGE];

struct place {
	const char *name;
	volatile char *p;
};

int main(void)
{
	plan(14);
	scratch();
	spill("f", "file content", 0644);
	int fd = open("f", O_RDWR);
	char on_stack[2 * PAGE];
	struct place places[] = {
		{ "data", data_page },
		{ "bss", bss_page },
		{ "the stack", on_stack },
		{ "malloc's heap", malloc(2 * PAGE) },
		{ "a large malloc", malloc(1 << 20) },
		{ "an anonymous mapping", private(2 * PAGE) },
		{ "a private file mapping",
		  mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) },
	};
	struct gate to_child, to_parent;
	gate_init(&to_child);
	gate_init(&to_parent);

	for (size_t i = 0; i < COUNT(places); i++) {
		volatile char *p = places[i].p;
		p[100] = 'o';
		pid_t pid = xfork();
		if (pid == 0) {
			CHECK(p[100] == 'o');
			p[100] = 'c';
			gate_open(&to_parent);
			gate_wait(&to_child);
			CHECK(p[100] == 'c');
			_exit(0);
		}
		gate_wait(&to_parent);
		ok(p[100] == 'o', "C1: the child's store to %s is not seen here", places[i].name);
		p[100] = 'p';
		gate_open(&to_child);
		ok_child(pid, "C1, L2: nor the parent's store to %s in the child", places[i].name);
	}
	return done();
}
