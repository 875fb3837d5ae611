// Several processes that share COW pages fork and exit at the same time.
#include "helpers.h"

#define WORKERS 6
#define ROUNDS 40
#define PAGES 8

static volatile uint32_t *mem;

static int grandchild(uint32_t mark)
{
	for (int i = 0; i < PAGES; i++)
		if (mem[i * 1024] != mark)
			return 1;
	for (int i = 0; i < PAGES; i++)
		mem[i * 1024] = ~mark;
	return 0;
}

static int worker(uint32_t me)
{
	for (int i = 0; i < PAGES; i++)
		CHECK(mem[i * 1024 + 1] == 0xabcd);
	for (uint32_t n = 0; n < ROUNDS; n++) {
		uint32_t mark = me << 16 | n;
		for (int i = 0; i < PAGES; i++)
			mem[i * 1024] = mark;
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			_exit(grandchild(mark));
		if (n % 2)
			mem[0] = mark; // race the child for the page
		CHECK(wait_for(pid) == 0);
		for (int i = 0; i < PAGES; i++)
			CHECK(mem[i * 1024] == mark && mem[i * 1024 + 1] == 0xabcd);
	}
	return 0;
}

int main(void)
{
	plan(2);
	mem = private(PAGES * PAGE);
	for (int i = 0; i < PAGES; i++)
		mem[i * 1024 + 1] = 0xabcd;
	struct gate go;
	gate_init(&go);
	pid_t pids[WORKERS];
	for (uint32_t i = 0; i < WORKERS; i++) {
		pids[i] = xfork();
		if (pids[i] == 0) {
			gate_wait(&go);
			_exit(worker(i + 1));
		}
	}
	for (int i = 0; i < WORKERS; i++)
		gate_open(&go);
	int good = 0;
	for (int i = 0; i < WORKERS; i++)
		good += wait_for(pids[i]) == 0;
	is(good, WORKERS, "C2: %d workers fork %d times each over shared pages", WORKERS, ROUNDS);
	int clean = 1;
	for (int i = 0; i < PAGES; i++)
		clean &= mem[i * 1024] == 0 && mem[i * 1024 + 1] == 0xabcd;
	ok(clean, "C2: the pages of the first process are as they were");
	return done();
}
