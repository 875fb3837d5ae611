// The auxiliary vector of a static program, entry by entry.
#include "self.h"
#include <elf.h>
#include <sys/auxv.h>

extern char **environ;
extern void _start(void);

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

// The vector itself lies behind the environment.
static Elf64_auxv_t *vector(void)
{
	char **p = environ;
	while (*p)
		p++;
	return (Elf64_auxv_t *)(p + 1);
}

static int has(unsigned long type)
{
	for (Elf64_auxv_t *a = vector(); a->a_type; a++)
		if (a->a_type == type)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1) { // print the random bytes and leave
		unsigned char *r = (unsigned char *)getauxval(AT_RANDOM);
		return write(1, r, 16) == 16 ? 0 : 1;
	}
	plan(23);
	char **env0 = environ;
	self_init(argv[0]);
	environ = env0;

	const Elf64_Phdr *ph = (void *)getauxval(AT_PHDR);
	unsigned long n = getauxval(AT_PHNUM);
	ok(ph && n > 0 && n < 64, "AT_PHDR and AT_PHNUM (%lu)", n);
	is(getauxval(AT_PHENT), sizeof(Elf64_Phdr), "AT_PHENT");
	int loads = 0, tls = 0;
	for (unsigned long i = 0; i < n; i++) {
		loads += ph[i].p_type == PT_LOAD;
		tls += ph[i].p_type == PT_TLS;
	}
	ok(loads >= 2, "AT_PHDR points at real program headers (%d PT_LOAD)", loads);
	is(getauxval(AT_PAGESZ), PAGE, "AT_PAGESZ");
	ok(getauxval(AT_ENTRY) == (unsigned long)_start, "AT_ENTRY is the entry point");
	ok(has(AT_BASE) && getauxval(AT_BASE) == 0, "AT_BASE is there, and 0: no interpreter");
	ok(has(AT_FLAGS) && getauxval(AT_FLAGS) == 0, "AT_FLAGS is 0");
	ok(has(AT_UID) && getauxval(AT_UID) == getuid(), "AT_UID");
	ok(has(AT_EUID) && getauxval(AT_EUID) == geteuid(), "AT_EUID");
	ok(has(AT_GID) && getauxval(AT_GID) == getgid(), "AT_GID");
	ok(has(AT_EGID) && getauxval(AT_EGID) == getegid(), "AT_EGID");
	ok(has(AT_SECURE) && getauxval(AT_SECURE) == 0, "AT_SECURE is 0");
	ok(getauxval(AT_RANDOM) != 0, "AT_RANDOM");
	is(getauxval(AT_CLKTCK), 100, "AT_CLKTCK");
	ok(getauxval(AT_HWCAP) & 1, "AT_HWCAP has the FPU bit of cpuid 1 edx");
	ok(has(AT_HWCAP2), "AT_HWCAP2");
	is_str((char *)getauxval(AT_PLATFORM), "x86_64", "AT_PLATFORM");
	is_str((char *)getauxval(AT_EXECFN), argv[0], "AT_EXECFN is the path given to execve");
	ok(getauxval(AT_MINSIGSTKSZ) >= 1024, "AT_MINSIGSTKSZ (%lu)", getauxval(AT_MINSIGSTKSZ));

	char file[4096];
	int fd = open("/proc/self/auxv", O_RDONLY);
	if (fd < 0) {
		skip(1, "no /proc/self/auxv");
	} else {
		ssize_t len = read(fd, file, sizeof file);
		ok(len >= 16 && !memcmp(file, vector(), len), "/proc/self/auxv is the same vector");
	}
	ok((uintptr_t)vector() % 8 == 0 && (uintptr_t)(argv - 1) % 16 == 0,
	   "the stack pointer was 16-aligned at entry");

	unsigned char a[16] = { 0 }, b[16] = { 0 };
	int p[2];
	xpipe(p);
	for (int i = 0; i < 2; i++) {
		pid_t pid = xfork();
		if (pid == 0) {
			dup2(p[1], 1);
			execl(self, self, "random", (char *)0);
			_exit(1);
		}
		wait_for(pid);
		if (read(p[0], i ? b : a, 16) != 16)
			bail("short read");
	}
	static const unsigned char zero[16];
	ok(memcmp(a, b, 16) != 0, "the random bytes differ from one exec to the next");
	ok(memcmp(a, zero, 16) && memcmp(b, zero, 16), "and are not zero");
	return done();
}
