// faultnostack, faultbadhandler, faultevilhandler, faultread, faultwrite:
// every way in which a fault cannot be handled ends that process, loudly.
#include "helpers.h"

static void handler(int sig)
{
	(void)sig;
	_exit(0);
}

static void no_stack(void)
{
	// A handler, but the stack pointer leads nowhere.
	signal(SIGSEGV, handler);
	__asm__ volatile("mov $0x1000, %rsp\n movl $0, 0");
}

static void no_alternate_stack(void)
{
	// An alternate stack that is not mapped.
	char *gone = private(16 * PAGE);
	sigaltstack(&(stack_t){ .ss_sp = gone, .ss_size = 16 * PAGE }, 0);
	munmap(gone, 16 * PAGE);
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	sigaction(SIGSEGV, &sa, 0);
	poke(0);
}

static void bad_handler(void)
{
	signal(SIGSEGV, (void (*)(int))0xdeadbeef);
	poke(0);
}

static void evil_handler(void)
{
	// The kernel's own text must not become anybody's handler.
	signal(SIGSEGV, (void (*)(int))0xffffffff80200000);
	poke(0);
}

static void noncanonical_handler(void)
{
	signal(SIGSEGV, (void (*)(int))0x8000000000000000);
	poke(0);
}

static void read_null(void)
{
	(void)*(volatile char *)(uintptr_t)getppid();
}

static void write_kernel(void)
{
	poke(0xffffffff80200000);
}

static void read_kernel_handled(void)
{
	poke(0xffff800000000000);
}

static void jump_to_kernel(void)
{
	((void (*)(void))0xffffffff80200000)();
}

static void jump_noncanonical(void)
{
	__asm__ volatile("mov $0x8000000000000000, %rax\n jmp *%rax");
}

static void return_noncanonical(void)
{
	__asm__ volatile("movabs $0x8000000000000000, %rax\n push %rax\n ret");
}

int main(void)
{
	plan(12);
	static const struct {
		const char *name;
		void (*run)(void);
	} deaths[] = {
		{ "a handler without a stack", no_stack },
		{ "an alternate stack that is not there", no_alternate_stack },
		{ "a handler at a bad address", bad_handler },
		{ "a handler in the kernel", evil_handler },
		{ "a handler at a non-canonical address", noncanonical_handler },
		{ "a read near address 0", read_null },
		{ "a write to the kernel", write_kernel },
		{ "a write to the first kernel address", read_kernel_handled },
		{ "a jump into the kernel", jump_to_kernel },
		{ "a non-canonical jump", jump_noncanonical },
		{ "a non-canonical return", return_noncanonical },
	};
	for (size_t i = 0; i < COUNT(deaths); i++) {
		pid_t pid = xfork();
		if (pid == 0) {
			setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
			deaths[i].run();
			_exit(0);
		}
		ok_killed(pid, SIGSEGV, "J3: %s kills", deaths[i].name);
	}
	pid_t pid = xfork();
	if (pid == 0)
		_exit(7);
	is(wait_for(pid), 7 << 8, "J3: and everybody else lives");
	return done();
}
