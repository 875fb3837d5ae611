// pingpong, pingpongs, sendpage: numbers, turns and pages between processes.
#include "helpers.h"

int main(void)
{
	plan(7);
	// pingpong: a number goes to and fro over two pipes.
	int to[2], from[2], n = 0;
	xpipe(to);
	xpipe(from);
	pid_t pid = xfork();
	if (pid == 0) {
		close(to[1]);
		close(from[0]);
		while (read(to[0], &n, sizeof n) == sizeof n) {
			n++;
			CHECK(write(from[1], &n, sizeof n) == sizeof n);
		}
		_exit(n == 1000 ? 0 : 2);
	}
	close(to[0]);
	close(from[1]);
	int right = 1;
	for (n = 0; n < 1000;) {
		int sent = n;
		if (write(to[1], &n, sizeof n) != sizeof n || read(from[0], &n, sizeof n) != sizeof n)
			bail("pingpong");
		right &= n == sent + 1;
	}
	close(to[1]);
	ok(right && n == 1000, "J14: 1,000 exchanges over pipes");
	ok_child(pid, "J14: the other side counted along");

	// pingpongs: both count in shared memory, taking turns.
	volatile int *val = shared(PAGE);
	struct gate mine, yours;
	gate_init(&mine);
	gate_init(&yours);
	pid = xfork();
	if (pid == 0) {
		for (int i = 0; i < 500; i++) {
			gate_wait(&yours);
			CHECK(*val == 2 * i + 1);
			++*val;
			gate_open(&mine);
		}
		_exit(0);
	}
	right = 1;
	for (int i = 0; i < 500; i++) {
		right &= *val == 2 * i;
		++*val;
		gate_open(&yours);
		gate_wait(&mine);
	}
	ok_child(pid, "J14: turns kept by the child");
	ok(right && *val == 1000, "J14: and the parent, 1,000 steps");

	// sendpage: a page of text each way, in one shared file.
	scratch();
	int fd = open("page", O_RDWR | O_CREAT, 0600);
	if (ftruncate(fd, 2 * PAGE) < 0)
		bail("ftruncate");
	pid = xfork();
	if (pid == 0) {
		char *m = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		gate_wait(&yours);
		CHECK(!strcmp(m, "hello child process! how are you?"));
		strcpy(m + PAGE, "hello parent environment! I'm good");
		gate_open(&mine);
		_exit(0);
	}
	char *m = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	strcpy(m, "hello child process! how are you?");
	gate_open(&yours);
	gate_wait(&mine);
	is_str(m + PAGE, "hello parent environment! I'm good", "J14: the child's page");
	ok_child(pid, "J14: the parent's page");
	ok(m[PAGE + 100] == 0, "J14: and nothing else");
	return done();
}
