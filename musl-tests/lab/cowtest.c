// cowtest: memory that would not be there twice; three writers; pipe reads
// into COW buffers; forks of forks that race.
#include "helpers.h"
#include <sys/sysinfo.h>

// Two thirds of free memory, but no more than a quick test should touch.
static size_t most_of_memory(void)
{
	struct sysinfo si;
	sysinfo(&si);
	size_t size = (size_t)si.freeram * si.mem_unit / 3 * 2;
	if (size > 192 * MIB)
		size = 192 * MIB;
	return size & ~(PAGE - 1);
}

static int simple(void)
{
	size_t size = most_of_memory();
	char *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < size; i += PAGE)
		*(int *)(p + i) = getpid();
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(*(int *)p != getppid());
	CHECK(wait_for(pid) == 0);
	CHECK(munmap(p, size) == 0);
	return 0;
}

// A quarter of memory; child and grandchild write half and all of it.
static int three(void)
{
	size_t size = most_of_memory() / 3 & ~(PAGE - 1);
	char *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	pid_t one = fork();
	CHECK(one >= 0);
	if (one == 0) {
		pid_t two = fork();
		CHECK(two >= 0);
		if (two == 0) {
			for (size_t i = 0; i < size / 5 * 4; i += PAGE)
				*(int *)(p + (i & ~(PAGE - 1))) = getpid();
			for (size_t i = 0; i < size / 5 * 4; i += PAGE)
				CHECK(*(int *)(p + (i & ~(PAGE - 1))) == getpid());
			_exit(0);
		}
		for (size_t i = 0; i < size / 2; i += PAGE)
			*(int *)(p + (i & ~(PAGE - 1))) = 9999;
		_exit(wait_for(two) != 0);
	}
	for (size_t i = 0; i < size; i += PAGE)
		*(int *)(p + i) = getpid();
	CHECK(wait_for(one) == 0);
	for (size_t i = 0; i < size; i += PAGE)
		CHECK(*(int *)(p + i) == getpid());
	CHECK(munmap(p, size) == 0);
	return 0;
}

static char buffer[4 * PAGE];

// Children read different bytes from pipes into one COW buffer.
static int into_buffer(void)
{
	pid_t pids[4];
	int fds[4][2];
	buffer[0] = 99;
	for (int i = 0; i < 4; i++) {
		CHECK(pipe(fds[i]) == 0);
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) {
			sleep(0);
			CHECK(read(fds[i][0], buffer + PAGE - 2, sizeof i) == sizeof i);
			int got;
			memcpy(&got, buffer + PAGE - 2, sizeof got);
			CHECK(got == i && buffer[0] == 99);
			_exit(0);
		}
		CHECK(write(fds[i][1], &i, sizeof i) == sizeof i);
	}
	int bad = 0;
	for (int i = 0; i < 4; i++)
		bad |= wait_for(pids[i]);
	CHECK(bad == 0);
	CHECK(buffer[0] == 99 && buffer[PAGE - 2] == 0 && buffer[PAGE] == 0);
	return 0;
}

// While a child writes its copies, the parent forks again: reference counts
// that drop and rise at once must agree.
static int fork_of_fork(void)
{
	for (int round = 0; round < 100; round++) {
		pid_t a = fork();
		CHECK(a >= 0);
		if (a == 0) {
			memset(buffer, 'a', sizeof buffer);
			pid_t c = fork();
			CHECK(c >= 0);
			if (c == 0) {
				memset(buffer, 'c', sizeof buffer);
				_exit(buffer[3 * PAGE] != 'c');
			}
			int bad = wait_for(c);
			_exit(bad || buffer[0] != 'a' || buffer[3 * PAGE] != 'a');
		}
		pid_t b = fork();
		CHECK(b >= 0);
		if (b == 0) {
			memset(buffer, 'b', sizeof buffer);
			_exit(buffer[2 * PAGE] != 'b');
		}
		buffer[0] = round;
		int bad = wait_for(a) | wait_for(b);
		CHECK(bad == 0 && buffer[0] == (char)round && buffer[3 * PAGE] == 0);
	}
	return 0;
}

int main(void)
{
	plan(6);
	static const struct {
		const char *name;
		int (*run)(void);
	} parts[] = {
		{ "two thirds of memory, forked", simple },
		{ "and again", simple },
		{ "three writers", three },
		{ "three writers again", three },
		{ "reads into a COW buffer", into_buffer },
		{ "forks of forks", fork_of_fork },
	};
	for (size_t i = 0; i < COUNT(parts); i++) {
		pid_t pid = xfork();
		if (pid == 0)
			_exit(parts[i].run());
		ok_child(pid, "C2: %s", parts[i].name);
	}
	return done();
}
